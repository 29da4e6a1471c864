/** The median of positive numbers to half a percent, in memory that does not grow with how many they are. */
export class Usual {
  readonly #bins = new Map<number, number>()
  #count = 0

  get count(): number {
    return this.#count
  }

  add(value: number): void {
    const bin = Math.round(Math.log(value) * 100)
    this.#bins.set(bin, (this.#bins.get(bin) ?? 0) + 1)
    this.#count += 1
  }

  /** The lower of two in the middle; null without any. */
  get median(): number | null {
    let left = this.#count / 2
    for (const [bin, count] of [...this.#bins].sort(([a], [b]) => a - b)) {
      left -= count
      if (left <= 0) return Math.exp(bin / 100)
    }
    return null
  }
}
