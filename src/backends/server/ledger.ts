// How many tokens an answer and its prompt have, by all that was told of them: the server's `usage`, the chunks of the stream,
// a tokenizer. Pure: a table of what is known to make witnesses differ, tried in order.

import type { Usage } from './usage.js'

/** What was told of one answer. */
export interface Witnesses {
  usage: Usage | null
  /** Chunks with text, and those of them that brought a thought. */
  chunks: number
  reasoningChunks: number
  /** Of the text, UTF-16 units. */
  chars: number
  /** The answer's text by a tokenizer; null where none was asked. */
  tokenizer: number | null
  /** The prompt's length by the server's tokenizer; null where that was not asked. */
  prompt: number | null
  /** The most tokens that the request let the answer have; null where it set no limit that is known. */
  limit: number | null
  /** The model ended it, by a token that brings no text and that most servers count. */
  endedByItself: boolean
}

export type TokenSource = 'usage' | 'chunks' | 'tokenizer'

/** What an answer has. */
export interface Reckoning {
  output: number
  /** Null where nobody tells. */
  input: number | null
  source: TokenSource
  /** Why witnesses differ, by the names of {@link EXPLANATIONS}; empty where they agree. */
  explained: Explanation[]
  /** Of the prompt, from the server's cache; null where nobody tells, or what is told cannot be. */
  cached: number | null
  /** How they differ for no reason that is known; null where they do not. */
  unexplained: string | null
}

/** Why witnesses may differ and one of them is right all the same. */
export const EXPLANATIONS = {
  no_usage: 'the server told no usage; tokens are the chunks that came, which may hold several tokens each',
  no_usage_tokenized: 'the server told no usage; tokens are those of its tokenizer',
  output_by_total: 'completion_tokens is missing; tokens are total_tokens less those of the prompt',
  reasoning_outside: 'reasoning tokens are not within completion_tokens, and were added',
  reasoning_hidden: 'thoughts are counted and do not come',
  reasoning_uncounted: 'the usage leaves out the thoughts; each of their chunks was taken for a token',
  reasoning_tokenized: 'the usage leaves out the thoughts; tokens are those of its tokenizer',
  usage_above_limit:
    'the usage tells more tokens than max_tokens allows and than came; tokens are those of another witness',
  usage_contradicted: 'chunks and tokenizer agree on another count than the usage, and were believed',
  more_in_total: 'total_tokens holds tokens that completion_tokens leaves out, and that came',
  usage_without_count: 'completion_tokens is 0 though text came; tokens are those of another witness',
  tokens_per_chunk: 'chunks hold several tokens each',
  chunks_per_token: 'tokens came in several chunks each',
  prompt_by_total: 'prompt_tokens is missing or 0; tokens are total_tokens less those of the answer',
  prompt_cached: 'prompt_tokens leaves out those that came from the cache, which were added',
  prompt_tokenized: 'the server told no prompt_tokens; tokens are those of its tokenizer',
} as const
export type Explanation = keyof typeof EXPLANATIONS

/** Where a token takes so many chunks, they are no tokens' chunks. */
const MOST_CHUNKS_PER_TOKEN = 8
/** By how much a tokenizer may differ over the same text: text that is made of tokens need not be cut into the same ones. */
const TOKENIZER_SHARE = 0.02
const TOKENIZER_TOKENS = 2

