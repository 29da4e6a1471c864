// What is known to make the witnesses of an answer's tokens differ, in the order in which it is tried.

import type { TokenSource, Witnesses } from './witnesses.js'

/** Why witnesses may differ and one of them is right all the same. */
export const EXPLANATIONS = {
  no_usage:
    'the server told no count of the answer; tokens are the chunks that came, which may hold several tokens each',
  no_usage_listed: 'the server told no count of the answer; tokens are those that it listed one by one',
  no_usage_tokenized: 'the server told no count of the answer; tokens are those of its tokenizer',
  output_by_total: 'completion_tokens is missing; tokens are total_tokens less those of the prompt',
  reasoning_outside: 'reasoning tokens are not within completion_tokens, and were added',
  reasoning_hidden: 'thoughts are counted and do not come',
  reasoning_uncounted: 'the usage leaves out the thoughts; each of their chunks was taken for a token',
  reasoning_tokenized: 'the usage leaves out the thoughts; tokens are those of its tokenizer',
  usage_above_limit:
    'the usage tells more tokens than max_tokens allows and than came; tokens are those of another witness',
  usage_below_limit: 'the answer ended at max_tokens, which the chunks bear out and the usage does not',
  rejected_prediction: 'completion_tokens holds predicted tokens that were not taken, which were taken off',
  usage_contradicted:
    'chunks agree with a tokenizer, or with what the server listed, on another count than the usage, and were believed',
  more_in_total: 'total_tokens holds tokens that completion_tokens leaves out, and that came',
  usage_without_count: 'completion_tokens is 0 though text came; tokens are those of another witness',
  tokens_per_chunk: 'chunks hold several tokens each',
  chunks_per_token: 'tokens came in several chunks each',
  prompt_by_total: 'prompt_tokens is missing or 0; tokens are total_tokens less those of the answer',
  prompt_cached: 'prompt_tokens leaves out those that came from the cache, which were added',
  prompt_tokenized: 'the server told no prompt_tokens; tokens are those of its tokenizer',
} as const
export type Explanation = keyof typeof EXPLANATIONS

/** By how much a tokenizer may differ over the same text: text that is made of tokens need not be cut into the same ones. */
const TOKENIZER_SHARE = 0.02
const TOKENIZER_TOKENS = 2
/** Of fewer chunks a number may be the one that it is by chance. */
const LEAST_CHUNKS = 8

export interface Counted extends Witnesses {
  /** Of the answer by the difference of total and prompt; null where one of them is missing. */
  byTotal: number | null
  completion: number | null
  reasoning: number
}

interface OutputRule {
  why: Explanation | null
  source: TokenSource
  /** Null where it does not apply. */
  output(counted: Counted): number | null
}

const when = (applies: boolean, tokens: number | null): number | null => (applies ? tokens : null)
const near = (a: number | null, b: number): boolean => a !== null && Math.abs(a - b) <= 1

export const agree = (a: number, b: number): boolean =>
  Math.abs(a - b) <= TOKENIZER_TOKENS + TOKENIZER_SHARE * Math.max(a, b)

/** The end-of-text token brings no text, and most servers count it. */
export const silentOf = ({ endedByItself }: Pick<Witnesses, 'endedByItself'>): number =>
  endedByItself ? 1 : 0

/** It ended because it was as long as it may be: what was asked for bears the count out. */
export function isAtLimit({ limit, endedByItself }: Witnesses, tokens: number): boolean {
  return !endedByItself && tokens === limit
}

/** No answer is longer than it may be, but for its end, unless as much of it came; thoughts may have a limit of their own. */
function isAboveLimit({ completion, chunks, reasoning, limit }: Counted): boolean {
  const counted = Number(completion)
  return limit !== null && chunks > 0 && counted - reasoning > limit + 1 && !agree(counted, chunks)
}

function leavesThoughtsOut({ completion, chunks, reasoningChunks }: Counted): boolean {
  return reasoningChunks > 1 && near(completion, chunks - reasoningChunks)
}

const isMore = ({ completion, tokenizer }: Counted): boolean => Number(tokenizer) > Number(completion)

/** Both others say the same, and it is not what the usage says. */
function isContradicted({ completion, chunks, tokenizer, reasoning }: Counted): boolean {
  if (tokenizer === null || completion === null || completion === 0 || reasoning > 0) return false
  return agree(tokenizer, chunks) && !agree(completion, tokenizer) && !agree(completion, chunks)
}

