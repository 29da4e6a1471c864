// Which benchmarks are of this run, and whose joules are theirs alone: a joule by token is told only where both surely belong
// together.

import type { ForeignBenchmark } from './benchmark.js'
import { isElsewhere, type Placed } from './join.js'

/** Seconds that a tool writes are rounded, and a file is written some time after. */
const SAID_MS = 2_000

/** Why it is not known to be of this run; null where it is. */
export function whyElsewhere(
  { span, saidMs }: ForeignBenchmark,
  { reason, span: place }: Placed,
  { sinceMs, untilMs }: { sinceMs: number; untilMs: number },
): string | null {
  if (place !== null) return null
  if (span !== null && isElsewhere(reason)) return reason
  if (saidMs === undefined || saidMs.length === 0) return null
  const isOfRun = saidMs.some((ms) => ms >= sinceMs - SAID_MS && ms <= untilMs + SAID_MS)
  return isOfRun
    ? null
    : `its file says ${new Date(saidMs[0] as number).toISOString()}, which is not in this run`
}

/** The same numbers and times in two files are those of one benchmark. */
export function withoutCopies(benchmarks: readonly ForeignBenchmark[]): ForeignBenchmark[] {
  const seen = new Set<string>()
  return benchmarks.filter(({ name, span, own, requests, inputTokens, outputTokens }) => {
    const isTold = span !== null || Object.values(own).some((value) => !Number.isInteger(value))
    const key = JSON.stringify([name, span, own, requests, inputTokens, outputTokens])
    if (!isTold || !seen.has(key)) {
      seen.add(key)
      return true
    }
    return false
  })
}

/** Windows that are no more than this within one another follow each other: a clock is read at their edges. */
const EDGE_NS = 20e6

/** For each: why its joules are not its own. The tests of llama-bench follow one another in one process. */
export function sharedReasons(placed: readonly Placed[], areInTurn: boolean): (string | null)[] {
  const order = placed
    .flatMap(({ span }, index) => (span === null ? [] : [{ span, index }]))
    .sort((a, b) => a.span.startNs - b.span.startNs)
  const isShared = placed.map(() => false)
  let last: (typeof order)[number] | null = null
  for (const each of order) {
    if (last !== null && each.span.startNs < last.span.endNs - EDGE_NS) {
      isShared[each.index] = true
      isShared[last.index] = true
    }
    if (last === null || each.span.endNs > last.span.endNs) last = each
  }
  const isAnyUnplaced = !areInTurn && placed.some(({ span }) => span === null)
  return placed.map(({ span }, index) => {
    if (span === null) return null
    if (isShared[index])
      return 'another benchmark ran at the same time, and whose the joules are is not known'
    return isAnyUnplaced
      ? 'another benchmark of this command tells no times, and may have run at the same time'
      : null
  })
}
