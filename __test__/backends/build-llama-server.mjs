// The real llama-server and llama-bench beside it, built from the source that lies inside node-llama-cpp as a git bundle: no download beside
// that of the package. Once; it takes 5 to 10 minutes of 2 cores.
//
// node build-llama-server.mjs DATA_DIR prints where it is, or why it cannot be built here, as JSON.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { installBackend } from '../../dist/backends/install.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../.cache/test/llama-server', import.meta.url))

/** Optimised enough to serve a tiny model, and no more: the compiler is what takes the time. */
const CMAKE_OPTIONS = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DCMAKE_C_FLAGS_RELEASE=-O2',
  '-DCMAKE_CXX_FLAGS_RELEASE=-O1',
  '-DBUILD_SHARED_LIBS=OFF',
  '-DGGML_OPENMP=OFF',
  '-DGGML_LLAMAFILE=OFF',
  '-DLLAMA_CURL=OFF',
  '-DLLAMA_OPENSSL=OFF',
  '-DLLAMA_BUILD_UI=OFF',
  '-DLLAMA_USE_PREBUILT_UI=OFF',
  '-DLLAMA_BUILD_TESTS=OFF',
  '-DLLAMA_BUILD_EXAMPLES=OFF',
  '-DLLAMA_BUILD_APP=OFF',
  '-DLLAMA_ALL_WARNINGS=OFF',
]

/** The second shares all but its own file with the first. */
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
      await build(join(source, 'gitRelease.bundle'), join(folder, tag))
  })
  return { path, reason: null }
}

async function build(bundle, place) {
  const source = join(folder, 'source')
  const made = join(folder, 'build')
  const options = { maxBuffer: 64 * 1024 * 1024 }
  for (const each of [source, made]) rmSync(each, { recursive: true, force: true })
  await run('git', ['clone', '--quiet', bundle, source], options)
  await run('cmake', ['-S', source, '-B', made, ...CMAKE_OPTIONS], options)
  const jobs = String(availableParallelism())
  await run('nice', ['cmake', '--build', made, '--target', ...PROGRAMS, '-j', jobs], options)
  mkdirSync(place, { recursive: true })
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
