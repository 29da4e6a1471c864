// Where the clock of a node is against that of the load process, by messages there and back. Every node's CLOCK_MONOTONIC begins
// with its own boot, so the offset is any number; what matters is how well it is known.

/** A message there and back, all four in nanoseconds of the CLOCK_MONOTONIC of whoever wrote them down. */
export interface RoundTrip {
  /** By the load process. */
  sentNs: number
  /** By the node. */
  receivedNs: number
  answeredNs: number
  /** By the load process. */
  gotNs: number
}

/** What one of them says: node minus load is within `bound_ns` of `offset_ns`, whatever either way took. */
export interface Exchange {
  /** When, by the load process: the middle between question and answer. */
  load_ns: number
  offset_ns: number
  bound_ns: number
}

/** The node's clock at a moment of the load's. */
export interface Offset {
  offsetNs: number
  boundNs: number
}

/**
 * By how much two clocks may drift apart: the kernel steers each by 500 parts in a million at most (MAXFREQ in timex.h), and
 * adjtime(3) by as much.
 */
const MOST_DRIFT = 1000e-6

/** A message cannot arrive before it is sent: the offset lies between the two differences. */
export function exchangeOf({ sentNs, receivedNs, answeredNs, gotNs }: RoundTrip): Exchange {
  const most = receivedNs - sentNs
  const least = answeredNs - gotNs
  return {
    load_ns: (sentNs + gotNs) / 2,
    offset_ns: (least + most) / 2,
    bound_ns: Math.max((most - least) / 2, 1),
  }
}

/** Of a burst the one that was on its way for the shortest time (as NTP's clock filter does). */
export function quickest(burst: readonly Exchange[]): Exchange | null {
  return burst.reduce<Exchange | null>(
    (best, each) => (best === null || each.bound_ns < best.bound_ns ? each : best),
    null,
  )
}

/**
 * The offset at a moment between two exchanges, in order; or why it cannot be bounded. Each neighbour says where it was, and
 * how far it may have gone since; the truth is in both.
 */
export function offsetAt(exchanges: readonly Exchange[], loadNs: number): Offset | string {
  const after = exchanges.findIndex((each) => each.load_ns >= loadNs)
  const [left, right] = [after < 0 ? exchanges.at(-1) : exchanges[after - 1], exchanges[after]]
  if (left === undefined) return 'no exchange with its clock is from before the window'
  if (right === undefined) return 'no exchange with its clock is from after the window'
  const within = ({ load_ns, offset_ns, bound_ns }: Exchange) => {
    const radius = bound_ns + Math.abs(loadNs - load_ns) * MOST_DRIFT
    return [offset_ns - radius, offset_ns + radius] as const
  }
  const [low, high] = [within(left), within(right)]
  const [least, most] = [Math.max(low[0], high[0]), Math.min(low[1], high[1])]
  if (least > most)
    return `its clock moved by ${Math.abs(right.offset_ns - left.offset_ns) / 1e6} ms against this one in ${(right.load_ns - left.load_ns) / 1e9} s, as no clock drifts`
  return { offsetNs: (least + most) / 2, boundNs: (most - least) / 2 }
}

/** Why the clock was not one clock between two moments: it jumped; null where it was. */
export function whyJumped(exchanges: readonly Exchange[]): string | null {
  for (const [position, right] of exchanges.entries()) {
    const left = exchanges[position - 1]
    if (left === undefined) continue
    const reason = offsetAt([left, right], (left.load_ns + right.load_ns) / 2)
    if (typeof reason === 'string') return reason
  }
  return null
}

/** How far `driftPpm` may be off by the bounds of both exchanges: what is not above it may be no drift. */
export function driftBoundPpm(exchanges: readonly Exchange[]): number {
  const [first, last] = [exchanges[0], exchanges.at(-1)]
  if (first === undefined || last === undefined || last.load_ns <= first.load_ns) return 0
  return ((first.bound_ns + last.bound_ns) / (last.load_ns - first.load_ns)) * 1e6
}

/** By how much the node's clock is faster, parts in a million, from the first to the last; 0 where there is one alone. */
export function driftPpm(exchanges: readonly Exchange[]): number {
  const [first, last] = [exchanges[0], exchanges.at(-1)]
  if (first === undefined || last === undefined || last.load_ns <= first.load_ns) return 0
  return ((last.offset_ns - first.offset_ns) / (last.load_ns - first.load_ns)) * 1e6
}
