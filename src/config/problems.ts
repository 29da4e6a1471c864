import { LlemError } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { mask } from '../core/secrets.js'

/** One thing to correct in a written configuration. */
export interface Problem {
  /** `exp.yaml:3:5`, `--set energy.interval_ms`, `LLEM_ENERGY__INTERVAL_MS` or a flag such as `-n`. */
  where: string
  /** The dotted key that it is about; null where it is about the text as a whole. */
  key: string | null
  message: string
  /** What was probably meant, e.g. "did you mean `interval_ms`?". */
  suggestion: string | null
}

/** A place in the written configuration; `order` sorts places as a person reads them. */
export interface Place {
  where: string
  order: number
}

/** A problem that still knows its place among the others. */
export interface Finding extends Omit<Problem, 'where'> {
  place: Place
}

/** The findings in reading order, each once, safe to print. */
export function toProblems(findings: readonly Finding[]): Problem[] {
  const sorted = [...findings].sort((a, b) => a.place.order - b.place.order)
  const problems = sorted.map(({ place, key, message, suggestion }) => ({
    where: printable(place.where),
    key: key === null ? null : printable(key),
    message: printable(message),
    suggestion: suggestion === null ? null : printable(suggestion),
  }))
  const seen = new Set<string>()
  return problems.filter((problem) => {
    const text = renderProblem(problem)
    return seen.has(text) ? false : seen.add(text)
  })
}

/** All problems, one line each, for a terminal. */
export function renderProblems(problems: readonly Problem[]): string {
  return problems.map(renderProblem).join('\n')
}

/** The problems as one error that exits with 2. */
export function configError(problems: readonly Problem[]): LlemError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new LlemError(`${count} in the configuration:\n${renderProblems(problems)}`, {
    code: 'CONFIG_INVALID',
    hint: 'Correct the places listed and run the same command again; nothing was started.',
    kind: 'usage',
  })
}

/** A written value in a message: `the text "ten"`, `0`, `null`, `a list`. */
export function given(value: unknown): string {
  if (typeof value === 'string') {
    // Masked first: the half of a secret is no secret that is known.
    const text = mask(value)
    const shown = text.length > 60 ? `${text.slice(0, 60)}...` : text
    return `the text ${JSON.stringify(shown)}`
  }
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object' && value !== null) return 'a mapping'
  return String(value)
}

function renderProblem({ where, message, suggestion }: Problem): string {
  return `${where}: ${message}${suggestion === null ? '' : `; ${suggestion}`}`
}
