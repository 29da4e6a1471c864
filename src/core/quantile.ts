/** A quantile of sorted values, linear between ranks as numpy's default is; NaN for none. */
export function quantileOf(sorted: Float64Array, q: number): number {
  const rank = q * (sorted.length - 1)
  const below = Math.floor(rank)
  const [low = Number.NaN, high = Number.NaN] = [sorted[below], sorted[Math.ceil(rank)]]
  return low + (high - low) * (rank - below)
}
