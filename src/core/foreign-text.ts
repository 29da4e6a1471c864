import { LIMITS } from './limits.js'

/** What others wrote, so that it cannot move a cursor or turn the reading direction: such characters by their code. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** The same, cut to so many characters. */
export function shortened(text: string, maxChars: number = LIMITS.listed_name_chars): string {
  const isLong = text.length > maxChars
  return printable(isLong ? text.slice(0, maxChars) : text) + (isLong ? '...' : '')
}

/** Names for a sentence, no more than can be read. */
export function listedNames(names: readonly string[]): string {
  const shown = names.slice(0, LIMITS.listed_names).map((name) => shortened(name))
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
