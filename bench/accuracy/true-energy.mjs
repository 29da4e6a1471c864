/** The true energy of a power signal, in closed form from the description of the scenario format alone. */
export class TrueEnergy {
  #segments
  /** Where each segment starts, and the joules before it. */
  #starts = []
  #endS = 0
  #totalJ = 0

  constructor(segments) {
    this.#segments = segments
    for (const segment of segments) {
      this.#starts.push({ startS: this.#endS, beforeJ: this.#totalJ })
      this.#totalJ += joulesWithin(segment, segment.for_s)
      this.#endS += segment.for_s
    }
  }

  /** Joules between two moments in seconds since t = 0; the last value, a constant, holds for ever. */
  joules(fromS, toS) {
    return this.#joulesUntil(toS) - this.#joulesUntil(fromS)
  }

  #joulesUntil(endS) {
    if (endS >= this.#endS) return this.#totalJ + this.#segments.at(-1).w * (endS - this.#endS)
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#starts[middle].startS <= endS) low = middle
      else high = middle - 1
    }
    const { startS, beforeJ } = this.#starts[low]
    return beforeJ + joulesWithin(this.#segments[low], endS - startS)
  }
}

/** The joules of the first `s` seconds of a segment. */
function joulesWithin({ for_s, w, from_w, to_w, square }, s) {
  if (w !== undefined) return w * s
  if (from_w !== undefined) return from_w * s + (((to_w - from_w) / for_s) * s * s) / 2
  const { high_w, low_w, period_s, duty } = square
  const periods = Math.floor(s / period_s)
  const highS = periods * duty * period_s + Math.min(s - periods * period_s, duty * period_s)
  return high_w * highS + low_w * (s - highS)
}
