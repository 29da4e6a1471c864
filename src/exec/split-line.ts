// A command line as one text -> its arguments, without a shell. What only a shell understands is refused: passed on in
// silence it would be another command than the one that was meant.

import { split } from 'shlex'
import { messageOf } from '../core/errors.js'

/** The arguments, or why the text is no plain command line, as the end of a sentence. */
export type SplitLine = { args: string[] } | { problem: string }

export function splitLine(line: string): SplitLine {
  const found = shellSyntaxIn(line)
  if (found !== null) return { problem: `${found} is for a shell to read: add --shell, or quote it` }
  try {
    const args = split(line)
    return args[0] === undefined || args[0] === '' ? { problem: 'there is no command in it' } : { args }
  } catch (error) {
    const inQuote = messageOf(error).includes('quoted')
    return { problem: inQuote ? 'a quote is not closed' : 'it ends with a backslash' }
  }
}

/** What is quoted, or follows a backslash, which means itself in most places. */
const QUOTED = /\\[\s\S]|'[^']*'|"(?:\\[\s\S]|[^"\\])*"/g
/** In double quotes a shell still reads these, and after a backslash it takes the backslash away. */
const READ_IN_QUOTES = /^"[\s\S]*?([$`])/

/** Of what is not quoted, in the order in which they are looked for. */
const SYNTAX: readonly [name: string, pattern: RegExp][] = [
  ['a pipe', /\|/],
  ['&&', /&&/],
  ['&', /&/],
  [';', /;/],
  ['a redirection', /[<>]/],
  ['a line break', /\n/],
  ['`', /`/],
  ['$', /\$/],
  ['a parenthesis', /[()]/],
  ['a pattern for files', /[*?]|\[[^\]\s]*\]/],
  ['a set in braces', /\{[^{}\s]*(?:,|\.\.)[^{}\s]*\}/],
  ['~', /(?:^|[\s=:])~/],
  ['a comment', /(?:^|\s)#/],
  ['a variable that is set for the command', /^\s*[A-Za-z_]\w*=/],
]

function shellSyntaxIn(line: string): string | null {
  for (const [text] of line.matchAll(QUOTED)) {
    // It is taken away with the backslash, so that what stands before and after it is one word.
    if (!text.startsWith("'") && text.includes('\\\n')) return 'a line that goes on'
    const read = READ_IN_QUOTES.exec(text)
    if (read !== null) return `${read[1]} in double quotes`
  }
  const bare = line.replace(QUOTED, '_')
  return SYNTAX.find(([, pattern]) => pattern.test(bare))?.[0] ?? null
}
