import { StringDecoder } from 'node:string_decoder'
import { createParser, type EventSourceParser } from 'eventsource-parser'
import type { Dispatcher } from 'undici'
import { messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { mask } from '../../core/secrets.js'
import { type Connection, errorText } from './connection.js'
import { nowNs } from './now.js'
import type { Stream } from './steady.js'

/** What a server counted, as far as it said. */
export interface Usage {
  prompt: number
  completion: number
  /** Of the prompt's tokens, those that came from its cache; null where it does not say. */
  cached: number | null
}

/** An answer that came to its end. */
export interface Answered {
  ok: true
  startNs: number
  endNs: number
  /** When each chunk with text came. Several that came in one packet have one time. */
  chunkTimesNs: readonly number[]
  usage: Usage | null
  finishReason: 'stop' | 'length'
  /** Who answered, by its first event that says so; null where none does. */
  model: string | null
}

/** A request that came to nothing. */
export interface Failed {
  ok: false
  startNs: number
  endNs: number
  /** "TIMEOUT", "CONNECTION", "HTTP_<status>", "STREAM_ERROR", "STREAM_BROKEN" or "ABORTED". */
  code: string
  message: string
}

export interface StreamOptions {
  path: string
  body: string
  timeoutMs: number
  /** Called at the first chunk with text. */
  onFirst?: ((stream: Stream, ns: number) => void) | undefined
  /** Called with the text of each chunk and when it came. */
  onText?: ((text: string, ns: number) => void) | undefined
}

const MAX_ERROR_CHARS = 64 * 1024
/** What engines say of an answer that they gave up (vLLM's FinishReason; SGLang's `abort`): its tokens are no answer's. */
const GIVEN_UP: readonly (string | null)[] = ['abort', 'error']

/**
 * One streaming request. It is a handler of undici's lowest level, because at 20,000 chunks a second every layer
 * between the socket and the stamp costs: a chunk is stamped first and read then.
 */
export class TokenStream implements Dispatcher.DispatchHandlers, Stream {
  chunks = 0
  declare atStart?: number
  declare atEnd?: number
  /** Always resolves. */
  readonly done: Promise<Answered | Failed>
  readonly #options: StreamOptions
  readonly #connection: Connection
  readonly #startNs: number
  readonly #timesNs: number[] = []
  readonly #decoder = new StringDecoder('utf8')
  readonly #parser: EventSourceParser
  readonly #timer: NodeJS.Timeout
  #resolve!: (end: Answered | Failed) => void
  #isDone = false
  #abort: (() => void) | null = null
  /** When the packet that is read now came. */
  #packetNs = 0
  #status = 0
  #errorBody = ''
  #usage: Usage | null = null
  #model: string | null = null
  #finishReason: string | null = null
  #isAtEnd = false
  /** Of its text, where that is kept. */
  #chars = 0

  constructor(connection: Connection, options: StreamOptions) {
    this.#connection = connection
    this.#options = options
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.#parser = createParser({
      onEvent: ({ data }) => this.#onEvent(data),
      maxBufferSize: LIMITS.event_chars,
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded')
          this.#tooMuch(`an event of more than ${LIMITS.event_chars} characters`)
      },
    })
    this.#timer = setTimeout(
      () => this.#fail('TIMEOUT', `no end of the answer within ${options.timeoutMs / 1000} s`),
      options.timeoutMs,
    )
    this.#startNs = nowNs()
    connection.pool.dispatch(
      {
        path: connection.path(options.path),
        method: 'POST',
        headers: { ...connection.headers, accept: 'text/event-stream' },
        body: options.body,
        // A server that works on one answer takes no second one on that connection.
        blocking: true,
      },
      this,
    )
  }

  /** Gives it up. */
  abort(message: string): void {
    this.#fail('ABORTED', message)
  }

  onConnect(abort: () => void): void {
    if (this.#isDone) abort()
    else this.#abort = abort
  }

  onHeaders(status: number): boolean {
    this.#status = status
    return true
  }

  onData(packet: Buffer): boolean {
    // What comes after it was given up, until its connection is closed.
    if (this.#isDone) return true
    this.#packetNs = nowNs()
    const text = this.#decoder.write(packet)
    if (this.#status === 200) this.#parser.feed(text)
    else {
      this.#errorBody += text
      // What is said first says enough.
      if (this.#errorBody.length > MAX_ERROR_CHARS) this.#refused()
    }
    return true
  }

  onComplete(): void {
    if (this.#isDone) return
    if (this.#status !== 200) {
      this.#refused()
    } else if (this.#finishReason === null) {
      const how = this.#isAtEnd ? 'said [DONE]' : 'ended'
      this.#fail('STREAM_BROKEN', `the stream ${how} after ${this.chunks} chunks without a finish_reason`)
    } else if (GIVEN_UP.includes(this.#finishReason)) {
      this.#fail(
        'STREAM_ERROR',
        `the server gave up the answer (finish_reason: ${shortened(this.#finishReason)})`,
      )
    } else {
      this.#end({
        ok: true,
        startNs: this.#startNs,
        endNs: this.#packetNs,
        chunkTimesNs: this.#timesNs,
        usage: this.#usage,
        model: this.#model,
        finishReason: this.#finishReason === 'length' ? 'length' : 'stop',
      })
    }
  }

  onError(error: Error): void {
    const code = this.#status === 0 ? 'CONNECTION' : 'STREAM_BROKEN'
    this.#fail(code, mask(messageOf(error)))
  }

  #onEvent(data: string): void {
    if (this.#isDone) return
    if (data === '[DONE]') {
      this.#isAtEnd = true
      return
    }
    let event: StreamEvent
    try {
      event = limitedJson(data) as StreamEvent
    } catch {
      this.#fail('STREAM_ERROR', `an event is no JSON: ${shortened(data)}`)
      return
    }
    if (event?.error !== undefined) {
      const words = errorText(event) ?? JSON.stringify(event.error)
      this.#fail('STREAM_ERROR', shortened(words, 500))
      return
    }
    if (this.#model === null && typeof event?.model === 'string' && event.model !== '')
      this.#model = event.model
    if (event?.usage) this.#usage = usageOf(event.usage) ?? this.#usage
    const choice = event?.choices?.[0]
    if (choice === undefined || choice === null) return
    if (choice.finish_reason) this.#finishReason = choice.finish_reason
    const text = textOf(choice)
    if (text === null) return
    if (!this.#hasRoomFor(text)) return
    this.chunks += 1
    this.#timesNs.push(this.#packetNs)
    if (this.chunks === 1) this.#options.onFirst?.(this, this.#packetNs)
    this.#options.onText?.(text, this.#packetNs)
  }

  #refused(): void {
    this.#fail(`HTTP_${this.#status}`, this.#connection.wordsOf(this.#errorBody) || 'without a word')
  }

  /** What is kept of an answer is bounded, however long its server goes on. */
  #hasRoomFor(text: string): boolean {
    if (this.#options.onText !== undefined) this.#chars += text.length
    if (this.chunks === LIMITS.answer_chunks) this.#tooMuch(`more than ${LIMITS.answer_chunks} chunks`)
    else if (this.#chars > LIMITS.answer_chars) this.#tooMuch(`more than ${LIMITS.answer_chars} characters`)
    return !this.#isDone
  }

  #tooMuch(what: string): void {
    this.#fail('STREAM_ERROR', `the server sent ${what}`)
  }

  #fail(code: string, message: string): void {
    if (this.#isDone) return
    this.#end({ ok: false, startNs: this.#startNs, endNs: nowNs(), code, message })
    this.#abort?.()
  }

  #end(end: Answered | Failed): void {
    this.#isDone = true
    clearTimeout(this.#timer)
    this.#resolve(end)
  }
}

/** The part of a chunk that is read; anything may be absent. */
interface StreamEvent {
  error?: unknown
  model?: unknown
  usage?: Record<string, unknown> | null
  choices?: Choice[]
}

interface Choice {
  /** /v1/completions. */
  text?: string | null
  /** /v1/chat/completions. `reasoning` and `reasoning_content` are what vLLM and llama-server call thoughts. */
  delta?: null | {
    content?: string | null
    reasoning?: string | null
    reasoning_content?: string | null
    tool_calls?: unknown
  }
  finish_reason?: string | null
}

/** What a chunk brought; null for one that brought no token, as the one that only names the role or the end. */
function textOf({ text, delta, finish_reason }: Choice): string | null {
  if (delta != null) {
    const said = delta.content || delta.reasoning_content || delta.reasoning
    return said || (delta.tool_calls ? '' : null)
  }
  // A token without text, as an end-of-text token that is ignored, comes as an empty text before the end.
  return text || (typeof text === 'string' && !finish_reason ? text : null)
}

function usageOf(usage: Record<string, unknown>): Usage | null {
  const { prompt_tokens: prompt, completion_tokens: completion, prompt_tokens_details: details } = usage
  if (!isCount(prompt) || !isCount(completion)) return null
  const cached = (details as { cached_tokens?: unknown } | null | undefined)?.cached_tokens
  return { prompt, completion, cached: isCount(cached) ? cached : null }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= LIMITS.request_tokens
}
