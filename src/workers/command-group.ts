// A command in a process group of its own, so that it is ended with all that it started.

import { spawn } from 'node:child_process'
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { longestSecret, mask } from '../core/secrets.js'

const TAIL_LINES = 12
const TAIL_BYTES = 4096
/** What a command is given to end by itself. */
const PATIENCE_MS = 2_000

export interface GroupEnd {
  /** The command's own, or 128 + the signal that ended it, as shells say it. */
  exitCode: number
  signal: NodeJS.Signals | null
  /** From before it is started until its end is seen. */
  tookS: number
  /** CPU time of it and of what it waited for, in steps of 10 ms; null where the system does not tell. */
  userS: number | null
  systemS: number | null
}

/** Where its streams go: a file's number, or nowhere. */
export interface GroupStreams {
  stdout: number | 'ignore'
  stderr: number | 'ignore'
}

/**
 * Runs a command to its end, without a terminal's input; null when it was aborted, which ends it and all that it started.
 * What it leaves running is ended with it. Throws COMMAND_NOT_STARTED.
 */
export async function runGroup(
  [program = '', ...args]: readonly string[],
  { stdout, stderr, signal }: GroupStreams & { signal: AbortSignal },
): Promise<GroupEnd | null> {
  if (signal.aborted) return null
  const before = childrenCpuS()
  const startNs = process.hrtime.bigint()
  const child = spawn(program, args, { stdio: ['ignore', stdout, stderr], detached: true })
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
    setTimeout(killNow, PATIENCE_MS).unref()
  }
  signal.addEventListener('abort', end)
  // A second Ctrl-C ends llem at once.
  process.once('exit', killNow)
  const ended = await new Promise<Pick<GroupEnd, 'exitCode' | 'signal'>>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(notStarted(program, error)))
    child.once('exit', (code, killedBy) =>
      resolve({ exitCode: killedBy ? 128 + constants.signals[killedBy] : (code ?? 1), signal: killedBy }),
    )
  }).finally(() => {
    signal.removeEventListener('abort', end)
    process.off('exit', killNow)
  })
  const tookS = Number(process.hrtime.bigint() - startNs) / 1e9
  const after = childrenCpuS()
  killNow() // What it started, if it left any.
  if (signal.aborted) return null
  const cpu = (part: 'userS' | 'systemS') =>
    before === null || after === null ? null : after[part] - before[part]
  return { ...ended, tookS, userS: cpu('userS'), systemS: cpu('systemS') }
}

/** A file without a name, gone when it is closed: whoever reads a pipe takes time from the command. */
export class KeptOutput {
  readonly file: number

  constructor() {
    const folder = mkdtempSync(join(tmpdir(), 'llem-output-'))
    this.file = openSync(join(folder, 'output'), 'a+')
    rmSync(folder, { recursive: true })
  }

  /** For the next command: it writes at the end, wherever the one before has ended. */
  empty(): void {
    ftruncateSync(this.file)
  }

  /** Its last lines. */
  tail(): string {
    const { size } = fstatSync(this.file)
    // A secret may be cut in half where the tail begins: so much more is read, and left away once the others are masked.
    const spare = longestSecret()
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES + spare))
    readSync(this.file, tail, 0, tail.length, size - tail.length)
    const text = mask(tail.toString('utf8')).slice(size > tail.length ? spare : 0)
    return text.trim().split('\n').slice(-TAIL_LINES).join('\n')
  }

  close(): void {
    closeSync(this.file)
  }
}

/** A kernel tells times to programs in 1/100 s on every platform that llem has (USER_HZ). */
const TICKS_PER_S = 100

/** CPU time of the children that have ended and were waited for (proc_pid_stat(5): cutime, cstime). */
function childrenCpuS(): { userS: number; systemS: number } | null {
  try {
    const stat = readFileSync('/proc/self/stat', 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [userS, systemS] = [Number(fields[13]) / TICKS_PER_S, Number(fields[14]) / TICKS_PER_S]
    return Number.isFinite(userS) && Number.isFinite(systemS) ? { userS, systemS } : null
  } catch {
    return null
  }
}

function notStarted(program: string, cause: NodeJS.ErrnoException): LlemError {
  const why = cause.code === 'ENOENT' ? 'there is no such command' : messageOf(cause)
  return new LlemError(`${printable(program)} could not be started: ${why}.`, {
    code: 'COMMAND_NOT_STARTED',
    hint: 'Check its spelling and PATH.',
    kind: 'usage',
    cause,
  })
}
