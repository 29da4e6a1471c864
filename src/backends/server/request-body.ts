import type { Generation } from '../protocol.js'
import type { Dialect } from './dialect.js'
import { fewestTokens, TextMeasure } from './text-measure.js'

/** What of a prompt goes over the wire. */
export interface ServedPrompt {
  /** Token ids where its length matters and the server can tell them, else the text. */
  prompt: string | number[]
  /** A message of the system before it, at the chat endpoint. */
  system?: string | undefined
  /** Its length in tokens as the server's own tokenizer counts it; null where that was not asked. */
  inputTokens: number | null
  maxTokens: number
  /** What else the request says of an answer's length has the last word, so that `maxTokens` is no limit. */
  isLimitUnknown?: boolean
  /** Bytes of what the request says besides, such as tools; null where it says another prompt. Absent for none. */
  bytesBeside?: number | null
  /** Go on after an end-of-text token. */
  ignoreEos: boolean
  truncated: boolean
}

export interface BodyOptions {
  endpoint: 'completions' | 'chat'
  model: string
  dialect: Dialect
  /** Keys that the server refuses. Without `stream_options` it sends no usage, as the ledger says. */
  leftOut: ReadonlySet<string>
  extraBody: Record<string, unknown>
}

/** What says in one server or another how long answers may be, or how many there are to one request. */
const LENGTHS = [
  'max_tokens',
  'max_completion_tokens',
  'max_new_tokens',
  'n_predict',
  'n',
  'best_of',
  'options',
]

/** Whether an answer may be longer than its prompt asks for. */
export function setsLengths(extraBody: Record<string, unknown>): boolean {
  return LENGTHS.some((name) => name in extraBody)
}

/** What takes the place of a prompt, or adds to it what is not measured in bytes. */
const PROMPTS = ['prompt', 'messages', 'input', 'prompt_embeds', 'multi_modal_data', 'images']

/** How many bytes a request has besides its prompt; null where that is not the prompt that counts. */
export function bytesBeside(extraBody: Record<string, unknown>): number | null {
  return PROMPTS.some((name) => name in extraBody) ? null : Buffer.byteLength(JSON.stringify(extraBody))
}

/** A template, with the message of the system that it may bring, has no more tokens than this; nor have the ends of a text. */
const TEMPLATE_TOKENS = 1024
const END_TOKENS = 16

/** The most tokens that a prompt can have: one for each byte; null where that is unknown. */
export function mostTokensOf({ prompt, system = '', bytesBeside = 0 }: ServedPrompt): number | null {
  if (bytesBeside === null) return null
  if (typeof prompt !== 'string') return prompt.length + END_TOKENS
  return Buffer.byteLength(prompt) + Buffer.byteLength(system) + bytesBeside + TEMPLATE_TOKENS
}

const fewest = new WeakMap<ServedPrompt, number>()

/** The fewest tokens that a prompt can have: about one for each word, all that are sent as ids; null where that is unknown. */
export function fewestTokensOf(prompt: ServedPrompt): number | null {
  if (prompt.bytesBeside === null) return null
  if (typeof prompt.prompt !== 'string') return prompt.prompt.length
  // It is asked for each answer, and a prompt may be long.
  const known = fewest.get(prompt)
  if (known !== undefined) return known
  const measure = new TextMeasure()
  measure.add(prompt.prompt)
  const least = fewestTokens(measure.words)
  fewest.set(prompt, least)
  return least
}

/** Where each endpoint lies. */
export const ENDPOINT_PATHS = { completions: '/v1/completions', chat: '/v1/chat/completions' } as const

/** Whether the server can be made to go on after an end-of-text token. */
export function canIgnoreEos(dialect: Dialect): boolean {
  return dialect !== 'openai'
}

/** The JSON of one request. `extraBody` has the last word: a key that is null there is left out. */
export function requestBody(
  { prompt, system, maxTokens, ignoreEos }: ServedPrompt,
  generation: Generation,
  { endpoint, model, dialect, leftOut, extraBody }: BodyOptions,
): string {
  const told = system === undefined ? [] : [{ role: 'system', content: system }]
  const body = {
    model,
    ...(endpoint === 'chat' ? { messages: [...told, { role: 'user', content: prompt }] } : { prompt }),
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: maxTokens,
    temperature: generation.temperature,
    top_p: generation.top_p,
    seed: generation.seed,
    ...beyondOpenai(dialect, generation, ignoreEos),
    ...extraBody,
  }
  const isSent = ([key, value]: [string, unknown]) => value !== null && !leftOut.has(key)
  return JSON.stringify(Object.fromEntries(Object.entries(body).filter(isSent)))
}

/**
 * What OpenAI's API has no word for. llama-server cuts unlikely tokens unless it is told not to (min_p 0.05, top_k
 * 40), vLLM takes -1 for the whole vocabulary in every version, and both know `ignore_eos`.
 */
function beyondOpenai(dialect: Dialect, { top_k }: Generation, ignoreEos: boolean): Record<string, unknown> {
  const eos = ignoreEos ? { ignore_eos: true } : {}
  switch (dialect) {
    case 'openai':
      return {}
    case 'llamacpp':
      return { ...eos, top_k, min_p: 0 }
    case 'vllm':
      return { ...eos, top_k: top_k === 0 ? -1 : top_k, min_p: 0 }
    default:
      return { ...eos, ...(top_k === 0 ? {} : { top_k }) }
  }
}
