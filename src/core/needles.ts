import type { Range } from './secret-shapes.js'

/** All searched texts begin with at least so many characters, by which they are found. */
const HEAD = 4
const BUCKETS = 65_536

/** Many texts that are searched for at once, in time that does not grow with their number. */
export class Needles {
  /** Of the longest one. */
  longest = 0
  /** Those whose beginning has this hash, the longest first. */
  readonly #buckets = new Map<number, string[]>()

  get all(): string[] {
    return [...this.#buckets.values()].flat()
  }

  /** Texts shorter than 4 characters are left out. */
  add(needle: string): void {
    if (needle.length < HEAD) return
    const hash = hashAt(needle, 0)
    const bucket = this.#buckets.get(hash) ?? []
    if (bucket.includes(needle)) return
    this.#buckets.set(
      hash,
      [...bucket, needle].sort((a, b) => b.length - a.length),
    )
    this.longest = Math.max(this.longest, needle.length)
  }

  /** Where any of them is; the longest one at each place. */
  in(text: string): Range[] {
    const ranges: Range[] = []
    if (this.#buckets.size === 0) return ranges
    for (let at = 0; at + HEAD <= text.length; at += 1) {
      const needle = this.#buckets.get(hashAt(text, at))?.find((each) => text.startsWith(each, at))
      if (needle !== undefined) ranges.push({ start: at, end: at + needle.length })
    }
    return ranges
  }
}

/** Cheap, because it is asked at each character of all that is written. */
function hashAt(text: string, at: number): number {
  return (
    ((text.charCodeAt(at) << 9) ^
      (text.charCodeAt(at + 1) << 6) ^
      (text.charCodeAt(at + 2) << 3) ^
      text.charCodeAt(at + 3)) &
    (BUCKETS - 1)
  )
}
