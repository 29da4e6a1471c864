import { errorText } from './error-text.js'
import { countsOfTimings, type Usage, usageOf } from './usage.js'

/** What an event of a stream brings, whoever's dialect it is in. */
export interface StreamContent {
  /** The server's own words, where it tells of an error; null where it does not. */
  error: string | null
  /** Of the tokens that came; null for an event that brings none, as one that only names the role or the end. */
  text: string | null
  /** The text is a thought. */
  isReasoning: boolean
  /** Why the answer ended; null as long as it goes on. */
  finishReason: string | null
  usage: Usage | null
  /** What a server counts beside `usage`, which is better than nothing: llama.cpp's `timings`, Ollama's counts. */
  counted: Usage | null
  /** Who answers. */
  model: string | null
}

type Fields = Record<string, unknown>

const NOTHING: StreamContent = {
  error: null,
  text: null,
  isReasoning: false,
  finishReason: null,
  usage: null,
  counted: null,
  model: null,
}

/** Reads an event, of which anything may be absent, null or of another kind. `name`: what stands in its `event:` line. */
export function contentOf(event: unknown, name: string): StreamContent {
  if (!isObject(event)) return name === 'error' ? { ...NOTHING, error: String(event) } : NOTHING
  const error = errorOf(event, name)
  if (error !== null) return { ...NOTHING, error }
  const choice = firstChoice(event)
  const usage = event.usage ?? choice?.usage ?? usageInside(event.x_groq) ?? event.details
  const told = usage == null ? null : usageOf(usage)
  const counted = told === null ? countsBesideUsage(event) : null
  const base = { error: null, usage: told, counted, model: wordOf(event.model) }
  if (choice === null) return { ...NOTHING, ...base }
  const finishReason = wordOf(choice.finish_reason)
  const { text, isReasoning } = textOf(choice, finishReason !== null)
  return { ...base, text, isReasoning, finishReason }
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

function firstChoice({ choices }: Fields): Fields | null {
  const choice = Array.isArray(choices) ? choices[0] : null
  return isObject(choice) ? choice : null
}

/** What a chunk brought. An answer that was not streamed has a `message` where a chunk has a `delta`. */
function textOf(choice: Fields, isLast: boolean): Pick<StreamContent, 'text' | 'isReasoning'> {
  const part = isObject(choice.delta) ? choice.delta : choice.message
  if (isObject(part)) {
    const said = spoken(part.content) || spoken(part.refusal)
    if (said !== '') return { text: said, isReasoning: false }
    // What vLLM, llama-server and others call thoughts.
    const thought = spoken(part.reasoning_content) || spoken(part.reasoning) || spoken(part.thinking)
    if (thought !== '') return { text: thought, isReasoning: true }
    const isCall = [part.tool_calls, part.function_call].some((call) => isThere(call) && !isEmptyList(call))
    return { text: isCall ? '' : null, isReasoning: false }
  }
  const { text } = choice
  // A token without text, as an end-of-text token that is ignored, comes as an empty text before the end.
  return { text: typeof text === 'string' && (text !== '' || !isLast) ? text : null, isReasoning: false }
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
