import type { Spread } from './protocol.js'

/** How times in milliseconds are spread, null for none. Percentiles interpolate linearly between ranks. */
export function spreadOf(timesMs: readonly number[]): Spread | null {
  if (timesMs.length === 0) return null
  const sorted = Float64Array.from(timesMs).sort()
  const at = (index: number) => sorted[index] ?? Number.NaN
  const quantile = (q: number) => {
    const rank = q * (sorted.length - 1)
    const below = Math.floor(rank)
    return at(below) + (at(Math.ceil(rank)) - at(below)) * (rank - below)
  }
  const total = sorted.reduce((sum, time) => sum + time, 0)
  return {
    count: sorted.length,
    mean: total / sorted.length,
    p50: quantile(0.5),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: at(sorted.length - 1),
  }
}
