import { LlemError } from '../core/errors.js'
import { printableLines } from '../core/printable.js'
import { systemFault } from '../core/system-fault.js'

/** What llem's exit codes mean. */
export const EXIT = { ok: 0, failed: 1, usage: 2, regression: 3, undecided: 4, interrupted: 130 } as const

/** Ends a command with this exit code; everything was said already. */
export class Exit extends Error {
  constructor(readonly exitCode: number) {
    super(`exit ${exitCode}`)
  }
}

/** The exit code of a failure. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof LlemError) {
    // ABORTED is what an interrupted installation ends with.
    if (error.code === 'INTERRUPTED' || error.code === 'ABORTED') return EXIT.interrupted
    return error.kind === 'usage' ? EXIT.usage : EXIT.failed
  }
  return EXIT.failed
}

/** Says what went wrong on stderr, in one paragraph, and answers the exit code. */
export function reportError(thrown: unknown, verbose: boolean): number {
  const error = thrown instanceof LlemError ? thrown : (systemFault(thrown) ?? thrown)
  process.stderr.write(`${printableLines(describe(error))}\n`)
  if (verbose) process.stderr.write(`${printableLines(stackOf(error))}\n`)
  return exitCodeOf(error)
}

function describe(error: unknown): string {
  if (error instanceof LlemError) {
    // Some messages are lists, and advice at the end of the last item would read as part of it.
    const gap = error.message.includes('\n') ? '\n' : ' '
    const text = gap === ' ' ? sentence(error.message) : error.message
    return `llem: ${text}${error.hint === null ? '' : `${gap}${sentence(error.hint)}`} [${error.code}]`
  }
  const message = error instanceof Error ? error.message : String(error)
  return `llem: this is a bug in llem: ${message}. Run it again with -v and report what it prints. [BUG]`
}

/** A command at the end keeps its last letter: a full stop would be typed along. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) || /^Run: /.test(text) ? text : `${text}.`
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
