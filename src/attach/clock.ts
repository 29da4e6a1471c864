// Wall clock -> CLOCK_MONOTONIC, by a look at both at either end of a run.

/** Both clocks at one moment, nanoseconds. */
export interface Anchor {
  wallNs: number
  monotonicNs: number
}

/** Clocks that are steered drift apart by 1000 parts in a million at most (nodes/clock.ts); a look may be this much late. */
const MOST_DRIFT = 1000e-6
const LATE_NS = 5e6

/** How a moment of the wall clock is told in monotonic nanoseconds; or why it cannot be. */
export interface WallClock {
  toMonotonic: ((wallNs: number) => number) | null
  driftMs: number
  reason: string | null
}

/** Date.now() counts whole milliseconds: waits for the next one, at which both are known. */
export function anchorNow(): Anchor {
  const before = Date.now()
  let now = before
  while (now === before) now = Date.now()
  return { wallNs: now * 1e6, monotonicNs: Number(process.hrtime.bigint()) }
}

/** Between two anchors the offset is taken to move evenly. */
export function wallClock(begin: Anchor, end: Anchor): WallClock {
  const offset = ({ wallNs, monotonicNs }: Anchor) => wallNs - monotonicNs
  const lengthNs = end.monotonicNs - begin.monotonicNs
  const drift = offset(end) - offset(begin)
  const driftMs = drift / 1e6
  if (Math.abs(drift) > LATE_NS + MOST_DRIFT * lengthNs)
    return {
      toMonotonic: null,
      driftMs,
      reason: `the wall clock was set by ${driftMs.toFixed(0)} ms during the run, so its times cannot be joined`,
    }
  const toMonotonic = (wallNs: number) => {
    const share = lengthNs > 0 ? (wallNs - begin.wallNs) / (lengthNs + drift) : 0
    return wallNs - offset(begin) - drift * share
  }
  return { toMonotonic, driftMs, reason: null }
}
