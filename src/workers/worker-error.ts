import { LlemError } from '../core/errors.js'
import type { StderrTail } from './stderr-tail.js'

export type WorkerErrorCode = 'WORKER_DIED' | 'WORKER_TIMEOUT' | 'WORKER_PROTOCOL'

interface WorkerErrorOptions {
  code: WorkerErrorCode
  stderr: StderrTail
  exitCode?: number | null
  signal?: NodeJS.Signals | null
  cause?: unknown
}

/** A worker that died, hung past its limit or spoke nonsense, with the tail of what it wrote to stderr. */
export class WorkerError extends LlemError {
  /** At most the last 4 KiB. */
  readonly stderrTail: string
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null

  constructor(message: string, { code, stderr, exitCode = null, signal = null, cause }: WorkerErrorOptions) {
    super(code === 'WORKER_DIED' ? withCause(message, stderr) : message, {
      code,
      hint: hintFor(code, stderr, signal),
      cause,
    })
    this.name = 'WorkerError'
    this.stderrTail = stderr.text
    this.exitCode = exitCode
    this.signal = signal
  }
}

/** A process that ended because the system refused it something has said so last, and that is the first cause. */
function withCause(message: string, stderr: StderrTail): string {
  const refusal = /\bE(?:MFILE|NFILE|NOSPC|DQUOT|IO|ROFS|NOMEM): .{1,300}/.exec(stderr.text)?.[0]
  return refusal === undefined ? message : `${message}: ${refusal}`
}

function hintFor(code: WorkerErrorCode, stderr: StderrTail, signal: NodeJS.Signals | null): string {
  const lastLines = stderr.lastLines(3)
  const said = lastLines === null ? 'It wrote nothing to stderr.' : `Its last words: ${lastLines}`
  if (signal === 'SIGKILL')
    return `SIGKILL is how Linux ends a process when memory runs out; see dmesg. ${said}`
  if (code === 'WORKER_TIMEOUT') return `Raise the time limit if the model is just slow. ${said}`
  return said
}

/** Work that was given up because its AbortSignal fired. */
export function abortedError(what: string, signal: AbortSignal): LlemError {
  return new LlemError(`${what} was aborted`, { code: 'ABORTED', hint: null, cause: signal.reason })
}
