/** A quantile of sorted values, linear between ranks as numpy's default is; NaN for none. */
export function quantileOf(sorted: Float64Array, q: number): number {
  const rank = q * (sorted.length - 1)
  const below = Math.floor(rank)
  const [low = Number.NaN, high = Number.NaN] = [sorted[below], sorted[Math.ceil(rank)]]
  return low + (high - low) * (rank - below)
}

/** The quantiles at `tail` and 1 - `tail` of values in any order: of a small tail faster than sorting them all. */
export function tailQuantiles(values: Float64Array, tail: number): [low: number, high: number] {
  const rank = tail * (values.length - 1)
  const count = Math.floor(rank) + 2
  const at = (sorted: Float64Array) => {
    const [near = Number.NaN, far = near] = [sorted[count - 2], sorted[count - 1]]
    return near + (far - near) * (rank - (count - 2))
  }
  if (count >= values.length) {
    const sorted = values.slice().sort()
    return [quantileOf(sorted, tail), quantileOf(sorted, 1 - tail)]
  }
  return [at(smallest(values, count, 1)), -at(smallest(values, count, -1))]
}

/** The smallest values times a sign, in order. */
function smallest(values: Float64Array, count: number, sign: 1 | -1): Float64Array {
  const kept = new Float64Array(count).fill(Number.POSITIVE_INFINITY)
  for (let index = 0; index < values.length; index++) {
    const value = sign * (values[index] as number)
    if (!(value < (kept[count - 1] as number))) continue
    let place = count - 1
    for (; place > 0 && (kept[place - 1] as number) > value; place--) kept[place] = kept[place - 1] as number
    kept[place] = value
  }
  return kept
}
