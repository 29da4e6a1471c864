// The programs of Slurm, called with lists of arguments, never through a shell.

import { execFile } from 'node:child_process'
import { LlemError, messageOf } from '../core/errors.js'
import { mask } from '../core/secrets.js'
import { adviceOnSubmission } from './advice.js'

export type SlurmProgram = 'sbatch' | 'squeue' | 'sacct' | 'scancel' | 'scontrol'

/** A controller that is being restarted answers only then; Slurm's own commands give up after about as long. */
const LIMIT_MS = 60_000
/** Thousands of jobs, a line each. */
const MAX_BYTES = 256 * 1024 ** 2

/** What sbatch says before it tries again for two minutes; a queue that is full stays so for longer. */
const RETRIES = /temporarily unable to accept job/i
const PATIENCE_MS = 5000

export interface Answer {
  code: number
  stdout: string
  stderr: string
}

/** Runs one and resolves with how it ended. Throws SLURM_MISSING and SLURM_SILENT. */
export function callSlurm(
  program: SlurmProgram,
  args: readonly string[],
  {
    env = process.env,
    signal,
    limitMs = LIMIT_MS,
  }: { env?: NodeJS.ProcessEnv; signal?: AbortSignal | undefined; limitMs?: number } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...env, SLURM_TIME_FORMAT: 'standard' },
      maxBuffer: MAX_BYTES,
      timeout: limitMs,
      killSignal: 'SIGKILL' as const,
    }
    const how = signal === undefined ? options : { ...options, signal }
    const child = execFile(program, [...args], how, (error, stdout, stderr) => {
      clearTimeout(patience)
      if (error === null) return resolve({ code: 0, stdout, stderr })
      if (error.code === 'ENOENT') return reject(missing(program))
      if (signal?.aborted) return reject(signal.reason)
      if (RETRIES.test(stderr)) return resolve({ code: 1, stdout, stderr })
      if (typeof error.code === 'number') return resolve({ code: error.code, stdout, stderr })
      reject(silent(program, limitMs, error))
    })
    let patience: NodeJS.Timeout | undefined
    child.stderr?.on('data', (text: string) => {
      if (RETRIES.test(text)) patience ??= setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    })
  })
}

/** The same where it has to work. Throws SLURM_REFUSED with the command, what Slurm says, and what to change. */
export async function mustCallSlurm(
  program: SlurmProgram,
  args: readonly string[],
  options: Parameters<typeof callSlurm>[2] = {},
): Promise<string> {
  const { code, stdout, stderr } = await callSlurm(program, args, options)
  if (code === 0) return stdout
  throw refused(program, args, stderr || stdout)
}

/** The error of a call that failed, with the command as it can be typed. */
export function refused(program: SlurmProgram, args: readonly string[], said: string): LlemError {
  const reasons = mask(said)
    .split('\n')
    .map((line) => line.replace(/^\w+: (error: )?/, '').trim())
    .filter((line) => line !== '')
  const command = [program, ...args].map(quoted).join(' ')
  return new LlemError(
    `\`${mask(command)}\` failed: ${[...new Set(reasons)].join('; ') || 'it did not say why'}`,
    {
      code: 'SLURM_REFUSED',
      hint: adviceOnSubmission(said),
    },
  )
}

/** As a shell would read it. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function missing(program: string): LlemError {
  return new LlemError(`${program} is not there: this machine is no login node of a Slurm cluster`, {
    code: 'SLURM_MISSING',
    hint: 'Run it on a login node, or load the module that brings Slurm.',
    kind: 'usage',
  })
}

function silent(program: string, limitMs: number, error: unknown): LlemError {
  return new LlemError(`${program} did not answer within ${limitMs / 1000} s (${messageOf(error)})`, {
    code: 'SLURM_SILENT',
    hint: 'Look with `scontrol ping` whether the controller is up, and try again.',
    cause: error,
  })
}
