// The real llama-server and llama-bench beside it, from the source that lies inside node-llama-cpp as a git bundle, over the libraries that it
// ships (llama-server.cmake): no download beside that of the package. Once; it takes a minute or two of 2 cores.
//
// node build-llama-server.mjs DATA_DIR prints where it is, or why it cannot be built here, as JSON.

import { execFile } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installBackend } from '../../dist/backends/install.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../.cache/test/llama-server', import.meta.url))

const OPTIONS = [
  // Its own code does little; the compiler is what takes the time.
  ...['-DCMAKE_CXX_FLAGS=-O0 -w', '-DCMAKE_C_FLAGS=-O0 -w', '-DCMAKE_BUILD_TYPE=Release'],
  ...['-DCMAKE_CXX_FLAGS_RELEASE=-DNDEBUG', '-DCMAKE_C_FLAGS_RELEASE=-DNDEBUG'],
  // The libraries lie beside the programs.
  ...['-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON', '-DCMAKE_INSTALL_RPATH=$ORIGIN'],
  ...['-DLLAMA_BUILD_UI=OFF', '-DLLAMA_USE_PREBUILT_UI=OFF'],
]

const PROGRAMS = ['llama-server', 'llama-bench']

const [dataDir] = process.argv.slice(2)
console.log(JSON.stringify(await llamaServer()))

async function llamaServer() {
  const installed = await installBackend('llamacpp', { gpu: 'none', dataDir })
  const source = join(installed.path, 'node_modules/node-llama-cpp/llama')
  const { tag } = JSON.parse(readFileSync(join(source, 'llama.cpp.info.json'), 'utf8'))
  const path = join(folder, tag, 'llama-server')
  const bench = join(folder, tag, 'llama-bench')
  if (existsSync(path) && existsSync(bench)) return { path, reason: null }
  for (const program of ['cmake', 'git', 'c++']) {
    const isThere = await run(program, ['--version']).then(
      () => true,
      () => false,
    )
    if (!isThere) return { path: null, reason: `${program} is missing (scripts/setup-debian.sh)` }
  }
  await alone(async () => {
    if (!existsSync(path) || !existsSync(bench))
      await build(join(source, 'gitRelease.bundle'), librariesIn(installed.path), join(folder, tag))
  })
  return { path, reason: null }
}

/** Where node-llama-cpp has llama.cpp, as libraries. */
function librariesIn(path) {
  const packages = join(path, 'node_modules/@node-llama-cpp')
  const [platform] = readdirSync(packages)
  return join(packages, platform, 'bins', platform)
}

async function build(bundle, libraries, place) {
  const source = join(folder, 'source')
  const made = join(folder, 'build')
  const options = { maxBuffer: 64 * 1024 * 1024 }
  for (const each of [source, made]) rmSync(each, { recursive: true, force: true })
  await run('git', ['clone', '--quiet', bundle, source], options)
  copyFileSync(new URL('llama-server.cmake', import.meta.url), join(source, 'CMakeLists.txt'))
  await run('cmake', ['-S', source, '-B', made, `-DPREBUILT=${libraries}`, ...OPTIONS], options)
  const jobs = String(availableParallelism())
  await run('cmake', ['--build', made, '--target', ...PROGRAMS, '-j', jobs], options)
  mkdirSync(place, { recursive: true })
  for (const name of readdirSync(libraries).filter((name) => name.endsWith('.so')))
    copyFileSync(join(libraries, name), join(place, name))
  for (const program of PROGRAMS) renameSync(join(made, 'bin', program), join(place, program))
  for (const each of [source, made]) rmSync(each, { recursive: true, force: true })
}

/** One process at a time, and after one that died. */
async function alone(work) {
  mkdirSync(folder, { recursive: true })
  const lock = join(folder, 'building.pid')
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' })
      break
    } catch {
      const holder = existsSync(lock) ? Number(readFileSync(lock, 'utf8')) : 0
      if (holder > 0 && !isRunning(holder)) rmSync(lock, { force: true })
      await sleep(500)
    }
  }
  try {
    await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
