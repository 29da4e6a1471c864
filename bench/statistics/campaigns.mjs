// Campaigns of random numbers whose truth is known, through the very functions that llem quotes by.
import { randomOf } from '../../dist/core/random.js'

/** Normal numbers (Box and Muller). */
export function normals(seed) {
  const random = randomOf(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/**
 * How a run spreads: a factor around the true value, and the mean of its logarithm, which is what intervals of geometric means
 * are about. `isHard`: told beside what has to hold.
 */
export const SPREADS = {
  normal: { text: 'normal, 5 %', draw: (z) => 1 + 0.05 * z(), meanLog: meanLogOf((x) => 1 + 0.05 * x) },
  heteroscedastic: {
    text: 'each run by its own deviation, 2 to 5 %',
    draw: (z, u) => Math.exp((0.02 + 0.03 * u()) * z()),
    meanLog: 0,
  },
  skew: { text: 'log-normal, sigma 0.25', draw: (z) => Math.exp(0.25 * z()), meanLog: 0 },
  heavy: {
    text: 'heavy skew: a base of 1 and a log-normal part of 0.3, sigma 1',
    draw: (z) => 1 + 0.3 * Math.exp(z()),
    meanLog: meanLogOf((x) => 1 + 0.3 * Math.exp(x)),
    isHard: true,
  },
  throttled: {
    text: 'every tenth run throttled: 30 % more, beside 2 %',
    draw: (z, u) => Math.exp(0.02 * z()) * (u() < 0.1 ? 1.3 : 1),
    meanLog: 0.1 * Math.log(1.3),
    isHard: true,
  },
}

/** The mean of ln(f(x)) over a standard normal x, by the trapezoid from -9 to 9. */
function meanLogOf(f) {
  const step = 0.001
  let sum = 0
  for (let x = -9; x <= 9; x += step)
    sum += (Math.log(f(x)) * Math.exp(-0.5 * x * x) * step) / Math.sqrt(2 * Math.PI)
  return sum
}

/** So many campaigns of n cycles of a spread. */
export function* campaigns(spread, { n, count, seed }) {
  const [z, u] = [normals(seed), randomOf(seed + 1)]
  for (let index = 0; index < count; index++) yield Array.from({ length: n }, () => spread.draw(z, u))
}

/** Pairs of cycles: both drift together by 10 %, and each spreads by itself. `ratio`: B over A. */
export function* pairedCampaigns(spread, { n, count, seed, ratio }) {
  const [z, u] = [normals(seed), randomOf(seed + 1)]
  const measured = (value) => ({ value, uncertainty: null, absolute_uncertainty: null })
  for (let index = 0; index < count; index++) {
    const drifts = Array.from({ length: n }, () => Math.exp(0.1 * z()))
    yield {
      a: drifts.map((drift) => measured(drift * spread.draw(z, u))),
      b: drifts.map((drift) => measured(drift * ratio * spread.draw(z, u))),
    }
  }
}

/** A spread of the ratio of two runs, where each has its share. */
export function ratioSpread(sd) {
  return { draw: (z) => Math.exp((sd / Math.SQRT2) * z()), meanLog: 0 }
}
