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
/**
 * So soon after the first, and in half of the gap at which the others come, a third of an answer was kept back too: so many
 * tokens at least, and so many times as many as a chunk has later.
 */
const START_NS = 5e6
const START_GAPS = 0.5
const START_TIMES = 4
/** Blanks alone that come at once, before a silence of so many gaps between tokens, may be a token or none. */
const SILENCE_GAPS = 10
const AT_ONCE_SHARE = 0.1
/** So many tokens at once are a burst, and with so large a share of bursts gaps between them are no gaps between tokens. */
const TOKENS_PER_BURST = 2
const BURSTS_SHARE = 1 / 2
/** With so large a share of gaps that are none, the one in the middle is no gap between tokens either. */
const NO_GAPS_SHARE = 1 / 2
/** A burst after so many of an answer's usual gaps was kept back; those of speculative decoding come at the usual pace. */
const KEPT_BACK_GAPS = 4
/** With so large a share of tokens that were kept back, times between tokens are not those at which they were made. */
const KEPT_BACK_SHARE = 1 / 3
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
  /** What the first chunk holds; absent where that is unknown. */
  opening?: Opening | undefined
}

/** The first chunk of an answer. */
export interface Opening {
  /** Its part of the text's bytes, 0 to 1. */
  share: number
  /** It has nothing but blanks. */
  isBlank: boolean
}

export function verdictOf(arrival: Arrival): StreamVerdict {
  const { startNs, chunkTimesNs, hidesThoughts } = arrival
  const chunks = chunkTimesNs.length
  const tokens = Math.max(arrival.tokens, chunks)
  const [firstNs] = chunkTimesNs
  const lastNs = chunkTimesNs[chunks - 1]
  if (firstNs === undefined || lastNs === undefined) return 'stream'
  if (hidesThoughts || isOpenedBeforeSilence(arrival)) return 'buffered'
  if (tokens < Math.min(LEAST_TOKENS, TOKENS_PER_BURST * chunks)) return 'stream'
  const gapNs = Math.min(BURST_NS, (BURST_SHARE * (lastNs - startNs)) / tokens)
  const { bursts, several, first, joined, keptBack } = burstsOf(chunkTimesNs, gapNs)
  const silenceNs = firstNs - startNs
  // Tokens are not told chunk by chunk: each chunk has as many as the others, but for the first.
  const isFirstLate =
    bursts === 1 || (first > 1 && first >= FIRST_SHARE * chunks) || isStartKeptBack(arrival, tokens)
  const lastedNs = lastNs - firstNs
  // Also where whoever kept them back was interrupted while it let them go.
  const isDump = lastedNs < DUMP_NS * (tokens - 1) && lastedNs < DUMP_SHARE * silenceNs
  if (silenceNs >= LEAST_SILENCE_NS && (isFirstLate || isDump)) return 'buffered'
  // A pause after which comes at once what had waited makes no stream of bursts, unless that is much of the answer.
  const gaps = chunks - 1
  const isBursty =
    tokens >= TOKENS_PER_CHUNK * chunks ||
    several >= BURSTS_SHARE * bursts ||
    joined >= NO_GAPS_SHARE * gaps ||
    keptBack >= KEPT_BACK_SHARE * gaps
  return isBursty ? 'bursts' : 'stream'
}

/** A third of an answer comes with its first token or soon after it, and the others one by one. */
function isStartKeptBack({ chunkTimesNs, opening }: Arrival, tokens: number): boolean {
  const chunks = chunkTimesNs.length
  const [firstNs = 0] = chunkTimesNs
  const lastNs = Number(chunkTimesNs[chunks - 1])
  const within = (ns: number) => chunkTimesNs.filter((each) => each - firstNs <= ns).length
  const soon = within(START_NS)
  if (soon === chunks) return false
  const gapNs = (lastNs - Number(chunkTimesNs[soon - 1])) / (chunks - soon)
  const started = within(Math.min(START_NS, START_GAPS * gapNs))
  // All chunks but the first have as many tokens as one another, and one at least.
  const mostOfFirst = tokens - (chunks - 1)
  const ofFirst = Math.max(1, Math.min(mostOfFirst, (opening?.share ?? 0) * tokens))
  const each = (tokens - ofFirst) / (chunks - 1)
  const atStart = ofFirst + (started - 1) * each
  return atStart >= Math.max(LEAST_TOKENS, START_TIMES * each, FIRST_SHARE * tokens)
}

/** Nobody can tell whether such blanks were made, or sent before anything was. */
function isOpenedBeforeSilence({ startNs, chunkTimesNs, opening }: Arrival): boolean {
  const chunks = chunkTimesNs.length
  if (!opening?.isBlank || chunks < 3) return false
  const [firstNs = 0, secondNs = 0] = chunkTimesNs
  const silenceNs = secondNs - firstNs
  const gapNs = (Number(chunkTimesNs[chunks - 1]) - secondNs) / (chunks - 2)
  const isAtOnce = firstNs - startNs < AT_ONCE_SHARE * silenceNs
  return isAtOnce && silenceNs >= LEAST_SILENCE_NS && silenceNs > SILENCE_GAPS * gapNs
}

/**
 * How many bursts chunks came in, in how many of them several came, and how many in the first; how many chunks came with the
 * one before, and how many of those after a silence.
 */
function burstsOf(timesNs: readonly number[], gapNs: number) {
  const sizes = [1]
  const silences = [0]
  for (let at = 1; at < timesNs.length; at += 1) {
    const silenceNs = Number(timesNs[at]) - Number(timesNs[at - 1])
    if (silenceNs < gapNs) sizes[sizes.length - 1] = Number(sizes.at(-1)) + 1
    else {
      sizes.push(1)
      silences.push(silenceNs)
    }
  }
  const usualNs = medianOf(silences.slice(1))
  const joinedOf = (isCounted: (at: number) => boolean) =>
    sizes.reduce((sum, size, at) => (isCounted(at) ? sum + size - 1 : sum), 0)
  return {
    bursts: sizes.length,
    several: sizes.filter((size) => size >= TOKENS_PER_BURST).length,
    first: Number(sizes[0]),
    joined: joinedOf(() => true),
    keptBack: joinedOf((at) => Number(silences[at]) >= KEPT_BACK_GAPS * usualNs),
  }
}

/** Infinite for none, which is longer than any. */
function medianOf(numbers: readonly number[]): number {
  const sorted = Float64Array.from(numbers).sort()
  return sorted[Math.floor(sorted.length / 2)] ?? Number.POSITIVE_INFINITY
}
