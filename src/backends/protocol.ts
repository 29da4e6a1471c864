import { z } from 'zod'
import { modelFactsSchema } from '../models/facts.js'
import { monotonicNs } from '../workers/wire.js'
import { answeredModelSchema, serverIdentitySchema } from './identity.js'

// JSON lines, one object a line: requests on the worker's stdin; replies and events, nothing else, on its stdout.
//
//   host -> {"id":3,"verb":"run","prompts":[...],"generation":{...},"load":{...}}
//        <- {"event":"request","id":3,"index":0,...}     once per prompt, as it ends; "failure" where it came to nothing
//        <- {"id":3,"ok":true,"start_ns":...,...}        or {"id":3,"ok":false,"error":{"code":...,"message":...}}
//
// Verbs are answered in order, one at a time. A worker whose stdin ends must exit, busy or not.

/** Raised when an older host or worker could misread what the other says. */
export const PROTOCOL_VERSION = 2

const count = z.number().int().nonnegative()
const milliseconds = z.number().nonnegative()

/** One prompt, as text. */
export const promptSchema = z.object({
  text: z.string(),
  /** What the system is told: a message before the user's, or, without a chat template, text before the text. */
  system: z.string().optional(),
  /** Exactly this many tokens are evaluated: the tokenised text is cut, or repeated, to it. */
  input_tokens: count.min(1).optional(),
  /** At most this many tokens are evaluated, a leading BOS included: a longer text keeps its beginning. */
  max_input_tokens: count.min(1).optional(),
  /** Exactly this many tokens are generated: it replaces `max_tokens`, and the end-of-text token is ignored. */
  output_tokens: count.min(1).optional(),
})
export type Prompt = z.infer<typeof promptSchema>

/** How tokens are chosen and when generation ends. */
export const generationSchema = z.object({
  max_tokens: count.min(1),
  /** 0 takes the likeliest token. */
  temperature: z.number().nonnegative(),
  top_p: z.number().min(0).max(1),
  /** 0 keeps the whole vocabulary. */
  top_k: count,
  seed: count,
  /** Go on after an end-of-text token, up to `max_tokens`; it then counts as a token. */
  ignore_eos: z.boolean(),
})
export type Generation = z.infer<typeof generationSchema>

/** How requests reach a server. */
export const offeredLoadSchema = z.object({
  /** Most requests in flight at once; a closed loop keeps as many there. Null with a rate: no limit. */
  concurrency: count.min(1).nullable(),
  /** Requests a second that arrive whether or not earlier ones have ended; null is a closed loop. */
  request_rate: z.number().positive().nullable(),
  arrival: z.enum(['poisson', 'constant']),
  seed: count,
  /** How often a request that failed is sent again. */
  retries: count,
  /** The run is given up once more than this share of its requests has failed. */
  max_failed_share: z.number().min(0).max(1),
})
export type OfferedLoad = z.infer<typeof offeredLoadSchema>

/** A line from host to worker. */
export const requestSchema = z.discriminatedUnion('verb', [
  z.object({ id: count, verb: z.literal('hello'), protocol: count }),
  z.object({
    id: count,
    verb: z.literal('load'),
    model: z.string(),
    options: z.record(z.string(), z.unknown()),
  }),
  z.object({ id: count, verb: z.literal('infer_one'), prompt: promptSchema, generation: generationSchema }),
  /** Readies what the next `run` gets, such as tokens from a server's tokenizer. Only where the host knows it is there. */
  z.object({
    id: count,
    verb: z.literal('prepare'),
    prompts: z.array(promptSchema),
    generation: generationSchema,
  }),
  z.object({
    id: count,
    verb: z.literal('run'),
    prompts: z.array(promptSchema),
    generation: generationSchema,
    /** Null: one after the other, or as the options of the backend say. */
    load: offeredLoadSchema.nullable(),
  }),
  z.object({ id: count, verb: z.literal('memory') }),
  z.object({ id: count, verb: z.literal('unload') }),
  z.object({ id: count, verb: z.literal('bye') }),
])
export type WorkerRequest = z.infer<typeof requestSchema>
export type Verb = WorkerRequest['verb']
export type RequestOf<V extends Verb> = Omit<Extract<WorkerRequest, { verb: V }>, 'id' | 'verb'>

/**
 * How a set of times is spread, in milliseconds. Percentiles interpolate linearly between ranks, or come from a
 * histogram within 0.1 % where a run over HTTP would have to keep every time.
 */
