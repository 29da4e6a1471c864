// node scripts/build.mjs [addon] [simulator] [typescript]: builds what is named, by default everything, for this
// machine. A second run does no work twice. Each part is made aside and then put in place file by file, so that
// whoever runs llem or its tests meanwhile never meets half a build.
//
// The addon and the simulated library are put into npm/PLATFORM too, which is a package of its own.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { filesBelow } from './files-below.mjs'
import { hostPlatform } from './platform.mjs'
import { replaceFile } from './replace-file.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = join(root, '.cache/build')
const platform = hostPlatform()
// What Node loads must share its libc; for musl Rust would link a libc into it.
if (platform.endsWith('-musl')) {
  process.env.RUSTFLAGS = `${process.env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`.trim()
}
// Loaded from where npm puts them: few commands need them, and bundled they would be a third of the package.
const NOT_BUNDLED = [
  '@huggingface/hub',
  '@huggingface/tokenizers',
  'd3-scale',
  'd3-shape',
  'hyparquet',
  'hyparquet-compressors',
  'hyparquet-writer',
  'undici',
]

/** Each by its name in dist/bundle. */
const BUNDLED = {
  main: 'cli/main.js',
  runner: 'executors/runner.js',
  'llamacpp-worker': 'backends/llamacpp/worker.js',
  'server-worker': 'backends/server/worker.js',
}

const build = { addon, simulator, typescript }
for (const part of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(build)) {
  if (!(part in build)) throw new Error(`unknown part ${part}; there are ${Object.keys(build).join(', ')}`)
  mkdirSync(scratch, { recursive: true })
  const made = mkdtempSync(join(scratch, `${part}-`))
  const ok = await build[part](made)
  rmSync(made, { recursive: true, force: true })
  // The compiler has said what is wrong; a stack trace would only push it off the screen.
  if (!ok) process.exit(1)
}

/** Cargo would see by itself that nothing changed, but not after a first build with napi's, which forces it once. */
function addon(made) {
  const crates = ['crates/meter', 'crates/binding/src'].flatMap(filesOf)
  const manifests = ['Cargo.toml', 'Cargo.lock', 'crates/binding/Cargo.toml', 'crates/binding/build.rs']
  const names = ['index.js', 'index.d.ts', `llem.${platform}.node`]
  return unlessCurrent(`addon-${platform}`, {
    inputs: [...crates, ...manifests, 'package.json', 'package-lock.json'],
    outputs: () => [...names.map((name) => `crates/binding/${name}`), `npm/${platform}/${names[2]}`],
    make() {
      const built = run(join(root, 'node_modules/.bin/napi'), [
        ...['build', '--release', '--platform', '--esm', '--js', names[0], '--dts', names[1]],
        ...['--manifest-path', 'crates/binding/Cargo.toml', '--package-json-path', 'package.json'],
        ...['--output-dir', made, '--', '--locked'],
      ])
      if (!built) return false
      for (const name of names) replaceFile(join(made, name), join(root, 'crates/binding', name))
      replaceFile(join(made, names[2]), join(root, 'npm', platform, names[2]))
      return true
    },
  })
}

function simulator() {
  if (!run('cargo', ['build', '--release', '--locked', '-p', 'nvml-sim'])) return false
  const library = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/libnvml_sim.so')
  replaceFile(library, join(root, 'crates/nvml-sim/lib/libnvidia-ml.so.1'))
  replaceFile(library, join(root, 'npm', platform, 'sim/libnvidia-ml.so.1'))
  return true
}

function typescript(made) {
  const sources = filesOf('src')
  return unlessCurrent('typescript', {
    inputs: [...sources, 'tsconfig.json', 'package.json', 'package-lock.json', 'crates/binding/index.d.ts'],
    outputs: () => filesOf('dist'),
    async make() {
      const compiled = run(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json', '--outDir', made])
      const bundled = await bundle(made)
      // As tsc does by itself: a type error in one file does not keep the others from being tried out.
      const dist = join(root, 'dist')
      const built = filesBelow(made)
      for (const path of built) replaceFile(join(made, path), join(dist, path))
      // A file that was renamed must not live on.
      const stale = compiled && bundled ? filesBelow(dist).filter((path) => !built.includes(path)) : []
      for (const path of stale) rmSync(join(dist, path))
      return compiled && bundled
    },
  })
}

/**
 * The command, and what it starts for every experiment, as few files with their packages in them: reading hundreds of
 * small ones costs a process a third of a second. What package.json calls #... is loaded from its own place.
 */
async function bundle(made) {
  try {
    const { rolldown } = await import('rolldown')
    const input = Object.fromEntries(Object.entries(BUNDLED).map(([name, path]) => [name, join(made, path)]))
    const bundled = await rolldown({
      input,
      platform: 'node',
      external: [/^#/, ...NOT_BUNDLED],
      logLevel: 'silent',
    })
    // Comments are read in src/, licences stand in THIRD-PARTY-LICENSES: without them the package is a twelfth smaller.
    await bundled.write({ dir: join(made, 'bundle'), format: 'esm', comments: false })
    await bundled.close()
    return true
  } catch (error) {
    console.error(`The bundle cannot be made: ${error.message}`)
    return false
  }
}

/** Makes the outputs unless they are what was made of these very inputs. */
async function unlessCurrent(name, { inputs, outputs, make }) {
  const stamp = join(scratch, `${name}.sha256`)
  const before = digest(inputs)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === `${before} ${digest(outputs())}`) return true
  const ok = await make()
  if (ok) writeFileSync(stamp, `${before} ${digest(outputs())}`)
  return ok
}

function filesOf(folder) {
  return filesBelow(join(root, folder)).map((path) => `${folder}/${path}`)
}

function digest(paths) {
  const hash = createHash('sha256')
  for (const path of paths) {
    hash.update(`${path}\0`)
    if (existsSync(join(root, path))) hash.update(readFileSync(join(root, path)))
    hash.update('\0')
  }
  return hash.digest('hex')
}

function run(command, args, stdout = 2) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', stdout, 2] })
  if (error) console.error(`${command} does not start: ${error.message}`)
  return status === 0
}
