import { StringDecoder } from 'node:string_decoder'
import type { Dispatcher } from 'undici'
import { messageOf } from '../../core/errors.js'
import { mask } from '../../core/secrets.js'
import { AnswerReader } from './answer-reader.js'
import type { Connection, Target } from './connection.js'
import { nowNs } from './now.js'
import { headerOf, isGood, isRedirect, retryAfterMs } from './response-headers.js'
import type { Stream } from './steady.js'
import type { ListedTokens } from './stream-event.js'
import type { Opening } from './stream-verdict.js'
import type { TextSize } from './text-measure.js'
import type { Usage } from './usage.js'

/** An answer that came to its end. */
export interface Answered {
  ok: true
  startNs: number
  /** When its last token was here, or the reason of its end about with it: not when somebody closed the connection. */
  endNs: number
  /** When each chunk with text came. Several that came in one packet have one time. */
  chunkTimesNs: readonly number[]
  /** Of these chunks, those that brought a thought. */
  reasoningChunks: number
  /** Of the text of its tokens. */
  size: TextSize
  /** What its first chunk holds; absent where that is unknown. */
  opening?: Opening | undefined
  /** Tokens that the server listed one by one; null where it did not. */
  listed: ListedTokens | null
  usage: Usage | null
  finishReason: 'stop' | 'length'
  /** Who answered, by its first event that says so; null where none does. */
  model: string | null
  /** The connection stayed open though the answer was over. */
  heldOpen: boolean
}

/** A request that came to nothing. */
export interface Failed {
  ok: false
  startNs: number
  endNs: number
  /** "TIMEOUT", "CONNECTION", "HTTP_<status>", "STREAM_ERROR", "STREAM_BROKEN" or "ABORTED". */
  code: string
  message: string
  /** How long the server asks to wait before it is asked again; null where it does not. */
  retryAfterMs: number | null
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
/** A connection that was idle for too long breaks as soon as it is written to. */
const STALE_WITHIN_NS = 500e6
const STALE_CODES: readonly unknown[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE']
const MOST_REDIRECTS = 5
/** A usage that comes later than this was not sent with the reason of the end. */
const LATE_NS = 5e6
/** How long is waited from then on, once nothing came in time: a server that did not tell its usage tells none. */
const AFTER_SILENCE_MS = { usage: 20, close: 0 } as const

/**
 * One streaming request. It is a handler of undici's lowest level, because at 20,000 chunks a second every layer
 * between the socket and the stamp costs: a chunk is stamped first and read then.
 */
export class TokenStream implements Dispatcher.DispatchHandlers, Stream {
  declare atStart?: number
  declare atEnd?: number
  /** Always resolves. */
  readonly done: Promise<Answered | Failed>
  /** Resolves when the next request may take its place: it is done, or its text is, and the usage is still to come. */
  readonly free: Promise<void>
  readonly #options: StreamOptions
  readonly #connection: Connection
  readonly #reader: AnswerReader
  readonly #decoder = new StringDecoder('utf8')
  readonly #timer: NodeJS.Timeout
  #sentNs = nowNs()
  #target: Target
  #resolve!: (end: Answered | Failed) => void
  #letGo!: () => void
  #isDone = false
  #abort: (() => void) | null = null
  #status = 0
  #location: string | null = null
  #retryAfterMs: number | null = null
  #redirects = 0
  #isSentAgain = false
  #errorBody = ''
  /** Frees the place of an answer that is over, and closes it; `waitsFor` is waited for. */
  #freeing: NodeJS.Timeout | null = null
  #closing: NodeJS.Timeout | null = null
  #isFree = false
  #waitsFor: 'usage' | 'close' | null = null

  constructor(connection: Connection, options: StreamOptions) {
    this.#connection = connection
    this.#options = options
    this.#reader = new AnswerReader({
      onFirst: (ns) => options.onFirst?.(this, ns),
      onText: options.onText,
    })
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
    this.free = new Promise((resolve) => {
      this.#letGo = resolve
    })
    this.#timer = setTimeout(() => this.#timeOut(), options.timeoutMs)
    this.#target = connection.target(options.path)
    this.#send()
  }

  /** When it was sent. */
  get startNs(): number {
    return this.#sentNs
  }

  get isDone(): boolean {
    return this.#isDone
  }

  get chunks(): number {
    return this.#reader.chunks
  }

  /** How many of them were here by then. */
  chunksUntil(ns: number): number {
    return this.#reader.chunksUntil(ns)
  }

  /** When its last token was here, of an answer that is over. */
  get lastNs(): number {
    return this.#reader.endNs(this.#sentNs)
  }

  /** Gives it up. */
  abort(message: string): void {
    this.#fail('ABORTED', message)
  }