interface Counted extends Witnesses {
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

const agree = (a: number, b: number): boolean =>
  Math.abs(a - b) <= TOKENIZER_TOKENS + TOKENIZER_SHARE * Math.max(a, b)

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

/** Whether a tokenizer's word on its text may be another than that of the usage. */
export function wantsTokenizer(witnesses: Witnesses): boolean {
  const { usage, chunks } = witnesses
  if (usage === null) return true
  const { completion } = usage
  const counted = { ...witnesses, byTotal: null, completion, reasoning: usage.reasoning ?? 0 }
  const isFewer = completion !== null && completion > 0 && completion < chunks && !agree(completion, chunks)
  return isAboveLimit(counted) || leavesThoughtsOut(counted) || isFewer
}

/** By these the usage is not believed. */
const REFUSALS: readonly Explanation[] = ['usage_above_limit', 'usage_contradicted']

/** The first that applies says how many tokens an answer has. */
const OUTPUT_RULES: readonly OutputRule[] = [
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

/** Settles what the witnesses say of one answer. */
export function reckon(witnesses: Witnesses): Reckoning {
  const { usage } = witnesses
  const byTotal =
    usage?.total == null || usage.prompt === null ? null : Math.max(0, usage.total - usage.prompt)
  const counted = {
    ...witnesses,
    byTotal,
    completion: usage?.completion ?? null,
    reasoning: usage?.reasoning ?? 0,
  }
  for (const { why, source, output: by } of OUTPUT_RULES) {
    const output = by(counted)
    if (output === null) continue
    const isRefused = why !== null && REFUSALS.includes(why)
    const prompt = isRefused ? promptBeside(witnesses) : promptOf(witnesses, output)
    const { explained, doubt } =
      source === 'chunks' || isRefused ? AGREED : comparedWithText(output, witnesses)
    const cached =
      prompt.input !== null && Number(usage?.cached) > prompt.input ? null : (usage?.cached ?? null)
    const doubts = [
      isRefused ? refusal(counted) : doubt,
      isRefused ? null : doubtOfTotal(counted, output, prompt),
      usage?.cached != null && cached === null
        ? `${usage.cached} tokens from the cache of a prompt of ${prompt.input}`
        : null,
    ].filter((each) => each !== null)
    return {
      output,
      input: prompt.input,
      cached,
      source,
      explained: [why, prompt.why, explained].filter((each) => each !== null),
      unexplained: doubts.length === 0 ? null : doubts.join('; '),
    }
  }
  throw new Error('no rule counts an answer')
}

interface Compared {
  explained: Explanation | null
  doubt: string | null
}

const AGREED: Compared = { explained: null, doubt: null }

/** Tokens of thoughts that were counted and did not come. */
export function hiddenThoughts({
  usage,
  reasoningChunks,
}: Pick<Witnesses, 'usage' | 'reasoningChunks'>): number {
  return reasoningChunks === 0 ? (usage?.reasoning ?? 0) : 0
}

/** Whether the text that came may be that of so many tokens. */
function comparedWithText(all: number, witnesses: Witnesses): Compared {
  const hidden = hiddenThoughts(witnesses)
  if (hidden > 0 && hidden < all) {
    const { doubt } = visiblyCompared(all - hidden, witnesses)
    return { explained: 'reasoning_hidden', doubt }
  }
  return visiblyCompared(all, witnesses)
}

function visiblyCompared(output: number, { chunks, chars, tokenizer, endedByItself }: Witnesses): Compared {
  const silent = endedByItself ? 1 : 0
  if (output >= chunks && output <= chunks + silent) return AGREED
  const explained = output > chunks ? 'tokens_per_chunk' : 'chunks_per_token'
  if (tokenizer !== null) {
    const slack = TOKENIZER_TOKENS + TOKENIZER_SHARE * tokenizer
    const doubt =
      Math.abs(output - tokenizer) <= slack
        ? null
        : `${output} tokens by the usage, ${tokenizer} by the tokenizer`
    return { explained: doubt === null ? explained : null, doubt }
  }
  // A token has a byte of text at least, and a UTF-16 unit has three at most.
  if (output > chunks && chunks > 0 && output > 3 * chars + chunks + silent)
    return { explained: null, doubt: `${output} tokens by the usage in a text of ${chars} characters` }
  if (output * MOST_CHUNKS_PER_TOKEN < chunks)
    return { explained: null, doubt: `${output} tokens by the usage in ${chunks} chunks` }
  return { explained, doubt: null }
}

interface PromptTokens {
  input: number | null
  why: Explanation | null
}

function promptOf({ usage, prompt: own }: Witnesses, output: number): PromptTokens {
  const { prompt, total, cached, isCachedBeside } = usage ?? { prompt: null, total: null, cached: null }
  if (prompt !== null && prompt > 0) {
    // A total that is the sum without them says that they are within, whatever their number.
    const isInTotal = !total || isCachedBeside || total !== prompt + output
    const isOutside = cached !== null && cached > prompt && isInTotal
    return isOutside ? { input: prompt + cached, why: 'prompt_cached' } : { input: prompt, why: null }
  }
  if (total !== null && total > output) return { input: total - output, why: 'prompt_by_total' }
  if (cached !== null && cached > 0) return { input: cached, why: 'prompt_cached' }
  // Every prompt has a token: 0 is no count.
  return own === null ? { input: null, why: null } : { input: own, why: 'prompt_tokenized' }
}

/** Of a usage that is not believed nothing is. */
function promptBeside({ prompt }: Witnesses): PromptTokens {
  return { input: prompt, why: prompt === null ? null : 'prompt_tokenized' }
}

function refusal({ completion, chunks, tokenizer, limit }: Counted): string {
  const others = `${chunks} chunks${tokenizer === null ? '' : ` and ${tokenizer} tokens by the tokenizer`}`
  const most = limit !== null && Number(completion) > limit + 1 ? `, of ${limit} at most` : ''
  return `${completion} tokens by the usage${most}, where ${others} came`
}

/** A total that is neither the sum nor explained. */
function doubtOfTotal({ usage }: Counted, output: number, { input, why }: PromptTokens): string | null {
  const { prompt, completion, total } = usage ?? {}
  if (total == null || prompt == null || completion == null || input === null) return null
  const isSum = total === prompt + completion || total === input + output
  return isSum || why !== null || total === 0
    ? null
    : `the usage adds ${prompt} and ${completion} tokens up to ${total}`
}
