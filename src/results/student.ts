// Student's t. Own code because the packages that have it are unmaintained (jstat) or bring 223 others (@stdlib). The
// tests hold it against SciPy.

/** Lanczos' approximation of ln(gamma(x)) for x > 0 with g = 7 and nine terms: 15 digits. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
]

function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  const t = x + 6.5
  const sum = LANCZOS.reduce((total, term, k) => (k === 0 ? term : total + term / (x - 1 + k)), 0)
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/** The continued fraction of the incomplete beta function, by Lentz' method (Abramowitz and Stegun 26.5.8). */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  const notZero = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / notZero(1 - ((a + b) * x) / (a + 1))
  let fraction = d
  for (let m = 1; m <= 500; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    let change = 1
    for (const step of [even, odd]) {
      d = 1 / notZero(1 + step * d)
      c = notZero(1 + step / c)
      change = c * d
      fraction *= change
    }
    if (Math.abs(change - 1) < 1e-16) break
  }
  return fraction
}

/** I_x(a, b), the regularised incomplete beta function. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  // The fraction converges fast on this side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - (front * betaFraction(1 - x, b, a)) / b
  return (front * betaFraction(x, a, b)) / a
}

/** The probability that Student's t exceeds `t` (>= 0). */
function upperTail(t: number, degreesOfFreedom: number): number {
  return 0.5 * incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5)
}

/** The probability that Student's t is at most `t`. */
export function studentCdf(t: number, degreesOfFreedom: number): number {
  return t < 0 ? upperTail(-t, degreesOfFreedom) : 1 - upperTail(t, degreesOfFreedom)
}

/**
 * The quantile of Student's t distribution at a probability above 0 and below 1, for any number of degrees of freedom
 * above 0, also a broken one. NaN for what is neither.
 */
export function studentQuantile(probability: number, degreesOfFreedom: number): number {
  if (!(probability > 0 && probability < 1 && degreesOfFreedom > 0)) return Number.NaN
  if (probability === 0.5) return 0
  const size = knownQuantile(Math.min(probability, 1 - probability), degreesOfFreedom)
  return probability < 0.5 ? -size : size
}

const known = new Map<string, number>()
/** Cycles are few and levels fewer, so whole degrees of freedom come again and again. */
const MOST_KNOWN = 10_000

function knownQuantile(tail: number, degreesOfFreedom: number): number {
  if (!Number.isInteger(degreesOfFreedom)) return quantileOfTail(tail, degreesOfFreedom)
  const key = `${tail} ${degreesOfFreedom}`
  const found = known.get(key) ?? quantileOfTail(tail, degreesOfFreedom)
  if (known.size < MOST_KNOWN) known.set(key, found)
  return found
}

/** Halves in the logarithm, so that 1e-3 and 1e+30 take the same number of steps. */
function quantileOfTail(tail: number, degreesOfFreedom: number): number {
  let low = -700
  let high = 700
  while (high - low > 1e-15 * Math.max(1, Math.abs(low))) {
    const middle = (low + high) / 2
    if (middle === low || middle === high) break
    if (upperTail(Math.exp(middle), degreesOfFreedom) > tail) low = middle
    else high = middle
  }
  return Math.exp((low + high) / 2)
}
