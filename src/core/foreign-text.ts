import { LIMITS } from './limits.js'
import { printable } from './printable.js'
import { mask } from './secrets.js'

/** What others wrote, for a message: without secrets, cut to so many characters, and nothing that a terminal obeys. */
export function shortened(text: string, maxChars: number = LIMITS.listed_name_chars): string {
  // Masked first: what was cut in half would not be known any more.
  const shown = mask(text)
  const isLong = shown.length > maxChars
  return printable(isLong ? shown.slice(0, maxChars) : shown) + (isLong ? '...' : '')
}

/** Names for a sentence, no more than can be read. */
export function listedNames(names: readonly string[]): string {
  const shown = names.slice(0, LIMITS.listed_names).map((name) => shortened(name))
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

/** What is wrong with a file, a line each, no more than can be read. */
export function listedProblems(problems: readonly string[]): string {
  const rest = problems.length - LIMITS.listed_problems
  const shown = problems.slice(0, LIMITS.listed_problems).map((problem) => `  ${problem}`)
  return [...shown, ...(rest > 0 ? [`  and ${rest} more`] : [])].join('\n')
}
