// What a benchmark says of itself, in one shape whichever tool wrote it; and the checks that every number of it passes.

import { shortened } from '../core/foreign-text.js'
import { printable } from '../core/printable.js'
import type { ATTACHABLE } from '../results/attached.js'
import type { TimedLine } from '../results/request-times.js'

export type Tool = (typeof ATTACHABLE)[number]

/** Of the times in a file. Python's perf_counter is CLOCK_MONOTONIC on Linux, which is the clock of the readings. */
export type ForeignClock = 'monotonic' | 'wall'

/** Nanoseconds of that clock. */
export interface ForeignSpan {
  clock: ForeignClock
  startNs: number
  endNs: number
}

/** One benchmark: its own numbers, and when it ran. Null is what it does not say. */
export interface ForeignBenchmark {
  /** Where a tool has several: "pp512", "concurrent@8". */
  name: string | null
  requests: number | null
  failed: number | null
  /** Begun and not finished: neither successful nor failed. */
  incomplete?: number | null
  inputTokens: number | null
  outputTokens: number | null
  /** Why there is no count of tokens. */
  tokensReason: string | null
  /** The tool's own results under its own names, in its own units. */
  own: Record<string, number>
  /** From the first request to the end of the last. */
  span: ForeignSpan | null
  /** All of its requests, in nanoseconds of the span's clock. */
  timed: readonly ForeignRequest[] | null
  /** Why the span or the requests are null. */
  timesReason: string | null
  /** Why its joules are those of no span of it, though it has times. */
  energyReason?: string | null
  /** When it was written as its file says, one of these (it may not say of which time zone); wall clock, milliseconds. */
  saidMs?: readonly number[]
}

/** What the files of a run say. */
export interface ForeignResult {
  version: string | null
  benchmarks: ForeignBenchmark[]
}

/** So many problems are kept; the rest is counted. */
const MOST_PROBLEMS = 50
/** Above that a number is no count: a run of a year at a million a second has less. */
const MOST_COUNT = 1e14
const MOST_SECONDS = 1e10

/** All that is wrong in files of others, with where it stands. */
export class Problems {
  readonly #kept: string[] = []
  #others = 0
  #missing: string | null = null

  add(where: string, what: string): void {
    if (this.#kept.length < MOST_PROBLEMS) this.#kept.push(printable(`${where}: ${what}`))
    else this.#others += 1
  }

  /** The same of something without which the benchmarks are not all: their tokens are not those of the whole command then. */
  missing(where: string, what: string): void {
    this.#missing ??= printable(`${where}: ${what}`)
    this.add(where, what)
  }

  /** The first thing that is missing; null where all is there. */
  get firstMissing(): string | null {
    return this.#missing
  }

  all(): string[] {
    return this.#others === 0 ? [...this.#kept] : [...this.#kept, `and ${this.#others} more`]
  }

  /** A whole number from 0; null where it is absent, and where it is none, which is told. */
  count(value: unknown, where: string): number | null {
    return this.#number(value, where, 'count', (n) => Number.isInteger(n) && n >= 0 && n <= MOST_COUNT)
  }

  /** A time or a span in seconds; null as above. */
  seconds(value: unknown, where: string): number | null {
    return this.#number(value, where, 'time in seconds', (n) => n >= 0 && n <= MOST_SECONDS)
  }

  /** A time or a span in nanoseconds; null as above. */
  nanoseconds(value: unknown, where: string): number | null {
    return this.#number(value, where, 'time in nanoseconds', (n) => n >= 0 && n <= MOST_SECONDS * 1e9)
  }

  #number(value: unknown, where: string, what: string, isOne: (value: number) => boolean): number | null {
    if (value === undefined || value === null) return null
    if (typeof value === 'number' && Number.isFinite(value) && isOne(value)) return value
    this.add(where, `${shortened(JSON.stringify(value) ?? typeof value, 40)} is no ${what}`)
    return null
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What lies at a path of keys; undefined where nothing does. */
export function at(value: unknown, ...keys: string[]): unknown {
  return keys.reduce<unknown>((inside, key) => (isRecord(inside) ? inside[key] : undefined), value)
}

/** The finite numbers among these. */
export function numbersOf(values: Record<string, unknown>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1]),
    ),
  )
}

/** A short text, for a name or a version. */
export function shortText(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? shortened(value, 200) : null
}

/** A request as it is read: nanoseconds of the file's clock, before it is known to lie in the run. */
export interface ForeignRequest
  extends Pick<TimedLine, 'start_ns' | 'end_ns' | 'ttft_ms' | 'input_tokens' | 'code'> {
  /** Null where the tool does not tell. */
  output_tokens: number | null
}

/** The code of a request that came to nothing: why, the tool's own file says. */
export const FOREIGN_FAILURE = 'FAILED'

/** From the start of the first to the end of the last; null for none. */
export function spanOf(clock: ForeignClock, requests: readonly ForeignRequest[]): ForeignSpan | null {
  if (requests.length === 0) return null
  let [startNs, endNs] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const each of requests) {
    startNs = Math.min(startNs, each.start_ns)
    endNs = Math.max(endNs, each.end_ns)
  }
  return { clock, startNs, endNs }
}

/** The sum, or null where one of them is not known. */
export function sumOrNull(values: Iterable<number | null | undefined>): number | null {
  let sum = 0
  for (const value of values) {
    if (value == null) return null
    sum += value
  }
  return sum
}
