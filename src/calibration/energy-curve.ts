// Joules since some moment, as they were told: by a meter at its own times, by llem on a fine grid.

/** Rises with time. */
export interface EnergyCurve {
  /** Seconds, rising. */
  timesS: readonly number[]
  /** Joules by each of them. */
  joules: readonly number[]
}

/** Watts at moments, joined by straight lines. */
export function curveOfWatts(timesS: readonly number[], watts: readonly number[]): EnergyCurve {
  let sum = 0
  const joules = timesS.map((timeS, k) => {
    const beforeS = timesS[k - 1]
    if (beforeS !== undefined) sum += (((watts[k - 1] ?? 0) + (watts[k] ?? 0)) / 2) * (timeS - beforeS)
    return sum
  })
  return { timesS, joules }
}

/** Joules by a moment, by the straight line between its neighbours; null outside. */
export function joulesAt({ timesS, joules }: EnergyCurve, atS: number): number | null {
  const after = firstFrom(timesS, atS)
  const [toS, to] = [timesS[after], joules[after]]
  if (toS === undefined || to === undefined) return null
  const [fromS, from] = [timesS[after - 1], joules[after - 1]]
  if (toS === atS) return to
  if (fromS === undefined || from === undefined) return null
  return from + ((to - from) * (atS - fromS)) / (toS - fromS)
}

/** Joules between two moments; null where one of them is outside. */
export function joulesBetween(curve: EnergyCurve, fromS: number, toS: number): number | null {
  const [from, to] = [joulesAt(curve, fromS), joulesAt(curve, toS)]
  return from === null || to === null ? null : to - from
}

/** The position of the first time that is not before a moment. */
export function firstFrom(timesS: readonly number[], atS: number): number {
  let [low, high] = [0, timesS.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((timesS[middle] ?? 0) < atS) low = middle + 1
    else high = middle
  }
  return low
}
