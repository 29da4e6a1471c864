// node scripts/build.mjs [addon] [simulator] [typescript] [--target TRIPLE]: builds what is named, by default
// everything. A second run does no work twice. Each part is made aside and then put in place file by file, so that
// whoever runs llem or its tests meanwhile never meets half a build.
//
// The addon and the simulated library are put into npm/PLATFORM too, which is a package of its own. --target is for
// the packages of a release: it builds for another machine, or for an older glibc, with the toolchain of
// @napi-rs/cross-toolchain.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { filesBelow } from './files-below.mjs'
import { hostPlatform, platformOf } from './platform.mjs'
import { replaceFile } from './replace-file.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const scratch = join(root, '.cache/build')
const { values, positionals } = parseArgs({ allowPositionals: true, options: { target: { type: 'string' } } })
const { target } = values
const platform = target === undefined ? hostPlatform() : platformOf(target)

const build = { addon, simulator, typescript }
for (const part of positionals.length > 0 ? positionals : Object.keys(build)) {
  if (!(part in build)) throw new Error(`unknown part ${part}; there are ${Object.keys(build).join(', ')}`)
  mkdirSync(scratch, { recursive: true })
  const made = mkdtempSync(join(scratch, `${part}-`))
  const ok = build[part](made)
  rmSync(made, { recursive: true, force: true })
  // The compiler has said what is wrong; a stack trace would only push it off the screen.
  if (!ok) process.exit(1)
}

function addon(made) {
  const files = ['--js', 'index.js', '--dts', 'index.d.ts']
  if (!napiBuild(made, 'crates/binding', '--esm', ...files)) return false
  for (const name of readdirSync(made)) {
    replaceFile(join(made, name), join(root, 'crates/binding', name))
    if (name.endsWith('.node')) replaceFile(join(made, name), join(root, 'npm', platform, name))
  }
  return true
}

function simulator(made) {
  const library = target === undefined ? hostSimulator() : crossSimulator(made)
  if (library === null) return false
  replaceFile(library, join(root, 'crates/nvml-sim/lib/libnvidia-ml.so.1'))
  replaceFile(library, join(root, 'npm', platform, 'sim/libnvidia-ml.so.1'))
  return true
}

function hostSimulator() {
  if (!run('cargo', 'build', '--release', '--locked', '-p', 'nvml-sim')) return null
  return join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'release/libnvml_sim.so')
}

/** It is no addon, but this is the command that brings the cross toolchain. */
function crossSimulator(made) {
  if (!napiBuild(made, 'crates/nvml-sim', '--no-js')) return null
  const name = readdirSync(made).find((file) => file.endsWith('.node'))
  return name === undefined ? null : join(made, name)
}

function napiBuild(outputDir, crate, ...args) {
  return run(
    join(root, 'node_modules/.bin/napi'),
    ...['build', '--release', '--platform', ...args],
    ...['--manifest-path', `${crate}/Cargo.toml`, '--package-json-path', 'package.json'],
    ...['--output-dir', outputDir],
    ...(target === undefined ? [] : ['--target', target, '--use-napi-cross']),
    ...['--', '--locked'],
  )
}

/** Tsc takes no time where the content of what it reads is that of the last build and its output is all there. */
function typescript(made) {
  const dist = join(root, 'dist')
  const stamp = join(scratch, 'typescript.sha256')
  const sources = filesBelow(join(root, 'src'))
  const outputs = sources.flatMap((path) => [path.replace(/\.ts$/, '.js'), path.replace(/\.ts$/, '.d.ts')])
  const others = ['tsconfig.json', 'package.json', 'package-lock.json', 'crates/binding/index.d.ts']
  const state = digest([...sources.map((path) => join('src', path)), ...others])
  const isWhole = outputs.every((path) => existsSync(join(dist, path)))
  if (isWhole && existsSync(stamp) && readFileSync(stamp, 'utf8') === state) return true

  const ok = run(join(root, 'node_modules/.bin/tsc'), '-p', 'tsconfig.json', '--outDir', made)
  // As tsc does by itself: a type error in one file does not keep the others from being tried out.
  for (const path of filesBelow(made)) replaceFile(join(made, path), join(dist, path))
  // A file that was renamed must not live on.
  for (const path of filesBelow(dist)) if (!outputs.includes(path)) rmSync(join(dist, path))
  if (ok) writeFileSync(stamp, state)
  return ok
}

function digest(paths) {
  const hash = createHash('sha256')
  for (const path of paths)
    hash
      .update(`${path}\0`)
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

function run(command, ...args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] })
  if (error) console.error(`${command} does not start: ${error.message}`)
  return status === 0
}
