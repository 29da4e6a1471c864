import type { TokenLedger } from '../protocol.js'
import { EXPLANATIONS, type Explanation, type Reckoning, type TokenSource } from './ledger.js'
import type { Answered } from './stream.js'

/** What each of these explanations is warned of: the count is an estimate, or times are not those of tokens. */
const WARNED: readonly { why: Explanation; code: string }[] = [
  { why: 'reasoning_uncounted', code: 'tokens_reasoning_uncounted' },
  { why: 'usage_without_count', code: 'tokens_usage_without_count' },
]

/** The tokens of a run by each witness, and where witnesses differ; its size does not grow with the run. */
export class AnswerLedger {
  readonly #explained = new Map<Explanation, number>()
  readonly #sources = new Map<TokenSource, number>()
  #requests = 0
  #output = 0
  #usage: number | null = null
  #chunks = 0
  #tokenizer: number | null = null
  #reasoning: number | null = null
  #unexplained = 0
  #firstDoubt: string | null = null

  add(
    { output, source, explained, unexplained }: Reckoning,
    answer: Answered,
    tokenizer: number | null,
  ): void {
    const { usage, chunkTimesNs } = answer
    this.#requests += 1
    this.#output += output
    this.#chunks += chunkTimesNs.length
    this.#usage = sum(this.#usage, usage?.completion)
    this.#reasoning = sum(this.#reasoning, usage?.reasoning)
    this.#tokenizer = sum(this.#tokenizer, tokenizer)
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1)
    for (const why of explained) this.#explained.set(why, (this.#explained.get(why) ?? 0) + 1)
    if (unexplained !== null) {
      this.#unexplained += 1
      this.#firstDoubt ??= unexplained
    }
  }

  /** One source, or "mixed". */
  get source(): TokenSource | 'mixed' {
    const [first, ...others] = this.#sources.keys()
    return others.length > 0 ? 'mixed' : (first ?? 'usage')
  }

  get ledger(): TokenLedger {
    return {
      output_tokens_by_usage: this.#usage,
      output_tokens_by_chunks: this.#chunks,
      output_tokens_by_tokenizer: this.#tokenizer,
      reasoning_tokens: this.#reasoning,
      explained: [...this.#explained].map(([rule, requests]) => ({
        rule,
        requests,
        text: EXPLANATIONS[rule],
      })),
      unexplained:
        this.#firstDoubt === null ? null : { requests: this.#unexplained, first: this.#firstDoubt },
    }
  }

  /** What a reader should know of these counts, as sentences that begin with a code. */
  get notes(): string[] {
    const of = (why: Explanation) => this.#explained.get(why) ?? 0
    const all = this.#requests
    const notes: string[] = []
    if (of('no_usage') > 0)
      notes.push(
        `tokens_counted_by_chunks: the server told no usage for ${of('no_usage')} of ${all} requests; their output tokens are the chunks that came, which may hold several tokens each.`,
      )
    const differing = of('tokens_per_chunk') + of('chunks_per_token')
    if (differing > 0)
      notes.push(
        `tokens_per_chunk: in ${differing} of ${all} requests the server counted other than one token a chunk (${this.#output} tokens in ${this.#chunks} chunks in all). Tokens are the server's count; times between tokens are those between chunks, and null where a chunk holds two tokens or more.`,
      )
    for (const { why, code } of WARNED)
      if (of(why) > 0) notes.push(`${code}: in ${of(why)} of ${all} requests ${EXPLANATIONS[why]}.`)
    if (this.#firstDoubt !== null)
      notes.push(
        `token_counts_disagree: in ${this.#unexplained} of ${all} requests what was told of their tokens disagrees (the first: ${this.#firstDoubt}); the joules per token are as sure as the server's own count.`,
      )
    return notes
  }
}

function sum(all: number | null, one: number | null | undefined): number | null {
  return one == null ? all : (all ?? 0) + one
}
