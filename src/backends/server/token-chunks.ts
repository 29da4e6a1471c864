// Which chunks are those of tokens: what is sent before anything was computed is none, nor is an empty text that no count
// bears out.

/** What a template ends a prompt with so that the model thinks first; some servers send it as a part of the answer. */
export const THOUGHT_TAG = /^\s*<(?:think|thinking|thought|reasoning)>\s*$/

/** After so many gaps between tokens a chunk that is sent before anything was computed is told from a token. */
const SILENCE_GAPS = 5

/** An empty text, and how many chunks with text came before it. */
export interface Blank {
  ns: number
  before: number
}

export interface Chunks {
  /** When those with text came. */
  timesNs: readonly number[]
  /** Those without, which may be a part of a character, an end-of-text token, or nothing. */
  blanks: readonly Blank[]
  /** The first with text named the role, and is nothing but a {@link THOUGHT_TAG}. */
  beginsWithTag: boolean
  /** Of the answer, by the server; null where it does not say. */
  completion: number | null
  endedByItself: boolean
}

export interface TokenChunks {
  timesNs: readonly number[]
  /** The first chunk with text is none: the prompt, or the end of its template. */
  isFirstLeftOut: boolean
}

export function tokenChunks(chunks: Chunks): TokenChunks {
  const { timesNs, blanks } = chunks
  if (blanks.length === 0) {
    const isFirstLeftOut = chunks.beginsWithTag ? isOfTemplate(chunks) : isOfPrompt(chunks)
    return { timesNs: isFirstLeftOut ? timesNs.slice(1) : timesNs, isFirstLeftOut }
  }
  return { timesNs: merged(timesNs, tokensAmong(chunks)), isFirstLeftOut: false }
}

/**
 * The empty texts that are tokens. Where the count is that of all chunks, they are; what is over is left out, first before the
 * text, then behind it, then within. Where the count says nothing of them, those within the text are parts of characters.
 */
function tokensAmong({ timesNs, blanks, completion, endedByItself }: Chunks): readonly Blank[] {
  const texts = timesNs.length
  const leading = blanks.filter(({ before }) => before === 0)
  const trailing = texts === 0 ? [] : blanks.filter(({ before }) => before === texts)
  const within = blanks.slice(leading.length, blanks.length - trailing.length)
  const all = texts + blanks.length
  const silent = endedByItself ? 1 : 0
  if (completion === null || completion > all + silent)
    return texts === 0 && completion !== null ? blanks : within
  let left = Math.max(0, all - completion)
  const [lastBlank] = leading.slice(-1)
  const isOpen = endedByItself && left === leading.length - 1 && lastBlank !== undefined
  // The end-of-text token may be the one that makes up for it.
  if (isOpen && isBeforeSilence([lastBlank.ns, ...timesNs])) left += 1
  return [leading, trailing, within]
    .flatMap((some) => {
      const out = Math.min(left, some.length)
      left -= out
      return some === leading ? some.slice(out) : some.slice(0, some.length - out)
    })
    .sort((a, b) => a.before - b.before)
}

function merged(timesNs: readonly number[], blanks: readonly Blank[]): number[] {
  const all: number[] = []
  let from = 0
  for (const { ns, before } of blanks) {
    while (from < before) all.push(Number(timesNs[from++]))
    all.push(ns)
  }
  while (from < timesNs.length) all.push(Number(timesNs[from++]))
  return all
}

/**
 * Whether the first chunk, a tag beside the role, is no token: the server counts fewer tokens than chunks, or its count
 * leaves that open and the silence is after that chunk.
 */
function isOfTemplate({ timesNs, completion, endedByItself }: Chunks): boolean {
  const chunks = timesNs.length
  if (chunks < 3) return false
  if (completion !== null && completion < chunks) return true
  // The end-of-text token may be the one that makes up for the tag.
  return (completion === null || (endedByItself && completion === chunks)) && isBeforeSilence(timesNs)
}

/** Whether the first chunk is an echo: the server counts all others, and the silence is after it. */
function isOfPrompt({ timesNs, completion }: Chunks): boolean {
  return completion !== null && completion === timesNs.length - 1 && isBeforeSilence(timesNs)
}

function isBeforeSilence(timesNs: readonly number[]): boolean {
  const chunks = timesNs.length
  if (chunks < 3) return false
  const [firstNs = 0, secondNs = 0] = timesNs
  const gapNs = (Number(timesNs[chunks - 1]) - secondNs) / (chunks - 2)
  return secondNs - firstNs > SILENCE_GAPS * gapNs
}
