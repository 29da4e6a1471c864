/** The median of spacings in time to half a percent, in memory that does not grow with their number. */
export class UsualSpacing {
  readonly #bins = new Map<number, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ns: number): void {
    const bin = Math.round(Math.log(ns) * 100)
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1)
    this.#count += 1
  }

  /** Nanoseconds; null without any. */
  get medianNs(): number | null {
    let left = this.#count / 2
    for (const [bin, count] of [...this.#bins].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return Math.exp(bin / 100)
    }
    return null
  }
}
