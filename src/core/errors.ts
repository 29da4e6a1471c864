/** What went wrong, in terms of who can mend it: `usage` exits 2 (the person typed it), `runtime` exits 1. */
export type ErrorKind = 'usage' | 'runtime'

export interface LlemErrorOptions {
  /** Stable, screaming snake case, e.g. `MODEL_NOT_FOUND`: scripts may match on it. */
  code: string
  /** What to type or do next, one sentence; null only where nothing can be done. */
  hint: string | null
  kind?: ErrorKind
  cause?: unknown
}

/**
 * An expected failure. Its message is one sentence for a person, its code is for programs, and its hint says
 * what to do next. Anything else that is thrown is a bug.
 */
export class LlemError extends Error {
  readonly code: string
  readonly hint: string | null
  readonly kind: ErrorKind

  constructor(message: string, { code, hint, kind = 'runtime', cause }: LlemErrorOptions) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'LlemError'
    this.code = code
    this.hint = hint
    this.kind = kind
  }
}

/** The message of anything that was thrown, for a sentence that goes on. */
export function messageOf(error: unknown): string {
  return issueOf(error) ?? (error instanceof Error ? error.message : String(error))
}

/** The first problem of a schema that refused, whose own message is a list in JSON. Null for any other error. */
function issueOf(error: unknown): string | null {
  const { name, issues } = (error ?? {}) as { name?: unknown; issues?: unknown }
  if (typeof name !== 'string' || !name.endsWith('ZodError') || !Array.isArray(issues)) return null
  const [issue] = issues as { path?: unknown[]; message?: string }[]
  const place = issue?.path?.join('.') ?? ''
  return `${place === '' ? '' : `${place}: `}${issue?.message ?? 'it is not what it should be'}`
}
