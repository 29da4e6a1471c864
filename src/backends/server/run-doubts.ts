// What shows of the answers of a run together, and of none alone: counts that the usage tells and nothing else bears out. It
// settles nothing: where it doubts, the count that was taken stands beside what else it may be.

import { silentOf } from './ledger-rules.js'
import type { Answered } from './stream.js'
import type { Reckoning } from './witnesses.js'

/** How many tokens less, or more, so many answers may have, and what speaks for it. */
export interface RunDoubt {
  requests: number
  less: number
  more: number
  first: string
}

/** So many answers at least, with prompts of so many lengths, are no accident. */
export const LEAST_ANSWERS = 5
const LEAST_LENGTHS = 3
/** Some have as many tokens as chunks by chance. */
const MOST_SHARE = 0.75
/** Chunks that hold so many tokens each are no accident of a busy server, which joins a few. */
const SEVERAL_PER_CHUNK = 1.5
/** Nor are so many where they are so many more than chunks. */
const MORE_PER_CHUNK = 1.15
const LEAST_MORE = 8
/** A stop string, or the tags of a template, that are counted and not shown have the same few tokens in each answer. */
export const MOST_HIDDEN = 16
/** Where so many answers have one token a chunk for each that has several, these are none of a server that sends several. */
const SINGLE_PER_SEVERAL = 3
/** Steps of speculative decoding bring one token each in no answer that is so long, so fewer of these are enough. */
const LONG_CHUNKS = 16
const LONG_PER_SEVERAL = 1 / 2
const LEAST_LONG = 2

/** Chunks of text with so many words each, or so many bytes, are tokens or more; fewer are parts of tokens. */
const WORDS_PER_CHUNK = 0.5
const LEAST_BYTES_PER_CHUNK = 3.2
/** A token of prose has no more bytes than this; in chunks with more there may be several. */
const MOST_BYTES_PER_CHUNK = 6
/** Prose is of letters: numbers, tables and code are cut into tokens by rules that differ from model to model. */
const LETTERS_SHARE = 0.6
const MOST_WIDE_SHARE = 0.1
/** Of fewer chunks nothing shows. */
const LEAST_CHUNKS = 64
/** Where hardly a chunk has a second word in it, it is not because several tokens came in one: most tokens begin a word. */
const JOINTS_PER_TOKEN = 0.2
const JOINTS_PER_CHUNK = 0.05
/** Somebody on the way sends whole words, where nearly every chunk begins one. */
const WORD_BY_WORD = 0.95
/** The counts of a run differ where they do by this share, and by so many tokens. */
const DIFFERS_SHARE = 0.05
const LEAST_DIFFERENCE = 8

const NONE = { requests: 0, tokens: 0, chunks: 0 }

/** Watches a run in memory that does not grow with it. */
export class RunDoubts {
  #requests = 0
  /** Answers whose usage is what came and their prompt together, and the first lengths of prompts that differ. */
  readonly #withPrompt = { requests: 0, prompts: 0, lengths: new Set<number>() }
  /** Answers of one token a chunk, and of these the long ones. */
  #single = 0
  #singleLong = 0
  /** Answers of several, whose number the usage alone tells; the fewest and the most tokens beyond chunks. */
  readonly #several = { ...NONE, leastMore: Number.POSITIVE_INFINITY, mostMore: 0 }
  /** Answers whose usage was proved wrong, and of the others those that nothing but it tells another number than chunks of. */
  #refused = 0
  readonly #alone = { ...NONE, less: 0, more: 0, bytes: 0, words: 0, joints: 0, letters: 0, wideBytes: 0 }
  /** Answers without a usage. */
  readonly #uncounted = { requests: 0, chunks: 0 }
  /** Answers that the model ended, and that have the same number of tokens by the usage whatever came. */
  readonly #same = { requests: 0, less: 0, more: 0, output: 0, isOne: true, chunks: new Set<number>() }

