import { errorText } from './error-text.js'
import { countsOfTimings, type Usage, usageOf } from './usage.js'

/** What an event of a stream brings, whoever's dialect it is in. */
export interface StreamContent {
  /** The server's own words, where it tells of an error; null where it does not. */
  error: string | null
  /** Of the tokens that came; null for an event that brings none, as one that only names the role or the end. */
  text: string | null
  /** An empty text, which may be a part of a character or a token without text, and may be nothing. */
  isBlank: boolean
  /** Bytes of the calls of tools in it, as JSON. */
  callBytes: number
  /** How many tokens it lists beside its text; null where it lists none. */
  listed: ListedTokens | null
  /** The text is a thought. */
  isReasoning: boolean
  /** It names who speaks, as the first chunk does in chat, and in some servers each one. */
  hasRole: boolean
  /** Why the answer ended; null as long as it goes on. */
  finishReason: string | null
  usage: Usage | null
  /** What a server counts beside `usage`, which is better than nothing: llama.cpp's `timings`, Ollama's counts. */
  counted: Usage | null
  /** Who answers. */
  model: string | null
}

/** Tokens that are listed one by one: by their ids (vLLM's return_token_ids), or by their probabilities. */
export interface ListedTokens {
  by: 'token_ids' | 'logprobs'
  count: number
}

type Fields = Record<string, unknown>

const NOTHING: StreamContent = {
  error: null,
  text: null,
  isBlank: false,
  callBytes: 0,
  listed: null,
  isReasoning: false,
  hasRole: false,
  finishReason: null,
  usage: null,
  counted: null,
  model: null,
}

/**
 * Reads an event, of which anything may be absent, null or of another kind. `name`: what stands in its `event:` line. It runs
 * for each token of each answer.
 */
export function contentOf(event: unknown, name: string): StreamContent {
  if (!isObject(event)) return name === 'error' ? { ...NOTHING, error: String(event) } : NOTHING
  const { choices, error } = event
  const first = Array.isArray(choices) ? choices[0] : null
  const choice = isObject(first) ? first : null
  if (choice === null || isThere(error) || name !== '' || isThere(choice.error)) {
    const words = errorOf(event, name)
    if (words !== null) return { ...NOTHING, error: words }
  }
  const raw = event.usage ?? choice?.usage ?? usageInside(event.x_groq) ?? event.details
  const usage = raw == null ? null : usageOf(raw)
  const counted = usage === null ? countsBesideUsage(event) : null
  const model = wordOf(event.model)
  const finishReason = choice === null ? null : wordOf(choice.finish_reason)
  const thought = choice === null ? null : thoughtOf(choice)
  const text = choice === null ? null : (thought ?? textOf(choice, finishReason !== null))
  const hasRole = choice !== null && isThere(partOf(choice)?.role)
  const listed = choice === null ? null : listedIn(choice)
  const isBlank = text === '' && choice !== null && partOf(choice) === null && !listed?.count
  const isReasoning = thought !== null
  const callBytes = text === '' && choice !== null && !isBlank ? bytesOfCalls(choice) : 0
  const told = { finishReason, usage, counted, model }
  return { error: null, text, isBlank, callBytes, listed, isReasoning, hasRole, ...told }
}

function listedIn({ token_ids: ids, logprobs }: Fields): ListedTokens | null {
  if (Array.isArray(ids)) return { by: 'token_ids', count: ids.length }
  if (!isObject(logprobs)) return null
  // At chat, and at completions.
  const list = [logprobs.content, logprobs.tokens].find(Array.isArray)
  return list === undefined ? null : { by: 'logprobs', count: list.length }
}

function countsBesideUsage(event: Fields): Usage | null {
  if (event.timings !== undefined) return countsOfTimings(event.timings)
  return event.eval_count === undefined ? null : usageOf(event)
}

function errorOf(event: Fields, name: string): string | null {
  const { error, choices } = event
  if (isThere(error)) return wordsOf(event)
  if (name === 'error') return wordsOf(event)
  if (!Array.isArray(choices)) return isFlatError(event) ? wordsOf(event) : null
  const choice = choices[0]
  // As OpenRouter tells that whoever it asked failed in the middle of an answer.
  return isObject(choice) && isThere(choice.error) ? wordsOf(choice) : null
}

/** Some send `error: null`, or an empty one, with every chunk. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== false
}

/** An error that is not below `error`: vLLM's older ones, FastAPI's `detail`. */
function isFlatError({ object, type, message, detail, errors }: Fields): boolean {
  return (
    object === 'error' ||
    type === 'error' ||
    typeof message === 'string' ||
    isThere(detail) ||
    isThere(errors)
  )
}

function wordsOf(event: Fields): string {
  return errorText(event) ?? JSON.stringify(isThere(event.error) ? event.error : event)
}

/** What a chunk brought. An answer that was not streamed has a `message` where a chunk has a `delta`. */
function textOf(choice: Fields, isLast: boolean): string | null {
  const part = partOf(choice)
  if (part === null) {
    const { text } = choice
    // A token without text, as an end-of-text token that is ignored, comes as an empty text before the end.
    return typeof text === 'string' && (text !== '' || !isLast) ? text : null
  }
  const said = spoken(part.content) || spoken(part.refusal)
  if (said !== '') return said
  const isCall = [part.tool_calls, part.function_call].some((call) => isThere(call) && !isEmptyList(call))
  return isCall ? '' : null
}

function bytesOfCalls(choice: Fields): number {
  const part = partOf(choice)
  return Buffer.byteLength(JSON.stringify([part?.tool_calls, part?.function_call]))
}

/** What vLLM, llama-server and others call thoughts, where the chunk brings nothing else. */
function thoughtOf(choice: Fields): string | null {
  const part = partOf(choice)
  if (part === null || spoken(part.content) !== '') return null
  return spoken(part.reasoning_content) || spoken(part.reasoning) || spoken(part.thinking) || null
}

function partOf(choice: Fields): Fields | null {
  const part = choice.delta ?? choice.message
  return isObject(part) ? part : null
}

/** A text, or a list of parts with one each. */
function spoken(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => (isObject(part) ? spoken(part.text ?? part.thinking) : spoken(part))).join('')
}

function isEmptyList(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

/** An empty word, or anything that is no word, says nothing. */
function wordOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Groq's place for it. */
function usageInside(value: unknown): unknown {
  return isObject(value) ? value.usage : null
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
