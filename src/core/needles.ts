import type { Range } from './secret-shapes.js'

/** All searched texts begin with at least so many characters, by which they are found. */
const HEAD = 4
const BUCKETS = 65_536

/** Texts of one length, among which one is found in a single step. */
interface SameLength {
  length: number
  needles: Set<string>
}

/** Many texts that are searched for at once, in time that hardly grows with their number. */
export class Needles {
  /** Of the longest one. */
  longest = 0
  /** 1 for the hash of a beginning: at almost all places of a text this is all that is asked. */
  readonly #begins = new Uint8Array(BUCKETS)
  /** Those whose beginning has this hash, the longest first. */
  readonly #buckets = new Map<number, SameLength[]>()

  get all(): string[] {
    return [...this.#buckets.values()].flat().flatMap(({ needles }) => [...needles])
  }

  /** Texts shorter than 4 characters are left out. */
  add(needle: string): void {
    const { length } = needle
    if (length < HEAD) return
    const hash = headOf(needle)
    const bucket = this.#buckets.get(hash) ?? []
    this.#buckets.set(hash, bucket)
    this.#begins[hash] = 1
    const same = bucket.find((each) => each.length === length)
    if (same === undefined) {
      bucket.push({ length, needles: new Set([needle]) })
      bucket.sort((a, b) => b.length - a.length)
    } else same.needles.add(needle)
    this.longest = Math.max(this.longest, length)
  }

  /** Where any of them is; the longest one at each place. */
  in(text: string): Range[] {
    const ranges: Range[] = []
    if (this.#buckets.size === 0) return ranges
    let hash = 0
    for (let end = 0; end < text.length; end += 1) {
      hash = next(hash, text.charCodeAt(end))
      const at = end + 1 - HEAD
      if (at < 0 || this.#begins[hash] === 0) continue
      const found = this.#buckets
        .get(hash)
        ?.find(({ length, needles }) => needles.has(text.slice(at, at + length)))
      if (found !== undefined) ranges.push({ start: at, end: at + found.length })
    }
    return ranges
  }
}

/**
 * The hash of the last four characters, from that of the four before and the next one: a shift by four bits has pushed out
 * of sixteen what is older. So each character of all that is written is looked at once.
 */
function next(hash: number, code: number): number {
  return ((hash << 4) ^ code) & (BUCKETS - 1)
}

function headOf(text: string): number {
  let hash = 0
  for (let at = 0; at < HEAD; at += 1) hash = next(hash, text.charCodeAt(at))
  return hash
}
