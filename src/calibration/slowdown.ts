import { studentQuantile } from '../results/student.js'

/** How much longer something takes, in percent, and the interval that holds the truth 95 times of 100. */
export interface Slowdown {
  slowdown_pct: number
  /** Null where one round tells nothing of the spread. */
  low_pct: number | null
  high_pct: number | null
}

const CONFIDENCE = 0.95

/**
 * The geometric mean of the ratios of two durations that were measured in pairs, with Student's t interval of their
 * logarithms. Not a bootstrap: resampling five rounds covers the truth far less often than it says. Null without pairs.
 */
export function slowdownOf(pairs: readonly { withS: number; withoutS: number }[]): Slowdown | null {
  const n = pairs.length
  if (n === 0) return null
  const logRatios = pairs.map(({ withS, withoutS }) => Math.log(withS / withoutS))
  const mean = logRatios.reduce((sum, each) => sum + each, 0) / n
  const percent = (logRatio: number) => 100 * Math.expm1(logRatio)
  if (n === 1) return { slowdown_pct: percent(mean), low_pct: null, high_pct: null }
  const variance = logRatios.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (n - 1)
  const reach = studentQuantile((1 + CONFIDENCE) / 2, n - 1) * Math.sqrt(variance / n)
  return { slowdown_pct: percent(mean), low_pct: percent(mean - reach), high_pct: percent(mean + reach) }
}

/** The middle of some numbers; null without any. */
export function medianOf(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  const [low, high] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]]
  return low === undefined || high === undefined ? null : (low + high) / 2
}
