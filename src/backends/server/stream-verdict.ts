/**
 * How an answer came: token by token; in bursts of several; or "buffered", so that its first token was not seen when it was
 * made, because something between model and llem kept it back.
 */
export type StreamVerdict = 'stream' | 'bursts' | 'buffered'

/** Of fewer tokens, one a chunk, a busy machine alone may make a burst. */
const LEAST_TOKENS = 8
/** By so little a busy machine alone may be late. */
const LEAST_SILENCE_NS = 50e6
/** The longest gap within a burst: what is written one after the other, and no GPU makes tokens of. */
const BURST_NS = 0.5e6
/** A gap within a burst is also shorter than this share of the time that a token took. */
const BURST_SHARE = 0.1
/** With so large a share of an answer in its first burst, what is called its first token is any of those. */
const FIRST_SHARE = 1 / 3
/** Tokens that follow one another faster than this, after a silence of ten times as long as all of them take, were kept back. */
const DUMP_NS = 1e6
const DUMP_SHARE = 0.1
/** So many tokens at once are a burst, and with so large a share of bursts gaps between them are no gaps between tokens. */
const TOKENS_PER_BURST = 2
const BURSTS_SHARE = 1 / 2
/** With so many tokens a chunk the mean gap between chunks is half as long again as that between tokens. */
const TOKENS_PER_CHUNK = 1.5

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

export function verdictOf(arrival: Arrival): StreamVerdict {
  const { startNs, chunkTimesNs, hidesThoughts } = arrival
  const chunks = chunkTimesNs.length
  const tokens = Math.max(arrival.tokens, chunks)
  const [firstNs] = chunkTimesNs
  const lastNs = chunkTimesNs[chunks - 1]
  if (firstNs === undefined || lastNs === undefined) return 'stream'
  if (hidesThoughts) return 'buffered'
  if (tokens < Math.min(LEAST_TOKENS, TOKENS_PER_BURST * chunks)) return 'stream'
  const gapNs = Math.min(BURST_NS, (BURST_SHARE * (lastNs - startNs)) / tokens)
  const { bursts, several, first } = burstsOf(chunkTimesNs, gapNs)
  const silenceNs = firstNs - startNs
  // Tokens are not told chunk by chunk: each chunk has as many as the others.
  const isFirstLate = bursts === 1 || (first > 1 && first >= FIRST_SHARE * chunks)
  const lastedNs = lastNs - firstNs
  // Also where whoever kept them back was interrupted while it let them go.
  const isDump = lastedNs < DUMP_NS * (tokens - 1) && lastedNs < DUMP_SHARE * silenceNs
  if (silenceNs >= LEAST_SILENCE_NS && (isFirstLate || isDump)) return 'buffered'
  // One long pause, after which all comes at once that had waited, makes no stream of bursts.
  const isBursty = tokens >= TOKENS_PER_CHUNK * chunks || several >= BURSTS_SHARE * bursts
  return isBursty ? 'bursts' : 'stream'
}

/** How many bursts chunks came in, in how many of them several came, and how many in the first. */
function burstsOf(timesNs: readonly number[], gapNs: number) {
  let bursts = 1
  let several = 0
  let size = 1
  let first = timesNs.length
  for (let at = 1; at < timesNs.length; at += 1) {
    if (Number(timesNs[at]) - Number(timesNs[at - 1]) < gapNs) {
      size += 1
      if (size === TOKENS_PER_BURST) several += 1
      continue
    }
    if (bursts === 1) first = at
    bursts += 1
    size = 1
  }
  return { bursts, several, first }
}
