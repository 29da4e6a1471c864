import { quantileOf } from '../core/quantile.js'
import type { Spread } from './protocol.js'

/** How times in milliseconds are spread, null for none. Percentiles interpolate linearly between ranks. */
export function spreadOf(timesMs: readonly number[]): Spread | null {
  if (timesMs.length === 0) return null
  const sorted = Float64Array.from(timesMs).sort()
  const total = sorted.reduce((sum, time) => sum + time, 0)
  return {
    count: sorted.length,
    mean: total / sorted.length,
    p50: quantileOf(sorted, 0.5),
    p95: quantileOf(sorted, 0.95),
    p99: quantileOf(sorted, 0.99),
    max: quantileOf(sorted, 1),
  }
}
