// The real llama-server, which build-llama-server.mjs builds.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { within } from './processes.js'
import { installedLlamacpp, testDataDir } from './tiny-model.js'

const builder = fileURLToPath(new URL('./build-llama-server.mjs', import.meta.url))

/** Long enough to build it beside other tests. */
export const BUILD_TIMEOUT_MS = 30 * 60_000

/** Where it is, or why it cannot be built here. */
export async function llamaServer(): Promise<
  { path: string; reason: null } | { path: null; reason: string }
> {
  await installedLlamacpp()
  return JSON.parse((await promisify(execFile)(process.execPath, [builder, testDataDir])).stdout)
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
