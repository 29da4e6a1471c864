/** Colours and the like (SGR of ECMA-48): programs send them to pipes too, and they do no harm but to a log. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: it is control characters that are looked for
const COLOUR = /\u001B\[[\d;:]*m/g

/** Text from elsewhere may move a cursor or turn the reading direction: shows such characters by their code instead. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\u2028\u2029]/gu,
    (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`,
  )
}

/** The same for text that has lines and tabs of its own. */
export function printableLines(text: string): string {
  return text.replace(/[^\n\t]+/g, printable)
}

/** JSON that does nothing to a terminal, and means the same: JSON itself escapes only what is below a space. */
export function printableJson(json: string): string {
  // Megabytes of plain ASCII are no rarity.
  if (!/[^\0-~]/.test(json)) return json
  return json.replace(/[\u007F-\u009F\u2028\u2029]|\p{Cf}/gu, (char) =>
    Array.from(
      { length: char.length },
      (_, at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}

/** A line of a child's log without its colours. */
export function withoutColour(line: string): string {
  return line.replace(COLOUR, '')
}