export const spreadSchema = z.object({
  count: count.min(1),
  mean: milliseconds,
  p50: milliseconds,
  p95: milliseconds,
  p99: milliseconds,
  max: milliseconds,
})
export type Spread = z.infer<typeof spreadSchema>

/** One finished request of a run. */
export const requestRecordSchema = z.object({
  /** The prompt's place in the list, from 0. */
  index: count,
  /** Tokens of the prompt, a leading BOS included; null where a server tells no number. */
  input_tokens: count.nullable(),
  /**
   * Tokens generated. The end-of-text token that ended the answer is not one of them, but where a server counts
   * (`usage`), its count stands, and most count that token.
   */
  output_tokens: count,
  /** When its work began; for a server, when it was sent. */
  start_ns: monotonicNs,
  end_ns: monotonicNs,
  /** When an open loop should have sent it; null elsewhere. */
  scheduled_ns: monotonicNs.nullable().default(null),
  /** Time to first token; null where it was not observed or no token came. */
  ttft_ms: milliseconds.nullable(),
  /** Inter-token latencies; null where they were not observed or fewer than two tokens came. */
  itl_ms: spreadSchema.nullable(),
  finish_reason: z.enum(['stop', 'length']),
  /** How often it was sent; times are those of the last. */
  attempts: count.min(1).default(1),
  /** The prompt was cut, to `max_input_tokens` or because it and `max_tokens` did not fit in the context. */
  truncated: z.boolean(),
  /** A digest of the generated token ids, so that two runs can be compared; null where ids are not known. */
  output_digest: z.string().nullable(),
})
export type RequestRecord = z.infer<typeof requestRecordSchema>

/** A request of a run that came to nothing. */
export const failedRequestSchema = z.object({
  index: count,
  /** E.g. "TIMEOUT", "HTTP_500", "STREAM_BROKEN". */
  code: z.string(),
  message: z.string(),
  start_ns: monotonicNs,
  end_ns: monotonicNs,
})
export type FailedRequest = z.infer<typeof failedRequestSchema>

/** What a worker tells during a run. */
export const runEventSchema = z.discriminatedUnion('event', [
  requestRecordSchema.extend({ event: z.literal('request'), id: count }),
  failedRequestSchema.extend({ event: z.literal('failure'), id: count }),
  /** A sign of life where no request may end for long, as at one request an hour. */
  z.object({ event: z.literal('alive'), id: count }),
])

/** What a worker may tell while it loads: what it waits for, in words. Each one starts its time limit anew. */
export const loadEventSchema = z.object({ event: z.literal('progress'), id: count, text: z.string() })

/** What a worker may tell while it prepares: that it lives. */
export const prepareEventSchema = z.object({ event: z.literal('alive'), id: count })

export const helloSchema = z.object({
  protocol: count,
  backend: z.string(),
  /** Library -> version. */
  versions: z.record(z.string(), z.string()),
})

/** What the worker knows once the model is loaded. */
export const loadSchema = z.object({
  model: z.string(),
  facts: modelFactsSchema,
  /** The type of most weights, e.g. "F16", "Q4_K", "bfloat16". */
  dtype: z.string().nullable(),
  /** The quantisation scheme's name, e.g. "Q4_K_M"; null for unquantised weights or where it is unknown. */
  quantisation: z.string().nullable(),
  versions: z.record(z.string(), z.string()),
  /** UUIDs of the GPUs it uses; [] on the CPU, null where it cannot tell. */
  device_uuids: z.array(z.string()).nullable(),
  device_names: z.array(z.string()).nullable(),
  /** What computes: "cuda", "vulkan", "metal", "cpu", or "server" where only a server knows. */
  compute: z.string(),
  /** Layers on the GPU; null where the backend has no such notion. */
  gpu_layers: count.nullable(),
  /** CPU threads; null where the backend has no such notion. */
  threads: count.nullable(),
  /** Tokens that prompt and answer share. */
  context_size: count.nullable(),
  train_context_size: count.nullable(),
  load_ms: milliseconds,
  /** The process that computes, where that is not the worker; null where it is out of reach. */
  server_pid: count.nullable().optional(),
  /** What answers, of a server; null or absent where the worker itself computes. */
  server: serverIdentitySchema.nullable().optional(),
})
export type LoadInfo = z.infer<typeof loadSchema>

export const inferOneSchema = z.object({
  latency_ms: milliseconds,
  input_tokens: count.nullable(),
  output_tokens: count,
  ttft_ms: milliseconds.nullable(),
  truncated: z.boolean(),
  text: z.string(),
})
export type InferOne = z.infer<typeof inferOneSchema>

