// What is a secret by its look, whatever it is called.

import { MASK } from './secret-names.js'

/** Half-open, in UTF-16 units. */
export interface Range {
  start: number
  end: number
}

/** In each the group `secret` is what nobody shall see; quotes end it, so that JSON stays JSON. */
const SHAPES: readonly RegExp[] = [
  // Hugging Face, OpenAI and those that copied it, GitHub, GitLab, NVIDIA, AWS, Slack.
  /(?<![A-Za-z0-9])(?<secret>hf_[A-Za-z0-9]{20,})/dg,
  /(?<![A-Za-z0-9])(?<secret>sk-(?=[\w-]*\d)[\w-]{16,})/dg,
  /(?<![A-Za-z0-9])(?<secret>(?:gh[pousr]_|github_pat_|glpat-|nvapi-)[\w-]{20,})/dg,
  /(?<![A-Za-z0-9])(?<secret>AKIA[0-9A-Z]{16}|xox[abprs]-[\w-]{16,})/dg,
  // A word in small letters after it is prose: "Bearer authentication".
  /\bbearer(?:\s|%20|\+)+(?!\[redacted\])(?![a-z]+(?![\w.~+/=-]))(?<secret>[\w.~+/=-]{8,})/dgi,
  /\bauthorization["']?\s*[:=]\s*["']?(?:(?:basic|token|digest)\s+)(?<secret>[^\s"',\\]{4,})/dgi,
  // https://name:password@host; without a colon only where it is no account of a version control system.
  /:\/\/(?!\[redacted\]@)(?<secret>[^\s/@"'`<>\\?#]*:[^\s/@"'`<>\\?#]*)@/dg,
  /\bhttps?:\/\/(?!\[redacted\]@)(?<secret>[^\s/@"'`<>\\?#:]+)@/dgi,
  /[?&](?:[\w-]*(?:token|secret|password|signature|api[-_]?key)|key|sig)=(?!\[redacted\])(?<secret>[^&\s"'#\\]+)/dgi,
]
/** Most text has none of them, and these say so at once: as one that ignores case they would take twice as long. */
const HINTS: readonly RegExp[] = [
  /hf_|sk-|gh[pousr]_|github_pat_|glpat-|nvapi-|AKIA|xox|:\/\/[^\s/"']*@|[?&][\w-]+=/,
  /bearer/i,
  /authorization/i,
]

/** Where a text has what looks like a secret. */
export function shapesIn(text: string): Range[] {
  if (!HINTS.some((hint) => hint.test(text))) return []
  return SHAPES.flatMap((shape) =>
    [...text.matchAll(shape)].flatMap((match) => {
      const [start, end] = match.indices?.groups?.secret ?? [0, 0]
      return end > start ? [{ start, end }] : []
    }),
  )
}

/** The text with each of the ranges masked; they may overlap. */
export function withoutRanges(text: string, ranges: readonly Range[]): string {
  if (ranges.length === 0) return text
  let result = ''
  let from = 0
  for (const { start, end } of merged(ranges)) {
    result += text.slice(from, start) + MASK
    from = end
  }
  return result + text.slice(from)
}

/** In order, without overlaps. */
export function merged(ranges: readonly Range[]): Range[] {
  const result: Range[] = []
  for (const range of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = result.at(-1)
    if (last !== undefined && range.start < last.end) last.end = Math.max(last.end, range.end)
    else result.push({ ...range })
  }
  return result
}
