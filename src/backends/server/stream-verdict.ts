/**
 * How an answer came: token by token; in bursts of several; or "buffered", so that its first token was not seen when it was
 * made, because something between model and llem kept it back.
 */
export type StreamVerdict = 'stream' | 'bursts' | 'buffered'

/** The longest gap within a burst: what is written one after the other, and no GPU makes tokens of. */
const BURST_NS = 0.5e6
/** A gap within a burst is also shorter than this share of the time that a token took. */
const BURST_SHARE = 0.1
/** With so large a share of an answer in its first burst, what is called its first token is any of those. */
const FIRST_SHARE = 1 / 3
const FIRST_TOKENS = 4
/** Tokens per burst, from which on gaps between bursts are no gaps between tokens. */
const TOKENS_PER_BURST = 2

export interface Arrival {
  /** When the request was sent. */
  startNs: number
  /** When each chunk with text came, nanoseconds. */
  chunkTimesNs: readonly number[]
  /** Tokens that brought text. */
  tokens: number
  /** Thoughts were counted that did not come, so that the first token was none that came. */
  hidesThoughts: boolean
}

export function verdictOf({ startNs, chunkTimesNs, tokens: counted, hidesThoughts }: Arrival): StreamVerdict {
  const chunks = chunkTimesNs.length
  const tokens = Math.max(counted, chunks)
  const lastNs = chunkTimesNs[chunks - 1]
  if (lastNs === undefined || tokens < 2) return 'stream'
  if (hidesThoughts) return 'buffered'
  const gapNs = Math.min(BURST_NS, (BURST_SHARE * (lastNs - startNs)) / tokens)
  let bursts = 1
  let first = chunks
  for (let at = 1; at < chunks; at += 1) {
    if (Number(chunkTimesNs[at]) - Number(chunkTimesNs[at - 1]) < gapNs) continue
    if (bursts === 1) first = at
    bursts += 1
  }
  // Tokens are not told chunk by chunk: each chunk has as many as the others.
  const inFirst = (first * tokens) / chunks
  if (bursts === 1 || (inFirst >= FIRST_TOKENS && inFirst >= FIRST_SHARE * tokens)) return 'buffered'
  return tokens / bursts >= TOKENS_PER_BURST ? 'bursts' : 'stream'
}
