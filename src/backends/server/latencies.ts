import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import type { Spread } from '../protocol.js'

/**
 * Times in milliseconds, however many, in constant memory: Node's HDR histogram, which keeps three digits. Mean and
 * maximum are exact.
 */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({ figures: 3 })
  #count = 0
  #totalMs = 0
  #maxMs = 0

  add(timeMs: number): void {
    this.#count += 1
    this.#totalMs += timeMs
    if (timeMs > this.#maxMs) this.#maxMs = timeMs
    // It counts whole numbers from 1 on.
    this.#histogram.record(Math.max(1, Math.round(timeMs * 1e6)))
  }

  /** Null for none. */
  get spread(): Spread | null {
    if (this.#count === 0) return null
    const percentile = (share: number) => Math.min(this.#histogram.percentile(share) / 1e6, this.#maxMs)
    return {
      count: this.#count,
      mean: this.#totalMs / this.#count,
      p50: percentile(50),
      p95: percentile(95),
      p99: percentile(99),
      max: this.#maxMs,
    }
  }
}