  add(reckoning: Reckoning, isRefused: boolean, answer: Answered): void {
    const chunks = answer.chunkTimesNs.length
    this.#requests += 1
    if (isRefused) this.#refused += 1
    if (reckoning.source === 'usage' && chunks > 1 && Math.abs(reckoning.output - chunks) <= 1) {
      this.#single += 1
      if (chunks >= LONG_CHUNKS) this.#singleLong += 1
    }
    if (reckoning.explained.includes('no_usage')) {
      this.#uncounted.requests += 1
      this.#uncounted.chunks += chunks
    }
    this.#weigh(reckoning, answer, 1)
  }

  /** A tokenizer says the same of an answer that was added: it is doubted no more. */
  bearOut(reckoning: Reckoning, answer: Answered): void {
    this.#weigh(reckoning, answer, -1)
  }

  /** Counts an answer whose number the usage alone tells among those that may be doubted, once or back. */
  #weigh(
    { output, source, isBorneOut, between, explained }: Reckoning,
    { usage, chunkTimesNs, finishReason, size }: Answered,
    times: 1 | -1,
  ): void {
    const chunks = chunkTimesNs.length
    const more = output - chunks
    const silent = silentOf({ endedByItself: finishReason === 'stop' })
    const isAsCame = more >= 0 && more <= silent
    if (source !== 'usage' || isBorneOut || between !== null || isAsCame || explained.length !== 1) return
    const [why] = explained
    if (why !== 'tokens_per_chunk' && why !== 'chunks_per_token') return
    this.#alone.requests += times
    this.#alone.less += times * Math.max(0, more)
    this.#alone.more += times * Math.max(0, -more)
    this.#alone.tokens += times * output
    this.#alone.chunks += times * chunks
    for (const part of ['bytes', 'words', 'joints', 'letters', 'wideBytes'] as const)
      this.#alone[part] += times * size[part]
    if (finishReason === 'stop') this.#compareWithOthers(output, chunks, times)
    const prompt = usage?.prompt ?? 0
    if (prompt > 0 && more >= prompt && more <= prompt + silent) {
      this.#withPrompt.requests += times
      this.#withPrompt.prompts += times * prompt
      if (this.#withPrompt.lengths.size < LEAST_LENGTHS) this.#withPrompt.lengths.add(prompt)
    }
    // Characters that take several tokens come whole.
    if (more <= size.wideBytes || !isClearlyMore(output, chunks)) return
    const several = this.#several
    several.requests += times
    several.tokens += times * output
    several.chunks += times * chunks
    several.leastMore = Math.min(several.leastMore, more)
    several.mostMore = Math.max(several.mostMore, more)
  }

  #compareWithOthers(output: number, chunks: number, times: 1 | -1): void {
    const same = this.#same
    if (same.requests === 0) same.output = output
    if (same.output !== output) same.isOne = false
    same.requests += times
    same.less += times * Math.max(0, output - chunks)
    same.more += times * Math.max(0, chunks - output)
    if (same.chunks.size < LEAST_LENGTHS) same.chunks.add(chunks)
  }

  /** The first that applies; null where nothing shows. */
  get doubt(): RunDoubt | null {
    return (
      this.#usageRefused ??
      this.#promptWithin ??
      this.#alwaysTheSame ??
      this.#oddlySeveral ??
      this.#unlikeTokens ??
      this.#uncountedAmongSeveral
    )
  }

  /** Who told what cannot be in one answer is not believed in others, where nobody else says the same. */
  get #usageRefused(): RunDoubt | null {
    if (this.#refused === 0 || this.#alone.requests === 0) return null
    const { requests, less, more } = this.#alone
    return {
      ...{ requests, less, more },
      first: `the usage is proved wrong in ${this.#refused} answers, and ${requests} others have another number of tokens by it than chunks came`,
    }
  }

  /** Every answer has as many tokens as its chunks and its prompt have together, whatever the length of that. */
  get #promptWithin(): RunDoubt | null {
    const { requests, prompts, lengths } = this.#withPrompt
    if (requests < LEAST_ANSWERS || requests < this.#requests || lengths.size < LEAST_LENGTHS) return null
    return {
      ...{ requests, less: prompts, more: 0 },
      first: `all ${requests} answers have as many tokens by the usage as their chunks and their prompts together`,
    }
  }

  /** A model ends answers of different texts where they end, not all at one number: that is what was asked for, and no count. */
  get #alwaysTheSame(): RunDoubt | null {
    const { requests, less, more, output, isOne, chunks } = this.#same
    const areMost = requests >= Math.max(LEAST_ANSWERS, MOST_SHARE * this.#requests)
    if (!isOne || !areMost || chunks.size < LEAST_LENGTHS) return null
    return {
      ...{ requests, less, more },
      first: `${requests} of ${this.#requests} answers ended by themselves, and have ${output} tokens each by the usage, in different numbers of chunks`,
    }
  }

  /** Chunks stand for tokens, where those of other answers hold several. */
  get #uncountedAmongSeveral(): RunDoubt | null {
    const { requests, chunks } = this.#uncounted
    const { tokens, chunks: others } = this.#alone
    if (requests === 0 || others === 0 || tokens < MORE_PER_CHUNK * others) return null
    return {
      ...{ requests, less: 0, more: Math.round(chunks * (tokens / others - 1)) },
      first: `${requests} answers have no usage and ${chunks} chunks, and others have ${tokens} tokens in ${others} chunks`,
    }
  }

  /** The chunks look like one token each, and the usage tells another number, which nothing explains then. */
  get #unlikeTokens(): RunDoubt | null {
    const { requests, tokens, chunks, less, more, bytes, words, joints, letters, wideBytes } = this.#alone
    const least = Math.max(LEAST_DIFFERENCE, DIFFERS_SHARE * Math.min(tokens, chunks))
    if (chunks < LEAST_CHUNKS) return null
    const isNarrow = wideBytes <= MOST_WIDE_SHARE * bytes
    const areWhole =
      words >= WORDS_PER_CHUNK * chunks || (isNarrow && bytes >= LEAST_BYTES_PER_CHUNK * chunks)
    const areSingle =
      words >= WORDS_PER_CHUNK * chunks &&
      words <= WORD_BY_WORD * chunks &&
      bytes <= MOST_BYTES_PER_CHUNK * chunks &&
      letters >= LETTERS_SHARE * bytes
    const isSplit = more >= least && areWhole && joints <= JOINTS_PER_CHUNK * chunks
    const isJoined = less >= least && areSingle && joints < JOINTS_PER_TOKEN * less
    if (!isSplit && !isJoined) return null
    return {
      ...{ requests, less, more },
      first: `${requests} answers have ${tokens} tokens by the usage in ${chunks} chunks, which have a word or a part of one each, as tokens do`,
    }
  }

  /** Some answers with several tokens a chunk among others with one. */
  get #oddlySeveral(): RunDoubt | null {
    const { requests, tokens, chunks, leastMore, mostMore } = this.#several
    if (requests === 0 || tokens - chunks < LEAST_DIFFERENCE) return null
    const isAmongLong = this.#singleLong >= Math.max(LEAST_LONG, LONG_PER_SEVERAL * requests)
    const isAmongMany = this.#single >= SINGLE_PER_SEVERAL * requests
    const isHidden = requests > 1 && mostMore <= MOST_HIDDEN && mostMore - leastMore <= 1
    if (!(isAmongLong || isAmongMany) || isHidden) return null
    return {
      ...{ requests, less: tokens - chunks, more: 0 },
      first: `${requests} answers have ${tokens} tokens by the usage in ${chunks} chunks, and ${this.#single} others one token a chunk`,
    }
  }
}

function isClearlyMore(output: number, chunks: number): boolean {
  return (
    output >= SEVERAL_PER_CHUNK * chunks ||
    (output >= MORE_PER_CHUNK * chunks && output - chunks >= LEAST_MORE)
  )
}
