import { quantileOf } from '../core/quantile.js'
import { randomOf } from '../core/random.js'
import { studentQuantile } from './student.js'

/** A mean and the interval that holds the true one 95 times of 100. */
export interface Interval {
  n: number
  mean: number
  /** Null where one value tells nothing of the spread. */
  low: number | null
  high: number | null
  method: 't' | 'bootstrap'
}

export const CONFIDENCE = 0.95
export const RESAMPLES = 1000

/**
 * Student's t interval of the mean; null without values. It is the one to quote at every number of cycles: of normal
 * values it covers the true mean as often as it says, where the percentile bootstrap still misses 9 of 100 at n = 10.
 */
export function studentInterval(values: readonly number[]): Interval | null {
  const n = values.length
  if (n === 0) return null
  const mean = meanOf(values)
  if (n === 1) return { n, mean, low: null, high: null, method: 't' }
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
  const reach = studentQuantile((1 + CONFIDENCE) / 2, n - 1) * Math.sqrt(variance / n)
  return { n, mean, low: mean - reach, high: mean + reach, method: 't' }
}

/**
 * The percentile bootstrap of the mean: 1000 resamples, the same for the same seed. Null without values.
 * Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
 */
export function bootstrapInterval(
  values: readonly number[],
  seed: number,
  resamples = RESAMPLES,
): Interval | null {
  const n = values.length
  if (n === 0) return null
  const mean = meanOf(values)
  if (n === 1) return { n, mean, low: null, high: null, method: 'bootstrap' }
  const random = randomOf(seed)
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let drawn = 0; drawn < n; drawn++) sum += values[Math.floor(random() * n)] as number
    return sum / n
  }).sort()
  const tail = (1 - CONFIDENCE) / 2
  return { n, mean, low: quantileOf(means, tail), high: quantileOf(means, 1 - tail), method: 'bootstrap' }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
