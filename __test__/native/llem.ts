// The built CLI as a process, as a shell would start it.

import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NativeEnergy } from '../../dist/results/energy.js'
import type { Finding } from '../../dist/results/findings.js'
import { plantedPlace } from '../setup/planted.js'

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
  tookMs: number
}

export interface Surroundings {
  env?: NodeJS.ProcessEnv
  cwd?: string
}

/** Starts a command; `ended` resolves when it is over and both its streams are read. */
export function startProcess(
  command: string,
  args: readonly string[],
  { env, cwd }: Surroundings = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const startMs = performance.now()
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    cwd,
  })
  const streams = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    streams.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    streams.stderr += text
  })
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      keepForSearch(streams)
      resolve({ code, signal, ...streams, tookMs: performance.now() - startMs })
    })
  })
  return { child, ended }
}

/** Where secrets are planted, what was shown is searched as well. */
function keepForSearch({ stdout, stderr }: { stdout: string; stderr: string }): void {
  const place = plantedPlace()
  if (place !== null) writeFileSync(join(place, `shown-${randomUUID()}`), `${stdout}\n${stderr}`)
}

export function startNode(args: readonly string[], surroundings?: Surroundings) {
  return startProcess(process.execPath, args, surroundings)
}

export function startLlem(args: readonly string[], surroundings?: Surroundings) {
  return startNode([BIN, ...args], surroundings)
}

export function llem(args: readonly string[], surroundings?: Surroundings): Promise<Ended> {
  return startLlem(args, surroundings).ended
}

/** What `llem exec --json` prints. */
export interface ExecResult {
  exit_code: number
  signal: string | null
  duration_sec: number | null
  simulated: boolean
  energy: NativeEnergy
  energy_reason: string | null
  findings: Finding[]
  timeseries_path: string | null
  samples_path: string | null
  /** Its folder; null without -o. */
  result_dir: string | null
}

/** Runs `llem exec --json` over a scenario and answers its result; a failure shows what llem said. */
export async function execOver(
  scenario: string,
  command: readonly string[],
  options: readonly string[] = [],
): Promise<ExecResult> {
  const { stdout, stderr } = await llem([
    'exec',
    '--simulate',
    scenario,
    '--json',
    ...options,
    '--',
    ...command,
  ])
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`llem printed no result: ${stdout}${stderr}`)
  }
}
