// node scripts/build.mjs [addon] [simulator] [typescript]: builds what is named, by default everything.
// Cargo and tsc look for themselves what is out of date, so a second run does no work twice.
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const run = (command, ...args) => execFileSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
const parts = process.argv.length > 2 ? process.argv.slice(2) : ['addon', 'simulator', 'typescript']

const build = {
  addon() {
    const binding = 'crates/binding'
    run(
      join(root, 'node_modules/.bin/napi'),
      ...['build', '--release', '--platform', '--esm', '--js', 'index.js', '--dts', 'index.d.ts'],
      ...['--manifest-path', `${binding}/Cargo.toml`, '--package-json-path', 'package.json'],
      ...['--output-dir', binding, '--', '--locked'],
    )
  },
  simulator() {
    run('cargo', 'build', '--release', '--locked', '-p', 'nvml-sim')
    const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
    mkdirSync(join(root, 'crates/nvml-sim/lib'), { recursive: true })
    copyFileSync(join(target, 'release/libnvml_sim.so'), join(root, 'crates/nvml-sim/lib/libnvidia-ml.so.1'))
  },
  typescript() {
    // A file that was renamed must not live on in dist.
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    run(join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.json')
  },
}

for (const part of parts) {
  if (!(part in build)) throw new Error(`unknown part ${part}; there are ${Object.keys(build).join(', ')}`)
  build[part]()
}
