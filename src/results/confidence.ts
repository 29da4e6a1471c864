// How sure a mean is: by a spread that a few values tell, and by a measurement that may itself be off, however often it is
// repeated. Of the first Student's t tells how far, of the second the normal distribution; both together are the root of
// the sum of squares at each level of confidence. The effective degrees of freedom of both as one (GUM, G.4) would make an
// interval of three values shorter for knowing one more doubt, which then holds the truth 92 times of 100.

import { studentCdf, studentQuantile } from './student.js'

/** What is known of a value: all that intervals and tests rest on. */
export interface Estimate {
  /** The value, of a quantity that spreads by factors its logarithm. */
  value: number
  /** Standard error by the spread, and the degrees of freedom that it is known with. */
  spreadError: number
  degreesOfFreedom: number
  /** Standard uncertainty of the measurement, which does not average out. */
  measurement: number
}

/** Variance of a mean, and the degrees of freedom that it is known with. */
export interface Variance {
  variance: number
  degreesOfFreedom: number
}

/** Above it Student's t is the normal distribution to more digits than anything here has. */
export const MANY = 1e7

/** What several uncertainties are that do not average out: the root of the mean square; null for none. */
export function commonUncertainty(each: readonly number[]): number | null {
  return each.length === 0 ? null : Math.sqrt(each.reduce((sum, one) => sum + one ** 2, 0) / each.length)
}

/** Variances of means as one (Welch and Satterthwaite). */
export function welch(parts: readonly Variance[]): Variance {
  const [first] = parts
  if (first !== undefined && parts.length === 1) return first
  const variance = parts.reduce((sum, part) => sum + part.variance, 0)
  const denominator = parts.reduce((sum, part) => sum + part.variance ** 2 / part.degreesOfFreedom, 0)
  return { variance, degreesOfFreedom: denominator > 0 ? Math.min(variance ** 2 / denominator, MANY) : MANY }
}

/** How far the truth may be from the value, with this probability to one side. */
export function reachOf(
  { spreadError, degreesOfFreedom, measurement }: Omit<Estimate, 'value'>,
  probability: number,
): number {
  return Math.hypot(
    spreadError === 0 ? 0 : studentQuantile(probability, degreesOfFreedom) * spreadError,
    measurement === 0 ? 0 : studentQuantile(probability, MANY) * measurement,
  )
}

/** The probability that a truth like this leaves an estimate as low as this one, or lower. */
export function probabilityBelow(estimate: Estimate, truth: number): number {
  const { value, spreadError, degreesOfFreedom, measurement } = estimate
  const distance = value - truth
  if (spreadError === 0 && measurement === 0) return distance < 0 ? 0 : distance > 0 ? 1 : 0.5
  if (measurement === 0) return studentCdf(distance / spreadError, degreesOfFreedom)
  if (spreadError === 0) return studentCdf(distance / measurement, MANY)
  const tail = tailOf(estimate, Math.abs(distance))
  return distance < 0 ? tail : 1 - tail
}

/** The level at which the interval ends just so far from the value: halves in its logarithm. */
function tailOf(estimate: Estimate, distance: number): number {
  if (distance === 0) return 0.5
  let [low, high] = [-700, Math.log(0.5)]
  for (let halved = 0; halved < 60; halved++) {
    const middle = (low + high) / 2
    if (reachOf(estimate, Math.exp(middle)) > distance) low = middle
    else high = middle
  }
  return Math.exp((low + high) / 2)
}