  onConnect(abort: () => void): void {
    if (this.#isDone) abort()
    else this.#abort = abort
  }

  onHeaders(status: number, headers: Buffer[]): boolean {
    this.#status = status
    this.#connection.hasAnswered = true
    if (isGood(status)) return true
    this.#location = headerOf(headers, 'location')
    this.#retryAfterMs = retryAfterMs((name) => headerOf(headers, name))
    return true
  }

  onData(packet: Buffer): boolean {
    // What comes after it was given up, until its connection is closed.
    if (this.#isDone) return true
    const packetNs = nowNs()
    const text = this.#decoder.write(packet)
    if (isGood(this.#status)) {
      const reader = this.#reader
      reader.feed(text, packetNs)
      if (reader.problem !== null) this.#fail('STREAM_ERROR', reader.problem)
      else if (reader.hasEnd) this.#closeSoon()
      return true
    }
    this.#errorBody += text
    // What is said first says enough.
    if (this.#errorBody.length > MAX_ERROR_CHARS) this.#refused()
    return true
  }

  onComplete(): void {
    if (this.#isDone) return
    if (isRedirect(this.#status)) this.#follow()
    else if (isGood(this.#status)) {
      this.#reader.feed(this.#decoder.end(), nowNs())
      this.#close(false)
    } else this.#refused()
  }

  onError(error: Error): void {
    if (this.#isDone) return
    if (this.#reader.hasEnd) this.#close(false)
    else if (this.#isStale(error)) this.#sendAgain()
    else this.#fail(this.#status === 0 ? 'CONNECTION' : 'STREAM_BROKEN', mask(messageOf(error)))
  }

  #send(): void {
    const { pool, path, headers } = this.#target
    this.#status = 0
    pool.dispatch(
      {
        path,
        method: 'POST',
        headers: { ...headers, accept: 'text/event-stream' },
        body: this.#options.body,
        // A server that works on one answer takes no second one on that connection.
        blocking: true,
      },
      this,
    )
  }

  /** A server closes a connection that was idle, and what is sent on it meanwhile is lost unread. */
  #isStale(error: Error): boolean {
    const { code } = error as { code?: unknown }
    const isPrompt = nowNs() - this.#sentNs < STALE_WITHIN_NS
    const isUnread = this.#status === 0 && isPrompt && STALE_CODES.includes(code)
    return isUnread && !this.#isSentAgain && this.#connection.hasAnswered
  }

  #sendAgain(): void {
    this.#isSentAgain = true
    // Not before the pool has let go of the connection that broke.
    setImmediate(() => {
      if (this.#isDone) return
      this.#sentNs = nowNs()
      this.#send()
    })
  }

  #follow(): void {
    this.#redirects += 1
    const redirect = { status: this.#status, location: this.#location }
    const next =
      this.#redirects > MOST_REDIRECTS
        ? 'redirects without end'
        : this.#connection.followed(this.#options.path, this.#target, redirect)
    if (typeof next === 'string') this.#fail(`HTTP_${this.#status}`, next)
    else {
      this.#target = next
      this.#errorBody = ''
      this.#send()
    }
  }

  #refused(): void {
    const words = this.#connection.wordsOf(this.#errorBody) || 'without a word'
    const waitMs = this.#retryAfterMs
    this.#fail(
      `HTTP_${this.#status}`,
      waitMs === null ? words : `${words} (it asks to wait ${waitMs / 1000} s)`,
    )
  }

  /**
   * The answer is over. A connection that its server ends at once can be used again; for another one nobody waits. Where the
   * usage is still to come, it is waited for beside the requests that follow.
   */
  #closeSoon(): void {
    const waitsFor = this.#reader.isWhole ? 'close' : 'usage'
    if (this.#waitsFor === waitsFor) {
      // Another of several answers to one request goes on.
      if (waitsFor === 'usage') for (const timer of [this.#freeing, this.#closing]) timer?.refresh()
      return
    }
    const { waits } = this.#connection
    // The next ones lose no time by it.
    if (this.#waitsFor === 'usage' && nowNs() - this.#reader.finishNs > LATE_NS) waits.usageInPlaceMs = 0
    this.#waitsFor = waitsFor
    this.#stopWaiting()
    if (waitsFor === 'usage' && !this.#reader.isGivenUp)
      this.#freeing = setTimeout(() => {
        waits.usageInPlaceMs = 0
        this.#setFree()
      }, waits.usageInPlaceMs)
    this.#closing = setTimeout(() => {
      waits[waitsFor] = Math.min(waits[waitsFor], AFTER_SILENCE_MS[waitsFor])
      this.#close(true)
      this.#abort?.()
    }, waits[waitsFor])
  }

  #setFree(): void {
    if (this.#isFree) return
    this.#isFree = true
    this.#letGo()
  }

  #stopWaiting(): void {
    for (const timer of [this.#freeing, this.#closing]) if (timer !== null) clearTimeout(timer)
  }

  #timeOut(): void {
    // What is over is an answer, though its connection is open and its usage may be missing.
    if (this.#reader.hasEnd) {
      this.#close(true)
      this.#abort?.()
    } else this.#fail('TIMEOUT', `no end of the answer within ${this.#options.timeoutMs / 1000} s`)
  }

  #close(heldOpen: boolean): void {
    const reader = this.#reader
    const wrong = reader.end()
    if (wrong !== null) {
      this.#fail(wrong.code, wrong.words)
      return
    }
    this.#end({
      ok: true,
      startNs: this.#sentNs,
      endNs: reader.endNs(this.#sentNs) || nowNs(),
      chunkTimesNs: reader.tokenTimesNs,
      reasoningChunks: reader.reasoningChunks,
      size: reader.size,
      opening: reader.opening,
      listed: reader.listed,
      usage: reader.usage,
      finishReason: reader.finishReason === 'length' ? 'length' : 'stop',
      model: reader.model,
      heldOpen,
    })
  }

  #fail(code: string, message: string): void {
    if (this.#isDone) return
    const retryAfterMs = [429, 503].includes(this.#status) ? this.#retryAfterMs : null
    this.#end({ ok: false, startNs: this.#sentNs, endNs: nowNs(), code, message, retryAfterMs })
    this.#abort?.()
  }

  #end(end: Answered | Failed): void {
    this.#isDone = true
    clearTimeout(this.#timer)
    this.#stopWaiting()
    this.#resolve(end)
    this.#setFree()
  }
}
