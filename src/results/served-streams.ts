// What a load says of its tokens and of how they came.

import { z } from 'zod'

const count = z.number().int().nonnegative()

/** What may count output tokens: the server's `usage`, chunks, a tokenizer, what the server listed, or each for some. */
export const TOKEN_SOURCES = ['usage', 'chunks', 'tokenizer', 'token_ids', 'logprobs', 'mixed'] as const

/** How many output tokens each witness tells of, and why they differ. Null is a witness that was not heard. */
export const tokenLedgerSchema = z.object({
  /** `completion_tokens`, as the server told them. */
  output_tokens_by_usage: count.nullable(),
  /** Chunks with text. */
  output_tokens_by_chunks: count,
  /** By the model's tokenizer, that of the server or one on this machine, of the texts of so many answers, and what these have by the count that stands. */
  output_tokens_by_tokenizer: count.nullable(),
  tokenized_requests: count.default(0),
  tokenized_output_tokens: count.default(0),
  /** Of thoughts, as the server told them. */
  reasoning_tokens: count.nullable(),
  /** Differences with a known explanation, and in how many requests. */
  explained: z.array(z.object({ rule: z.string(), requests: count, text: z.string() })),
  /** Differences without one, and what the first was; null where there is none. */
  unexplained: z.object({ requests: count, first: z.string() }).nullable(),
  /** Between which numbers nothing decides, for answers whose witnesses disagree; null where all are settled. */
  unsettled: z
    .object({ requests: count, least_output_tokens: count, most_output_tokens: count })
    .nullable()
    .default(null),
})

export type TokenLedger = z.infer<typeof tokenLedgerSchema>

/** How many answers came token by token, in bursts of several tokens, or kept back until many were there. */
export const streamsSchema = z.object({
  stream: count,
  /** Their times between tokens are null. */
  bursts: count,
  /** Their time to first token, times between and per token, and phases are null. */
  buffered: count,
  /** Why some of these times are null; null where none is. */
  reason: z.string().nullable(),
})

export type Streams = z.infer<typeof streamsSchema>

/** Why first tokens were not seen; null where all were, or nobody knows. */
export function whyUnseen(streams: Streams | null): string | null {
  return streams === null || streams.buffered === 0 ? null : streams.reason
}

/** What a server put off by 429 or 503 with Retry-After: how often, and how long was waited in all, seconds. */
export const putOffSchema = z.object({ count, sec: z.number().nonnegative() })
