// The lines that an external meter prints, one JSON object each:
//
//   {"t_ns": 123456789, "w": 350.5}     power in watts at a moment
//   {"t_ns": 123456789, "j": 1234567}   energy in joules since some moment, never falling
//   {"accuracy_pct": 1.5, "prints_new_only": true, "means": true}   once, before the readings: what the meter is; each key may be left out
//
// `t_ns` is CLOCK_MONOTONIC of this machine in nanoseconds; where it is left out, the line is of when it came.

import { shortened } from '../../core/foreign-text.js'

/** What was read at a moment (ns of CLOCK_MONOTONIC): watts, or joules of a counter. */
export interface Reading {
  tNs: number
  value: number
}

export type Quantity = 'power' | 'energy'

export type MeterLine =
  | ({ kind: 'reading'; quantity: Quantity; times: 'meter' | 'arrival' } & Reading)
  | { kind: 'hello'; accuracyPct: number | null; printsNewOnly: boolean; isMeans: boolean }
  | { kind: 'bad'; why: string }

/** The time at which a line came, by both clocks. */
export interface Arrival {
  /** CLOCK_MONOTONIC. */
  ns: number
  /** Milliseconds since 1970. */
  unixMs: number
}

/** A longer line is no reading. */
export const LONGEST_LINE = 1000
/** A BMC may answer late, but a reading older than this is of another time. */
const OLDEST_NS = 300e9
/** What two readings of one clock may be apart. */
const AHEAD_NS = 5e6
/** No building draws more. */
const MOST_W = 1e9
const MOST_J = 1e18
const KEYS = new Set(['t_ns', 'w', 'j'])
const HELLO = new Set(['accuracy_pct', 'prints_new_only', 'means'])
const HOW = 'it must be CLOCK_MONOTONIC of this machine in nanoseconds (in Python time.monotonic_ns())'

/** Reads one line. Never throws. */
export function parseMeterLine(line: string, arrival: Arrival): MeterLine {
  if (line.length > LONGEST_LINE) return bad(`a line is longer than ${LONGEST_LINE} characters`)
  let said: unknown
  try {
    said = JSON.parse(line)
  } catch {
    return bad(`${quoted(line)} is no JSON`)
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    return bad(`${quoted(line)} is no JSON object`)
  const tree = said as Record<string, unknown>
  const keys = Object.keys(tree)
  if (keys.length > 0 && keys.every((key) => HELLO.has(key))) return helloOf(tree, line)
  const unknown = keys.find((key) => !KEYS.has(key))
  if (unknown !== undefined) return bad(`${quoted(line)} has the unknown key ${quoted(unknown)}`)
  if ('w' in tree === 'j' in tree) return bad(`${quoted(line)} must have one of w and j`)
  const quantity = 'w' in tree ? 'power' : 'energy'
  const value = quantity === 'power' ? tree.w : tree.j
  const most = quantity === 'power' ? MOST_W : MOST_J
  if (typeof value !== 'number' || !(value >= 0 && value <= most))
    return bad(`${quoted(line)}: ${quantity === 'power' ? 'w' : 'j'} is no number from 0 on`)
  if (!('t_ns' in tree)) return { kind: 'reading', quantity, times: 'arrival', tNs: arrival.ns, value }
  const tNs = tree.t_ns
  if (typeof tNs !== 'number' || !Number.isFinite(tNs)) return bad(`${quoted(line)}: t_ns is no number`)
  const why = whyOtherClock(tNs, arrival)
  return why === null ? { kind: 'reading', quantity, times: 'meter', tNs, value } : bad(why)
}

function helloOf(tree: Record<string, unknown>, line: string): MeterLine {
  const { accuracy_pct: accuracy = null, prints_new_only: newOnly = false, means = false } = tree
  if (accuracy !== null && !(typeof accuracy === 'number' && accuracy > 0 && accuracy <= 100))
    return bad(`${quoted(line)}: accuracy_pct is no number above 0 and at most 100`)
  if (typeof newOnly !== 'boolean') return bad(`${quoted(line)}: prints_new_only is neither true nor false`)
  if (typeof means !== 'boolean') return bad(`${quoted(line)}: means is neither true nor false`)
  return { kind: 'hello', accuracyPct: accuracy as number | null, printsNewOnly: newOnly, isMeans: means }
}

/** Null for a time that can be one of this machine's. */
function whyOtherClock(tNs: number, { ns, unixMs }: Arrival): string | null {
  if (tNs <= ns + AHEAD_NS && tNs >= ns - OLDEST_NS) return null
  for (const [factor, unit] of UNITS) {
    if (near(tNs * factor, unixMs * 1e6)) return `t_ns is wall-clock time in ${unit}; ${HOW}`
    if (factor !== 1 && near(tNs * factor, ns)) return `t_ns is in ${unit}; ${HOW}`
  }
  const seconds = Math.abs(tNs - ns) / 1e9
  return `t_ns is ${seconds.toPrecision(3)} s ${tNs > ns ? 'ahead of' : 'behind'} this machine's clock; ${HOW}`
}

const UNITS: readonly [factor: number, unit: string][] = [
  [1, 'nanoseconds'],
  [1e3, 'microseconds'],
  [1e6, 'milliseconds'],
  [1e9, 'seconds'],
]

/** Whoever is a day away means another clock. */
function near(aNs: number, bNs: number): boolean {
  return Math.abs(aNs - bNs) < Math.min(86_400e9, bNs / 2)
}

function bad(why: string): MeterLine {
  return { kind: 'bad', why }
}

function quoted(text: string): string {
  return `"${shortened(text, 60)}"`
}
