// The real llama-server, built from the source that lies inside node-llama-cpp as a git bundle: no download beside
// that of the package. Once; it takes 5 to 10 minutes of 2 cores.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isRunning, within } from './processes.js'
import { installedLlamacpp } from './tiny-model.js'

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../../.cache/test/llama-server', import.meta.url))

/** Long enough to build it beside other tests. */
export const BUILD_TIMEOUT_MS = 30 * 60_000

/** Where it is, or why it cannot be built here. */
export async function llamaServer(): Promise<
  { path: string; reason: null } | { path: null; reason: string }
> {
  const source = join(await installedLlamacpp(), 'node_modules/node-llama-cpp/llama')
  const { tag } = JSON.parse(readFileSync(join(source, 'llama.cpp.info.json'), 'utf8'))
  const path = join(folder, tag, 'llama-server')
  if (existsSync(path)) return { path, reason: null }
  for (const program of ['cmake', 'git', 'c++']) {
    const isThere = await run(program, ['--version']).then(
      () => true,
      () => false,
    )
    if (!isThere) return { path: null, reason: `${program} is missing (scripts/setup-debian.sh)` }
  }
  await alone(async () => {
    if (!existsSync(path)) await build(join(source, 'gitRelease.bundle'), path)
  })
  return { path, reason: null }
}

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

async function build(bundle: string, path: string): Promise<void> {
  const source = join(folder, 'source')
  const made = join(folder, 'build')
  const options = { maxBuffer: 64 * 1024 * 1024 }
  for (const place of [source, made]) rmSync(place, { recursive: true, force: true })
  await run('git', ['clone', '--quiet', bundle, source], options)
  await run('cmake', ['-S', source, '-B', made, ...CMAKE_OPTIONS], options)
  const jobs = String(availableParallelism())
  await run('nice', ['cmake', '--build', made, '--target', 'llama-server', '-j', jobs], options)
  mkdirSync(join(path, '..'), { recursive: true })
  renameSync(join(made, 'bin/llama-server'), path)
  for (const place of [source, made]) rmSync(place, { recursive: true, force: true })
}

/** One process at a time, and after one that died. */
async function alone(work: () => Promise<void>): Promise<void> {
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

export interface RunningServer {
  child: ChildProcess
  baseUrl: string
  end(): Promise<void>
}

/** How llem is told to start it, with {model} and {port} to be filled in; one thread, because 2 on 2 cores crawl. */
export function llamaServerCommand(path: string, ...more: string[]): string[] {
  const listening = ['--host', '127.0.0.1', '--port', '{port}']
  return [path, '-m', '{model}', ...listening, '-c', '8192', '-np', '4', '-t', '1', '--no-ui', ...more]
}

/** Starts one that llem is to attach to. */
export async function startLlamaServer(
  path: string,
  model: string,
  env: NodeJS.ProcessEnv = {},
): Promise<RunningServer> {
  const port = await freePort()
  const [program = path, ...args] = llamaServerCommand(path).map((part) =>
    part.replace('{model}', model).replace('{port}', String(port)),
  )
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...env } })
  const baseUrl = `http://127.0.0.1:${port}`
  const end = async () => {
    child.kill('SIGKILL')
    await within(5000, () => child.exitCode !== null || child.signalCode !== null)
  }
  for (let tries = 0; tries < 300; tries += 1) {
    const health = await fetch(`${baseUrl}/health`).catch(() => null)
    if (health?.status === 200) return { child, baseUrl, end }
    await sleep(100)
  }
  await end()
  throw new Error('llama-server was not ready within 30 s')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
