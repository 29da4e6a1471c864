import type { Steady } from '../protocol.js'

/** Shorter than three periods of a power sensor that publishes every 100 ms, no energy can be told. */
const SHORTEST_NS = 300e6

/** What is counted of one request while it is in flight. */
export interface Stream {
  /** Chunks with text so far. */
  chunks: number
  /** Those that were here by then. */
  chunksUntil?(ns: number): number
  /** At the edges of the steady state, where they fell into its life. */
  atStart?: number
  atEnd?: number
}

/**
 * Finds the part of a run in which the load is what was asked for, while it runs, and counts the tokens in it.
 *
 * Closed loop: from when as many requests as are kept in flight have had their first token, to when one has ended
 * and none is left to send in its place. Open loop: from when the request that was sent first has ended, so that
 * requests leave as well as arrive, to when the last one is sent.
 */
export class SteadyState {
  readonly #inFlight = new Set<Stream>()
  #first: Stream | null = null
  #firstTokens = 0
  #startNs: number | null = null
  #endNs: number | null = null
  #outputTokens = 0
  #inputTokens: number | null = 0
  /** Streams whose first token came between the edges. */
  readonly #begun = new WeakSet<Stream>()

  /** `concurrency`: how many a closed loop keeps in flight; null for an open loop. */
  constructor(private readonly concurrency: number | null) {}

  sent(stream: Stream): void {
    this.#first ??= stream
    this.#inFlight.add(stream)
    if (this.#endNs !== null) stream.atEnd = 0
  }

  firstToken(stream: Stream, ns: number): void {
    this.#firstTokens += 1
    if (this.#startNs !== null && this.#endNs === null) this.#begun.add(stream)
    if (this.concurrency !== null && this.#firstTokens === this.concurrency) this.#start(ns)
  }

  /** `tokens`: of its answer and of its prompt; null for a request that came to nothing, whose tokens count nowhere. */
  ended(stream: Stream, ns: number, tokens: { output: number; input: number | null } | null): void {
    this.#inFlight.delete(stream)
    if (tokens !== null && stream.chunks > 0 && this.#startNs !== null) {
      // One that ended before the start has no share in it, and one sent after the end has none either.
      const within = (stream.atEnd ?? stream.chunks) - (stream.atStart ?? 0)
      this.#outputTokens += within * (tokens.output / stream.chunks)
      if (this.#begun.has(stream))
        this.#inputTokens =
          tokens.input === null || this.#inputTokens === null ? null : this.#inputTokens + tokens.input
    }
    this.left(stream, ns)
  }

  /** It has made its last token, though how many it made may still be unknown. */
  left(stream: Stream, ns: number): void {
    if (this.concurrency === null && stream === this.#first) this.#start(ns)
  }

  /** From here on the load is not what was asked for. */
  drains(ns: number): void {
    if (this.#endNs !== null) return
    this.#endNs = ns
    for (const stream of this.#inFlight) stream.atEnd = chunksAt(stream, ns)
  }

  /** After the last request has ended, at `lastNs`: what was after that is no part of the run. */
  resultUntil(lastNs: number): { steady: Steady; reason: null } | { steady: null; reason: string } {
    const startNs = this.#startNs
    const endNs = this.#endNs === null ? null : Math.min(this.#endNs, lastNs)
    if (startNs === null || endNs === null || endNs <= startNs) {
      const reason =
        this.concurrency === null
          ? 'the last request was sent before the first one had ended'
          : `there was never a moment with ${this.concurrency} requests under way and more to send`
      return { steady: null, reason }
    }
    if (endNs - startNs < SHORTEST_NS) {
      const lastedMs = (endNs - startNs) / 1e6
      return {
        steady: null,
        reason: `the load was steady for ${lastedMs.toFixed(0)} ms only, of 300 at least`,
      }
    }
    const counts = { input_tokens: this.#inputTokens, output_tokens: this.#outputTokens }
    return { steady: { start_ns: startNs, end_ns: endNs, ...counts }, reason: null }
  }

  #start(ns: number): void {
    if (this.#startNs !== null) return
    this.#startNs = ns
    for (const stream of this.#inFlight) stream.atStart = chunksAt(stream, ns)
  }
}

/** What came between that moment and now is of the time after it. */
function chunksAt(stream: Stream, ns: number): number {
  return stream.chunksUntil?.(ns) ?? stream.chunks
}