/** It ended at its limit by the chunks, and not by the usage. */
function isBelowLimit(counted: Counted): boolean {
  const { completion, chunks, tokenizer, reasoning } = counted
  if (completion === null || completion === 0 || tokenizer !== null || reasoning > 0) return false
  return (
    chunks >= LEAST_CHUNKS && isAtLimit(counted, chunks) && completion < chunks && !agree(completion, chunks)
  )
}

/** Tokens of a prediction that were not taken are no answer's; null where there are none, or they are left out already. */
function withoutRejected(counted: Counted): number | null {
  const { completion, chunks, usage } = counted
  const taken = Number(completion) - (usage?.rejected ?? 0)
  return when(!!usage?.rejected && taken >= chunks && Number(completion) > chunks + silentOf(counted), taken)
}

/** Whether a tokenizer's word on its text may be another than that of the usage. */
export function wantsTokenizer(witnesses: Witnesses): boolean {
  const { usage, chunks, listed } = witnesses
  if (listed !== null) return false
  if (usage === null) return true
  const { completion } = usage
  const counted = { ...witnesses, byTotal: null, completion, reasoning: usage.reasoning ?? 0 }
  const isFewer = completion !== null && completion > 0 && completion < chunks && !agree(completion, chunks)
  return isAboveLimit(counted) || leavesThoughtsOut(counted) || isFewer
}

/** By these the usage is not believed. */
export const REFUSALS: readonly Explanation[] = [
  'usage_above_limit',
  'usage_below_limit',
  'usage_contradicted',
]

/** The first that applies says how many tokens an answer has. */
export const OUTPUT_RULES: readonly OutputRule[] = [
  {
    why: 'no_usage_listed',
    source: 'tokenizer',
    output: ({ completion, byTotal, listed }) =>
      when(completion === null && byTotal === null, listed?.count ?? null),
  },
  {
    why: 'no_usage_tokenized',
    source: 'tokenizer',
    output: ({ completion, byTotal, tokenizer }) => when(completion === null && byTotal === null, tokenizer),
  },
  {
    why: 'no_usage',
    source: 'chunks',
    output: ({ completion, byTotal, chunks }) => when(completion === null && byTotal === null, chunks),
  },
  {
    why: 'output_by_total',
    source: 'usage',
    output: ({ completion, byTotal }) => when(completion === null, byTotal),
  },
  {
    why: 'reasoning_outside',
    source: 'usage',
    output: ({ completion, byTotal, reasoning }) =>
      when(reasoning > 0 && byTotal === Number(completion) + reasoning, byTotal),
  },
  {
    // What is more than the whole is no part of it.
    why: 'reasoning_outside',
    source: 'usage',
    output: ({ completion, reasoning }) =>
      when(reasoning > Number(completion), Number(completion) + reasoning),
  },
  { why: 'rejected_prediction', source: 'usage', output: withoutRejected },
  {
    why: 'more_in_total',
    source: 'usage',
    output: ({ completion, byTotal, chunks, usage }) =>
      when(!!usage?.prompt && Number(byTotal) > Number(completion) && near(byTotal, chunks), byTotal),
  },
  {
    why: 'usage_above_limit',
    source: 'tokenizer',
    output: (counted) => when(isAboveLimit(counted), counted.tokenizer),
  },
  {
    why: 'usage_above_limit',
    source: 'chunks',
    output: (counted) => when(isAboveLimit(counted), counted.chunks),
  },
  {
    why: 'usage_below_limit',
    source: 'chunks',
    output: (counted) => when(isBelowLimit(counted), counted.chunks),
  },
  {
    why: 'reasoning_tokenized',
    source: 'tokenizer',
    output: (counted) => when(leavesThoughtsOut(counted) && isMore(counted), counted.tokenizer),
  },
  {
    why: 'usage_contradicted',
    source: 'tokenizer',
    output: (counted) => when(isContradicted(counted), counted.tokenizer),
  },
  {
    why: 'reasoning_uncounted',
    source: 'chunks',
    output: (counted) =>
      when(leavesThoughtsOut(counted), Number(counted.completion) + counted.reasoningChunks),
  },
  {
    why: 'usage_without_count',
    source: 'usage',
    output: ({ completion, byTotal, chunks, usage }) =>
      when(completion === 0 && chunks > 0 && !!usage?.prompt && Number(byTotal) > 0, byTotal),
  },
  {
    why: 'usage_without_count',
    source: 'tokenizer',
    output: ({ completion, chunks, tokenizer }) => when(completion === 0 && chunks > 0, tokenizer),
  },
  {
    why: 'usage_without_count',
    source: 'chunks',
    output: ({ completion, chunks }) => when(completion === 0 && chunks > 0, chunks),
  },
  { why: null, source: 'usage', output: ({ completion }) => completion },
]
