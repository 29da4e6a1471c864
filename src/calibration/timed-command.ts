import { spawn } from 'node:child_process'
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { longestSecret, mask } from '../core/secrets.js'

const TAIL_LINES = 12
const TAIL_BYTES = 4096

/**
 * Runs a command to its end and answers how many seconds it took; null when it was aborted, which ends it and all that
 * it started. Throws COMMAND_NOT_STARTED, and COMMAND_FAILED with the end of what it printed.
 */
export async function timeCommand(
  [program = '', ...args]: readonly string[],
  { verbose, signal }: { verbose: boolean; signal: AbortSignal },
): Promise<number | null> {
  if (signal.aborted) return null
  const output = openOutput()
  try {
    const startNs = process.hrtime.bigint()
    // A file, not a pipe: whoever reads a pipe takes time from the command. A group of its own, to end it whole.
    const stdio = verbose ? 2 : output
    const child = spawn(program, args, { stdio: ['ignore', stdio, stdio], detached: true })
    const kill = (how: NodeJS.Signals) => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, how)
      } catch {
        // The group is gone already.
      }
    }
    const killNow = () => kill('SIGKILL')
    const end = () => {
      kill('SIGTERM')
      setTimeout(killNow, 2_000).unref()
    }
    signal.addEventListener('abort', end)
    // A second Ctrl-C ends llem at once.
    process.once('exit', killNow)
    const exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(notStarted(program, error)))
      child.once('exit', (code, killedBy) =>
        resolve(killedBy ? 128 + constants.signals[killedBy] : (code ?? 1)),
      )
    }).finally(() => {
      signal.removeEventListener('abort', end)
      process.off('exit', killNow)
    })
    const tookS = Number(process.hrtime.bigint() - startNs) / 1e9
    killNow() // What it started, if it left any.
    if (signal.aborted) return null
    if (exitCode !== 0) throw failed(exitCode, verbose ? '' : tailOf(output))
    return tookS
  } finally {
    closeSync(output)
  }
}

/** A file without a name, gone when it is closed. */
function openOutput(): number {
  const folder = mkdtempSync(join(tmpdir(), 'llem-output-'))
  const file = openSync(join(folder, 'output'), 'w+')
  rmSync(folder, { recursive: true })
  return file
}

function tailOf(file: number): string {
  const { size } = fstatSync(file)
  // A secret may be cut in half where the tail begins: so much more is read, and left away once the others are masked.
  const spare = longestSecret()
  const tail = Buffer.alloc(Math.min(size, TAIL_BYTES + spare))
  readSync(file, tail, 0, tail.length, size - tail.length)
  const text = mask(tail.toString('utf8')).slice(size > tail.length ? spare : 0)
  return text.trim().split('\n').slice(-TAIL_LINES).join('\n')
}

function failed(exitCode: number, tail: string): LlemError {
  return new LlemError(`The command failed with exit code ${exitCode}${tail === '' ? '.' : `:\n${tail}`}`, {
    code: 'COMMAND_FAILED',
    hint: 'Only a command that succeeds each time can be compared with itself; try it alone first.',
  })
}

function notStarted(program: string, cause: Error): LlemError {
  return new LlemError(`${program} could not be started: ${messageOf(cause)}.`, {
    code: 'COMMAND_NOT_STARTED',
    hint: 'Check its spelling and PATH.',
    kind: 'usage',
    cause,
  })
}
