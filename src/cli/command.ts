import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { Exit } from './exit.js'

export interface CommandEnd {
  /** The command's own, or 128 + the signal that ended it, as shells say it. */
  exitCode: number
  signal: NodeJS.Signals | null
  /**
   * Whether a Ctrl-C was typed at this terminal, which then shows ^C where the line was. Asked for late: on a busy machine
   * the end of the command that it ended is told first.
   */
  wasTyped: () => boolean
  /** Resolves once all that it printed is read and handed on, or what it left running holds its output for too long. */
  allRead: () => Promise<void>
}

/** A process that a command leaves behind may hold its output open for ever. */
const LAST_WORDS_MS = 2_000

const FORWARDED: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2']

/**
 * Runs a command with this terminal until it ends, passing signals on. From then on no signal ends llem itself, not
 * even one that comes after the command's end: the result is still to be written. Ends with exit code 127 (not found)
 * or 126 (not executable) where the command cannot start, as shells do.
 */
export async function runCommand(
  args: readonly string[],
  { stdoutToStderr, onStdout }: { stdoutToStderr: boolean; onStdout?: ((chunk: Buffer) => void) | undefined },
): Promise<CommandEnd> {
  const [command, ...rest] = args
  if (command === undefined || command === '') {
    throw new LlemError('There is no command to run.', {
      code: 'COMMAND_MISSING',
      hint: 'Put it after --, as in `llem exec -- sleep 1`.',
      kind: 'usage',
    })
  }
  const stdout = onStdout !== undefined ? 'pipe' : stdoutToStderr ? 2 : 'inherit'
  const child = spawn(command, rest, { stdio: ['inherit', stdout, 'inherit'] })
  const read = child.stdout === null ? null : handOn(child.stdout, stdoutToStderr, onStdout)
  let wasTyped = false
  const forward = (signal: NodeJS.Signals) => {
    // On Ctrl-C the terminal has told the command already; a second one often means "stop at once".
    if (signal === 'SIGINT' && (process.stdin.isTTY || process.stderr.isTTY)) {
      wasTyped = true
      return
    }
    child.kill(signal)
  }
  for (const signal of FORWARDED) process.on(signal, forward)
  return await new Promise<CommandEnd>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(cannotStart(command, error)))
    child.once('exit', (code, signal) =>
      resolve({
        exitCode: signal === null ? (code ?? 1) : 128 + constants.signals[signal],
        signal,
        wasTyped: () => wasTyped,
        allRead: async () => {
          await Promise.race([read, sleep(LAST_WORDS_MS, undefined, { ref: false })])
        },
      }),
    )
  })
}

/** Everything as it comes, byte for byte, no faster than whoever reads it. Resolves when there is no more. */
function handOn(
  from: Readable,
  stdoutToStderr: boolean,
  onStdout: ((chunk: Buffer) => void) | undefined,
): Promise<void> {
  const to = stdoutToStderr ? process.stderr : process.stdout
  from.on('data', (chunk: Buffer) => {
    onStdout?.(chunk)
    if (to.write(chunk)) return
    from.pause()
    to.once('drain', () => from.resume())
  })
  return new Promise((resolve) => {
    from.once('close', resolve)
  })
}

function cannotStart(command: string, error: NodeJS.ErrnoException): Exit {
  const missing = error.code === 'ENOENT'
  const why = missing ? 'there is no such command' : error.message
  process.stderr.write(
    `llem: ${printable(command)} could not be started: ${printable(why)}. Check its spelling and PATH. [COMMAND_NOT_STARTED]\n`,
  )
  return new Exit(missing ? 127 : 126)
}
