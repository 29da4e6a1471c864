// LiteLLM's real proxy, installed once into a virtual environment of its own: 640 MB, a minute. It needs no GPU.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { scratchFolder } from '../native/scenario.js'
import { undisturbed } from './undisturbed.js'

const REQUIREMENT = 'litellm[proxy]==1.90.7'
const home = fileURLToPath(new URL('../../.cache/test-venv-litellm', import.meta.url))
/** Written last, so that an installation that was cut off is not taken for a whole one. */
const installed = join(home, 'installed.txt')

export const INSTALL_LIMIT_MS = 900_000
const START_LIMIT_MS = 120_000

/** Why it cannot be had here, or null. */
export function installLitellm(): string | null {
  if (existsSync(installed) && readFileSync(installed, 'utf8') === REQUIREMENT) return null
  rmSync(home, { recursive: true, force: true })
  const venv = spawnSync('python3', ['-m', 'venv', home], { encoding: 'utf8' })
  if (venv.status !== 0) return `python3 -m venv: ${venv.error?.message ?? venv.stderr}`
  const python = join(home, 'bin/python')
  const pip = spawnSync(python, ['-m', 'pip', 'install', '--quiet', REQUIREMENT], { encoding: 'utf8' })
  if (pip.status !== 0) return `pip install ${REQUIREMENT}: ${pip.stderr}`
  writeFileSync(installed, REQUIREMENT)
  return null
}

export interface RunningProxy {
  baseUrl: string
  end(): void
}

/** Starts the proxy in front of servers: the name of each model, and where the server that has it is. */
export async function startLitellm(models: Record<string, string>): Promise<RunningProxy> {
  const list = Object.entries(models).map(([name, api_base]) => ({
    model_name: name,
    litellm_params: { model: 'openai/zoo', api_base, api_key: 'none' },
  }))
  const config = join(scratchFolder(), 'litellm.yaml')
  // JSON is YAML.
  writeFileSync(config, JSON.stringify({ model_list: list, litellm_settings: { num_retries: 0 } }))
  const port = await freePort()
  const args = ['--config', config, '--host', '127.0.0.1', '--port', String(port)]
  // It asks nobody for prices of models.
  const env = { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', NO_PROXY: '127.0.0.1' }
  const [command = '', ...rest] = [...undisturbed, join(home, 'bin/litellm'), ...args]
  const child = spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = wordsOf(child)
  const baseUrl = `http://127.0.0.1:${port}`
  const startMs = performance.now()
  while (!(await isAlive(baseUrl))) {
    if (child.exitCode !== null || performance.now() - startMs > START_LIMIT_MS) {
      child.kill('SIGKILL')
      throw new Error(`LiteLLM did not start: ${said()}`)
    }
    await sleep(200)
  }
  return { baseUrl, end: () => child.kill('SIGKILL') }
}

async function isAlive(baseUrl: string): Promise<boolean> {
  const answer = await fetch(`${baseUrl}/health/liveliness`).catch(() => null)
  return answer?.ok === true
}

function wordsOf(child: ChildProcess): () => string {
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (data) => {
      said = `${said}${data}`.slice(-4000)
    })
  return () => said
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}