/** The part of a run in which the load was what was asked for: neither ramping up nor draining. */
export const steadySchema = z.object({
  /** Closed loop: `concurrency` requests have had their first token. Open loop: the first request has ended. */
  start_ns: monotonicNs,
  /** Closed loop: a request ended and none was left to send. Open loop: the last one was sent. */
  end_ns: monotonicNs,
  /** Of requests whose first token came within it; null where a server tells no number. */
  input_tokens: z.number().nonnegative().nullable(),
  /** Generated within it, by whichever request: chunks at both edges, times the tokens per chunk of the request. */
  output_tokens: z.number().nonnegative(),
})
export type Steady = z.infer<typeof steadySchema>

/** What may count output tokens: the server's `usage`, chunks, a tokenizer, what the server listed, or each for some. */
const TOKEN_SOURCES = ['usage', 'chunks', 'tokenizer', 'token_ids', 'logprobs', 'mixed'] as const

/** How many output tokens each witness tells of, and why they differ. Null is a witness that was not heard. */
export const tokenLedgerSchema = z.object({
  /** `completion_tokens`, as the server told them. */
  output_tokens_by_usage: count.nullable(),
  /** Chunks with text. */
  output_tokens_by_chunks: count,
  /** By the model's tokenizer, of the texts of so many answers, and what these have by the count that stands. */
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

/** What a server put off by 429 or 503 with Retry-After: how often, and how long was waited in all, seconds. */
export const putOffSchema = z.object({ count, sec: z.number().nonnegative() })

/** What only a run over HTTP has. */
export const servedSchema = z.object({
  /** Requests whose last attempt ran out of time; they are among `failures`. */
  timed_out: count,
  /** By how much later than scheduled requests were sent, in an open loop; null in a closed one. */
  send_delay_ms: spreadSchema.nullable(),
  /** From when a request should have been sent to its first token, and to its end; null in a closed loop. */
  ttft_from_schedule_ms: spreadSchema.nullable(),
  e2e_from_schedule_ms: spreadSchema.nullable(),
  /** Most requests that were in flight at once. */
  max_in_flight: count,
  /** Chunks with text that came: latencies between tokens are between these. */
  chunks: count,
  /** Tokens of prompts that the server took from its cache, as far as it says. */
  cached_input_tokens: count.nullable(),
  token_source: z.enum(TOKEN_SOURCES),
  ledger: tokenLedgerSchema,
  streams: streamsSchema,
  put_off: putOffSchema,
  /** Answers whose connection stayed open though they were over; they ended with their last token. */
  held_open: count,
  /** `model` of the answers, with how many gave each; empty where none told it. */
  answered: z.array(answeredModelSchema).default([]),
  /** What makes these numbers less than they could be, in sentences. */
  notes: z.array(z.string()),
})
export type Served = z.infer<typeof servedSchema>

/** What a whole run came to. The window opens before the first prompt's work and closes when its last result is here. */
export const runTotalsSchema = z.object({
  requests: count,
  /** Null where a server tells no number. */
  input_tokens: count.nullable(),
  output_tokens: count,
  truncated: count,
  start_ns: monotonicNs,
  end_ns: monotonicNs,
  ttft_ms: spreadSchema.nullable(),
  /** Pooled over every token of every request, which per-request spreads cannot be combined into. */
  itl_ms: spreadSchema.nullable(),
  /** Requests that came to nothing; they are not among `requests`. */
  failures: count.default(0),
  /** Requests that were sent again. */
  retries: count.default(0),
  /** Null where the backend has no steady state, or none was reached. */
  steady: steadySchema.nullable().default(null),
  /** Why there is none; null where there is, or where the backend has no such notion. */
  steady_reason: z.string().nullable().default(null),
  /** Null where the backend is no server. */
  served: servedSchema.nullable().default(null),
})
export type RunTotals = z.infer<typeof runTotalsSchema>

export const memorySchema = z.object({
  /** Resident memory of the processes that compute, in bytes; null where they are out of reach. */
  rss_bytes: count.nullable(),
  /** GPU memory the backend holds, in bytes; null without a GPU or where it cannot tell. */
  vram_bytes: count.nullable(),
  /** The most that it held at once during the last run, in bytes; null where it cannot tell. */
  vram_peak_bytes: count.nullable().default(null),
})
export type WorkerMemory = z.infer<typeof memorySchema>

/** Nothing to say but "done". */
export const doneSchema = z.object({})
