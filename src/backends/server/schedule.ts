import { randomOf } from '../../core/random.js'

/**
 * When the requests of an open loop should be sent, in nanoseconds after its beginning; the first at once. The same
 * seed gives the same moments, and nothing is kept of them.
 */
export function* arrivals({
  request_rate,
  arrival,
  seed,
}: {
  request_rate: number
  arrival: 'poisson' | 'constant'
  seed: number
}): Generator<number, never> {
  const meanGapNs = 1e9 / request_rate
  const random = randomOf(seed)
  let atNs = 0
  for (let index = 0; ; index += 1) {
    yield atNs
    // Constant moments are multiples, so that rounding does not add up.
    atNs = arrival === 'constant' ? (index + 1) * meanGapNs : atNs - Math.log(1 - random()) * meanGapNs
  }
}
