import type { Meanings } from '../../core/meanings.js'
import type { TokenLedger } from '../protocol.js'
import { EXPLANATIONS, type Explanation, REFUSALS } from './ledger-rules.js'
import { LEAST_ANSWERS, MOST_HIDDEN, RunDoubts } from './run-doubts.js'
import type { Answered } from './stream.js'
import type { Reckoning, TokenSource } from './witnesses.js'

/** What each of these explanations is warned of: the count is an estimate, or times are not those of tokens. */
const WARNED: readonly { why: Explanation; code: string }[] = [
  { why: 'reasoning_uncounted', code: 'tokens_reasoning_uncounted' },
  { why: 'reasoning_tokenized', code: 'tokens_reasoning_uncounted' },
  { why: 'usage_without_count', code: 'tokens_usage_without_count' },
  { why: 'usage_above_limit', code: 'usage_not_believed' },
  { why: 'usage_below_limit', code: 'usage_not_believed' },
  { why: 'usage_contradicted', code: 'usage_not_believed' },
]

const COUNTED_BY = {
  usage: "the server's usage",
  chunks: 'chunks',
  tokenizer: "the model's tokenizer",
  token_ids: 'the ids of tokens in the answers',
  logprobs: 'the probabilities of tokens in the answers',
  mixed: 'usage, chunks or tokenizer, as the ledger says',
} as const

/** By how much a tokenizer may differ over the texts of answers: what was made of tokens need not be cut into the same ones. */
const SLACK_SHARE = 0.04
const SLACK_TOKENS = 1
/** The same tokens in each answer that no text shows, as the marks of a template have, differ by so few from one to the next. */
const HIDDEN_SPREAD = 2
/** Of answers that are of one length, a share of each is the same number of tokens too. */
const LENGTHS_APART = 1.3

