// The energy of a window shared out among the requests in it: at each moment the power is shared equally among those in
// flight. Shares by tokens would need to know when each token was made, and shares by the length of the context a model
// of the engine; neither is measured.

import type { RequestTimes } from './request-times.js'

export interface Span {
  start_ns: number
  end_ns: number
}

/** The window cut wherever the number of requests in flight, or what they do, changes. */
export interface Pieces {
  /** In order, without repetition, from the start of the window to its end. */
  boundariesNs: Float64Array
  /** For each request the boundary at which it starts, gets its first token (-1: not observed) and ends. */
  start: Int32Array
  firstToken: Int32Array
  end: Int32Array
  /** For each piece the requests in flight, those before their first token and those after it. */
  inFlight: Int32Array
  prefilling: Int32Array
  decoding: Int32Array
}

/** The energy of each piece. */
export interface PieceEnergy {
  joules: Float64Array
  /** 1 where readings are missing, so that `joules` is a guess and belongs to nobody. */
  missing: Uint8Array
}

/** Cuts the window at every start, first token and end of a request. What lies outside of the window is cut off. */
export function cutAtRequests({ count, startNs, firstTokenNs, endNs }: RequestTimes, window: Span): Pieces {
  // Whole nanoseconds, as those of the readings are.
  const within = (ns: number) => Math.min(Math.max(Math.round(ns), window.start_ns), window.end_ns)
  const moments = new Float64Array(2 + 3 * count)
  moments[0] = window.start_ns
  moments[1] = window.end_ns
  for (let at = 0; at < count; at++) {
    const startsNs = within(startNs[at] as number)
    const first = firstTokenNs[at] as number
    moments[2 + 3 * at] = startsNs
    moments[3 + 3 * at] = Number.isNaN(first) ? startsNs : within(first)
    moments[4 + 3 * at] = within(endNs[at] as number)
  }
  const boundariesNs = unique(moments.sort())
  const indexOf = (ns: number) => positionIn(boundariesNs, within(ns))
  const start = Int32Array.from(startNs, indexOf)
  const end = Int32Array.from(endNs, indexOf)
  const firstToken = Int32Array.from(firstTokenNs, (ns) => (Number.isNaN(ns) ? -1 : indexOf(ns)))
  const [inFlight, prefilling, decoding] = [0, 0, 0].map(() => new Int32Array(boundariesNs.length)) as [
    Int32Array,
    Int32Array,
    Int32Array,
  ]
  for (let at = 0; at < count; at++) {
    const [from, first, to] = [start[at], firstToken[at], end[at]] as [number, number, number]
    mark(inFlight, from, to)
    if (first < 0) continue
    mark(prefilling, from, first)
    mark(decoding, first, to)
  }
  for (const changes of [inFlight, prefilling, decoding]) runningSum(changes)
  return { boundariesNs, start, firstToken, end, inFlight, prefilling, decoding }
}

/** What became of the joules. They add up to the energy of all pieces. */
export interface Shares {
  /** By request; NaN where readings are missing while it was in flight, or it has no time in the window. */
  energies: Float64Array
  idleJ: number
  /** Of missing readings, and of the requests that were in flight then. */
  unattributedJ: number
}

/** Shares the energy of each piece equally among the requests in flight. */
export function shareOut(pieces: Pieces, { joules, missing }: PieceEnergy): Shares {
  const { inFlight, start, end } = pieces
  const share = cumulative(joules, (joule, piece) => {
    const sharers = inFlight[piece] as number
    return missing[piece] === 1 || sharers === 0 ? 0 : joule / sharers
  })
  const holes = cumulative(joules, (_, piece) => missing[piece] as number)
  let [idleJ, unattributedJ] = [0, 0]
  for (let piece = 0; piece < joules.length; piece++) {
    if (missing[piece] === 1) unattributedJ += joules[piece] as number
    else if (inFlight[piece] === 0) idleJ += joules[piece] as number
  }
  const energies = new Float64Array(start.length)
  for (let at = 0; at < energies.length; at++) {
    const [from, to] = [start[at], end[at]] as [number, number]
    const own = between(share, from, to)
    const isKnown = to > from && between(holes, from, to) === 0
    if (!isKnown) unattributedJ += own
    energies[at] = isKnown ? own : Number.NaN
  }
  return { energies, idleJ, unattributedJ }
}

/** `sums[k]` is the sum of the first k values. */
export function cumulative(
  values: Float64Array,
  of: (value: number, position: number) => number,
): Float64Array {
  const sums = new Float64Array(values.length + 1)
  for (let at = 0; at < values.length; at++)
    sums[at + 1] = (sums[at] as number) + of(values[at] as number, at)
  return sums
}

/** The sum from one boundary to another. */
export function between(sums: Float64Array, from: number, to: number): number {
  return to > from ? (sums[to] as number) - (sums[from] as number) : 0
}

function mark(changes: Int32Array, from: number, to: number): void {
  if (to <= from) return
  changes[from] = (changes[from] as number) + 1
  changes[to] = (changes[to] as number) - 1
}

function runningSum(changes: Int32Array): void {
  for (let at = 1; at < changes.length; at++)
    changes[at] = (changes[at] as number) + (changes[at - 1] as number)
}

function unique(sorted: Float64Array): Float64Array {
  return sorted.filter((value, at) => at === 0 || value !== sorted[at - 1])
}

/** Where `value`, which is there, stands in a sorted array. */
function positionIn(sorted: Float64Array, value: number): number {
  let [low, high] = [0, sorted.length - 1]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
