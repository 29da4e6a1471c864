import { LlemError } from '../../core/errors.js'
import { systemFault } from '../../core/system-fault.js'
import { stopIfInterrupted } from '../../progress/wait.js'

/** What is looked at before an experiment. */
export const CHECKS = ['prompts', 'model', 'backend', 'server', 'devices', 'memory', 'disk'] as const
export type Check = (typeof CHECKS)[number]

/** What is in the way of an experiment. */
export interface PreflightProblem {
  check: Check
  /** Stable, e.g. MODEL_NOT_SERVED. */
  code: string
  message: string
  /** What to do; null where nothing can be done. */
  hint: string | null
  /** `usage`: what was typed is in the way; `runtime`: the machine or the server is. */
  kind: 'usage' | 'runtime'
}

/** What a preflight saw. Nothing is in the way where `problems` is empty. */
export interface PreflightReport {
  problems: PreflightProblem[]
  /** What was found in order, in sentences without their full stops. */
  seen: { check: Check; text: string }[]
}

/** Looks at several things and remembers all that is wrong with them. */
export class Findings {
  readonly seen: PreflightReport['seen'] = []
  readonly #errors: { check: Check; error: LlemError }[] = []

  /** Runs a check. What it expects to go wrong is kept and makes it null; a bug and an interruption are thrown. */
  async of<T>(check: Check, look: () => Promise<T> | T, signal?: AbortSignal): Promise<T | null> {
    try {
      return await look()
    } catch (thrown) {
      stopIfInterrupted(signal)
      const error = thrown instanceof LlemError ? thrown : systemFault(thrown)
      if (!(error instanceof LlemError)) throw thrown
      this.#errors.push({ check: checkOf(check, error.code), error })
      return null
    }
  }

  /** Keeps a sentence of what is well. */
  saw(check: Check, text: string): void {
    this.seen.push({ check, text })
  }

  report(): PreflightReport {
    const inOrder = <T extends { check: Check }>(list: readonly T[]) =>
      [...list].sort((a, b) => CHECKS.indexOf(a.check) - CHECKS.indexOf(b.check))
    const problems = inOrder(this.#errors).map(({ check, error: { code, message, hint, kind } }) => {
      return { check, code, message, hint, kind }
    })
    return { problems, seen: inOrder(this.seen) }
  }

  /** Throws what is wrong: one thing as itself, several as PREFLIGHT_FAILED. */
  throwAny(): void {
    const [first, ...others] = this.#errors
    if (first === undefined) return
    throw others.length === 0 ? first.error : allOf(this.report().problems)
  }
}

/** All problems as one error. */
export function allOf(problems: readonly PreflightProblem[]): LlemError {
  const lines = problems.map(({ message, hint, code }) => {
    const text = [message, hint].filter((part) => part !== null).map(sentence)
    return `  ${text.join(' ').replaceAll('\n', '\n  ')} [${code}]`
  })
  return new LlemError(
    `${problems.length} things are in the way, and nothing was measured:\n${lines.join('\n')}`,
    {
      code: 'PREFLIGHT_FAILED',
      hint: 'Mend them all, and see with --validate-only whether something is left.',
      kind: problems.every(({ kind }) => kind === 'usage') ? 'usage' : 'runtime',
    },
  )
}

/** What a server says is another check than what is installed here. */
function checkOf(check: Check, code: string): Check {
  if (check !== 'backend') return check
  if (code.startsWith('SERVER_') || code === 'MODEL_NOT_SERVED') return 'server'
  return code.startsWith('MODEL_') ? 'model' : check
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) || /^Run: /.test(text) ? text : `${text}.`
}