/** The tokens of a run by each witness, and where witnesses differ; its size does not grow with the run. */
export class AnswerLedger {
  readonly #explained = new Map<Explanation, number>()
  readonly #sources = new Map<TokenSource, number>()
  #requests = 0
  #output = 0
  #usage: number | null = null
  #chunks = 0
  #reasoning: number | null = null
  #unexplained = 0
  #firstDoubt: string | null = null
  readonly #compared = {
    ...{ requests: 0, counted: 0, tokenizer: 0 },
    ...{ leastHidden: Number.POSITIVE_INFINITY, mostHidden: Number.NEGATIVE_INFINITY },
    ...{ shortest: Number.POSITIVE_INFINITY, longest: 0 },
  }
  #impossible = 0
  #firstImpossible: string | null = null
  /** Answers whose count nothing decides, and how many tokens less, or more, they may have. */
  readonly #unsettled = { requests: 0, less: 0, more: 0 }
  readonly #run = new RunDoubts()
  /** What the first usage of an answer says that is no count. */
  #noCount: string | null = null

  add(reckoning: Reckoning, answer: Answered, tokenizer: number | null): void {
    const { output, source, explained, unexplained, between, impossible } = reckoning
    const { usage, chunkTimesNs } = answer
    this.#requests += 1
    this.#output += output
    this.#chunks += chunkTimesNs.length
    this.#usage = sum(this.#usage, usage?.completion)
    this.#reasoning = sum(this.#reasoning, usage?.reasoning)
    if (usage?.completion === null) this.#noCount ??= usage.noCount?.completion ?? null
    if (tokenizer !== null) this.compare(output, tokenizer)
    this.#sources.set(source, (this.#sources.get(source) ?? 0) + 1)
    for (const why of explained) this.#explained.set(why, (this.#explained.get(why) ?? 0) + 1)
    if (unexplained !== null) {
      this.#unexplained += 1
      this.#firstDoubt ??= unexplained
    }
    if (impossible !== null) {
      this.#impossible += 1
      this.#firstImpossible ??= impossible
    }
    if (between !== null) {
      this.#unsettled.requests += 1
      this.#unsettled.less += output - between[0]
      this.#unsettled.more += between[1] - output
    }
    const isRefused = explained.some((why) => REFUSALS.includes(why))
    this.#run.add(reckoning, isRefused, answer)
  }

  /** An answer of so many tokens, as they were settled, has so many by the tokenizer. */
  compare(counted: number, tokenizer: number): void {
    this.#compared.requests += 1
    this.#compared.counted += counted
    this.#compared.tokenizer += tokenizer
    this.#compared.shortest = Math.min(this.#compared.shortest, tokenizer)
    this.#compared.longest = Math.max(this.#compared.longest, tokenizer)
    this.#compared.leastHidden = Math.min(this.#compared.leastHidden, counted - tokenizer)
    this.#compared.mostHidden = Math.max(this.#compared.mostHidden, counted - tokenizer)
  }

  /** A tokenizer says of an answer that was added what stands. */
  bearOut(reckoning: Reckoning, answer: Answered): void {
    this.#run.bearOut(reckoning, answer)
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
      output_tokens_by_tokenizer: this.#compared.requests === 0 ? null : this.#compared.tokenizer,
      tokenized_requests: this.#compared.requests,
      tokenized_output_tokens: this.#compared.counted,
      reasoning_tokens: this.#reasoning,
      explained: [...this.#explained].map(([rule, requests]) => ({
        rule,
        requests,
        text: EXPLANATIONS[rule],
      })),
      unexplained: this.unexplained,
      unsettled: this.unsettled,
    }
  }

  /** Between which numbers of output tokens of the run nothing decides; null where they are settled. */
  get unsettled(): TokenLedger['unsettled'] {
    const { requests, less, more } = this.#unsettled
    const run = this.#run.doubt
    const together = this.#apart
    const all = requests + (run?.requests ?? 0) + (together?.requests ?? 0)
    if (all === 0) return null
    return {
      requests: Math.min(all, this.#requests),
      least_output_tokens: Math.max(
        0,
        Math.round(this.#output - less - (run?.less ?? 0) - (together?.less ?? 0)),
      ),
      most_output_tokens: Math.round(this.#output + more + (run?.more ?? 0) + (together?.more ?? 0)),
    }
  }

  /** What of single answers disagrees, else what shows of several together. */
  get unexplained(): TokenLedger['unexplained'] {
    const run = this.#run.doubt
    if (this.#firstDoubt !== null)
      return {
        requests: Math.min(this.#unexplained + (run?.requests ?? 0), this.#requests),
        first: this.#firstDoubt,
      }
    if (run !== null) return { requests: run.requests, first: run.first }
    if (this.#apart === null) return null
    const { requests, counted, tokenizer } = this.#compared
    return {
      requests,
      first: `together ${requests} answers are counted as ${counted} tokens, and have ${tokenizer} by the model's tokenizer`,
    }
  }

  /** By how much all would be fewer, or more, if each were as far off as those that a tokenizer was asked for. */
  get #apart(): { requests: number; less: number; more: number } | null {
    const { requests, counted, tokenizer } = this.#compared
    const off = counted - tokenizer
    if (this.#isHiddenAlike) return null
    if (Math.abs(off) <= SLACK_TOKENS * requests + SLACK_SHARE * tokenizer) return null
    const all = (off * this.#output) / Math.max(1, counted)
    return { requests, less: Math.max(0, all), more: Math.max(0, -all) }
  }

  /** Each answer has the same few tokens more than its text, though texts are of many lengths. */
  get #isHiddenAlike(): boolean {
    const { requests, leastHidden, mostHidden, shortest, longest } = this.#compared
    const isVaried = requests >= LEAST_ANSWERS && longest >= LENGTHS_APART * shortest
    const isFew = leastHidden > 0 && mostHidden <= MOST_HIDDEN
    return isVaried && isFew && mostHidden - leastHidden <= HIDDEN_SPREAD
  }

  /** What a reader should know of these counts, as sentences that begin with a code. */
  get notes(): string[] {
    const of = (why: Explanation) => this.#explained.get(why) ?? 0
    const all = this.#requests
    const notes: string[] = []
    if (this.#firstImpossible !== null)
      notes.push(
        `prompt_tokens_not_believed: in ${this.#impossible} of ${all} requests the usage tells more tokens of the prompt than it has bytes, with a template around it, or fewer than it has words (the first: ${this.#firstImpossible}); they were not believed.`,
      )
    if (of('no_usage') > 0)
      notes.push(
        `tokens_counted_by_chunks: the server told ${this.#noCount === null ? 'no usage' : `a usage that is no count (${this.#noCount})`} for ${of('no_usage')} of ${all} requests; their output tokens are the chunks that came, which may hold several tokens each.`,
      )
    const differing = of('tokens_per_chunk') + of('chunks_per_token')
    if (differing > 0)
      notes.push(
        `tokens_per_chunk: in ${differing} of ${all} requests there is not one token a chunk (${this.#output} tokens in ${this.#chunks} chunks in all). Tokens are counted by ${COUNTED_BY[this.source]}; times between tokens are those between chunks, and null where chunks hold 1.5 tokens each, or more.`,
      )
    for (const { why, code } of WARNED)
      if (of(why) > 0) notes.push(`${code}: in ${of(why)} of ${all} requests ${EXPLANATIONS[why]}.`)
    const { unexplained, unsettled } = this
    if (unexplained !== null)
      notes.push(
        `token_counts_disagree: in ${unexplained.requests} of ${all} requests what was told of their tokens disagrees (the first: ${unexplained.first}); ${
          unsettled === null
            ? 'the joules per token are as sure as the count that was taken'
            : `nothing decides between ${unsettled.least_output_tokens} and ${unsettled.most_output_tokens} output tokens of the run`
        }.`,
      )
    return notes
  }
}

function sum(all: number | null, one: number | null | undefined): number | null {
  return one == null ? all : (all ?? 0) + one
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  tokens_counted_by_chunks: {
    meaning:
      'The server does not tell how many tokens an answer has; its packets are counted in their place.',
    evidence: 'No `usage` in the answers, or one that is no count, as -1.',
    advice: 'Start the server so that it sends `usage`; a packet may hold several tokens.',
  },
  tokens_reasoning_uncounted: {
    meaning:
      'The server leaves the thoughts of the model out of its count. Its tokenizer counted all, or each packet of them is a token.',
    evidence: '`completion_tokens` beside the packets with thoughts.',
    advice: 'Use an engine that counts them, or trust the tokens per request less.',
  },
  usage_not_believed: {
    meaning:
      'The server tells another number of tokens than it may have made, or than packets and tokenizer both say. These were believed.',
    evidence: '`completion_tokens` beside `max_tokens`, packets and tokenizer (`serving.ledger`).',
    advice: 'Look at what stands between llem and the engine: some add the prompt, or the answers before.',
  },
  tokens_usage_without_count: {
    meaning: 'The server says that it made no token though text came. Tokens are those of another witness.',
    evidence: '`completion_tokens` is 0.',
    advice: null,
  },
  token_counts_disagree: {
    meaning:
      'What was told of the tokens disagrees without a known reason. Where output tokens may be off by more than 5 %, no joules per token are quoted.',
    evidence:
      '`serving.ledger`: usage, packets and a tokenizer beside one another; `unsettled` is what nothing decides.',
    advice: 'Look at `requests.jsonl`, and at what stands between llem and the engine.',
  },
  tokens_per_chunk: {
    meaning:
      'The server sends several tokens in one packet. Latencies between tokens are those between packets.',
    evidence: 'Tokens of `usage` over the number of packets.',
    advice: null,
  },
  prompt_tokens_not_believed: {
    meaning:
      'The server tells more tokens of a prompt than it has bytes, with a template around it. They were not believed.',
    evidence: '`prompt_tokens` beside the bytes of the prompt, with 1024 tokens for a template.',
    advice: 'Look at what stands between llem and the engine: some add prompts up, or count images.',
  },
}
