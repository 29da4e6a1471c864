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
  const random = randomFrom(seed)
  let atNs = 0
  for (let index = 0; ; index += 1) {
    yield atNs
    // Constant moments are multiples, so that rounding does not add up.
    atNs = arrival === 'constant' ? (index + 1) * meanGapNs : atNs - Math.log(1 - random()) * meanGapNs
  }
}

/** mulberry32: from 0 to below 1. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
