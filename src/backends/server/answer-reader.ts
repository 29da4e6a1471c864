import { shortened } from '../../core/foreign-text.js'
import { limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { endOf } from './answer-end.js'
import { errorText, errorTextOf } from './error-text.js'
import { EventLines, type LineSink } from './event-lines.js'
import { contentOf, type ListedTokens, type StreamContent } from './stream-event.js'
import type { Opening } from './stream-verdict.js'
import { TextMeasure, type TextSize } from './text-measure.js'
import { type Blank, THOUGHT_TAG, type TokenChunks, tokenChunks } from './token-chunks.js'
import { type Usage, UsageSum } from './usage.js'

export interface ReaderListeners {
  /** Called at the first chunk with text. */
  onFirst(ns: number): void
  /** Called with the text of each chunk and when it came; absent where nobody keeps it. */
  onText?: ((text: string, ns: number) => void) | undefined
}

/** What engines say of an answer that they gave up (vLLM's FinishReason; SGLang's `abort`): its tokens are no answer's. */
const GIVEN_UP: readonly (string | null)[] = ['abort', 'error', 'network_error']
const END = '[DONE]'
const NO_TEXT: TextSize = { bytes: 0, words: 0, joints: 0, letters: 0, wideBytes: 0 }
const BLANK = ' '.charCodeAt(0)

/** Reads the stream of one answer, in whatever dialect, and says when it is whole. */
export class AnswerReader implements LineSink {
  /** Chunks with text so far, of these the ones with a thought, and when each came. */
  chunks = 0
  reasoningChunks = 0
  readonly timesNs: number[] = []
  /** When the reason of the end came; 0 before. */
  finishNs = 0
  finishReason: string | null = null
  /** Who answered, by the first event that says so; null where none does. */
  model: string | null = null
  /** Nothing of the answer is missing: `[DONE]`, or the reason of its end and the usage were here. */
  isWhole = false
  /** Why it is no answer. */
  problem: string | null = null
  readonly #listeners: ReaderListeners
  readonly #lines = new EventLines(this)
  readonly #usage = new UsageSum()
  #counted: Usage | null = null
  readonly #blanks: Blank[] = []
  readonly #text = new TextMeasure()
  /** Of the first chunk alone. */
  #firstSize: TextSize = NO_TEXT
  /** UTF-16 units of the text. */
  #chars = 0
  /** Tokens that were listed, and in how many chunks with text. */
  #listed: ListedTokens | null = null
  #listedChunks = 0
  #callBytes = 0
  /** When the packet that is read now came. */
  #nowNs = 0
  /** What came that is no event. */
  #stray = ''
  #isDone = false
  /** The first chunk named the role and has nothing but the tag that thoughts begin with. */
  #beginsWithTag = false
  #laterRoles = false

  constructor(listeners: ReaderListeners) {
    this.#listeners = listeners
  }

  get isOver(): boolean {
    return this.problem !== null
  }

  /** Whether it may be an answer already, though something may still come. */
  get hasEnd(): boolean {
    return this.isWhole || this.finishReason !== null
  }

  /** The server says that this is no answer. */
  get isGivenUp(): boolean {
    return GIVEN_UP.includes(this.finishReason)
  }

  /** Chunks that were here by then. */
  chunksUntil(ns: number): number {
    let count = this.chunks
    while (count > 0 && Number(this.timesNs[count - 1]) > ns) count -= 1
    return count
  }

  get usage(): Usage | null {
    return this.#usage.of(this.chunks) ?? this.#counted
  }

  /** When each token's chunk came. */
  get tokenTimesNs(): readonly number[] {
    return this.#tokens.timesNs
  }

  /** Of the text of its tokens. */
  get size(): TextSize {
    const { timesNs, isFirstLeftOut } = this.#tokens
    const left = isFirstLeftOut ? this.#firstSize : NO_TEXT
    const silent = isFirstLeftOut ? 0 : timesNs.length - this.timesNs.length
    const bytes = this.#text.bytes + this.#callBytes + Math.max(0, silent)
    const { words, joints, letters, wideBytes } = this.#text
    return {
      bytes: bytes - left.bytes,
      words: words - left.words,
      joints: joints - left.joints,
      letters: letters - left.letters,
      wideBytes: wideBytes - left.wideBytes,
    }
  }

  /** What its first chunk holds; undefined where that is no token's, or nothing but a token without text. */
  get opening(): Opening | undefined {
    if (this.#tokens.isFirstLeftOut || this.#blanks[0]?.before === 0 || this.chunks === 0) return undefined
    const { bytes, words } = this.#firstSize
    return { share: bytes / Math.max(1, this.size.bytes), isBlank: bytes > 0 && words === 0 }
  }

  /** Tokens that the server listed; null where it did not, or not of every chunk. */
  get listed(): ListedTokens | null {
    return this.#listedChunks >= this.chunks ? this.#listed : null
  }

  /** When the answer ended, that was sent at `startNs`; 0 where nothing came. */
  endNs(startNs: number): number {
    return endOf(this.tokenTimesNs, this.finishNs, startNs)
  }

  get #tokens(): TokenChunks {
    const usage = this.usage
    return tokenChunks({
      timesNs: this.timesNs,
      blanks: this.#blanks,
      beginsWithTag: this.#beginsWithTag && !this.#laterRoles,
      completion: usage?.completion == null ? null : usage.completion - (usage.rejected ?? 0),
      endedByItself: this.finishReason !== 'length',
    })
  }

  feed(packet: string, ns: number): void {
    this.#nowNs = ns
    this.#lines.feed(packet)
  }

  /** The connection has ended. Null where the answer is whole, else what is wrong with it. */
  end(): { code: 'STREAM_ERROR' | 'STREAM_BROKEN'; words: string } | null {
    this.#lines.end()
    if (this.problem === null && this.chunks === 0) this.#readUnframed()
    if (this.problem !== null) return { code: 'STREAM_ERROR', words: this.problem }
    if (this.isGivenUp)
      return {
        code: 'STREAM_ERROR',
        words: `the server gave up the answer (finish_reason: ${shortened(String(this.finishReason))})`,
      }
    const isEnded = this.hasEnd || !this.#usage.isEmpty
    if (isEnded && (this.chunks > 0 || this.usage !== null || this.finishReason !== null)) return null
    const how = this.#isDone ? `said ${END}` : 'ended'
    const said = this.#stray.trim() === '' ? '' : `; it said: ${shortened(this.#stray.trim(), 200)}`
    return {
      code: 'STREAM_BROKEN',
      words: `the stream ${how} after ${this.chunks} chunks without a finish_reason${said}`,
    }
  }

  dataLine(text: string, name: string): boolean {
    const data = hasBlanks(text) ? text.trim() : text
    // Some keep a connection awake with an empty event.
    if (data === '') return true
    if (data === END) {
      this.#isDone = true
      this.isWhole = true
      return true
    }
    const event = jsonOf(data)
    if (event === undefined) return false
    this.#take(contentOf(event, name))
    return true
  }

  brokenEvent(text: string, name: string): void {
    const event = jsonOf(textWithoutFrames(text))
    if (event !== undefined) this.#take(contentOf(event, name))
    else if (name === 'error') this.problem = shortened(errorTextOf(text), 500)
    else this.problem = `an event is no JSON: ${shortened(text)}`
  }

  strayLine(line: string): void {
    // llama-server's older errors have a field of their own.
    if (line.startsWith('error:')) this.problem = shortened(errorTextOf(line), 500)
    else if (this.chunks > 0 && line.startsWith('{')) this.#takeError(line)
    else if (this.#stray.length + line.length < LIMITS.event_chars) this.#stray += `${line}\n`
  }

  lineTooLong(): void {
    this.#tooMuch(`an event of more than ${LIMITS.event_chars} characters`)
  }

  #take(content: StreamContent): void {
    const { error, text, hasRole, finishReason, usage, counted, listed } = content
    this.model ??= content.model
    if (error !== null) {
      this.problem = shortened(error, 500)
      return
    }
    if (usage !== null) this.#usage.add(usage)
    if (counted !== null) this.#counted = counted
    // What follows the end is no token of the answer.
    if (this.#isDone) return
    if (listed !== null) {
      this.#listed = { by: listed.by, count: listed.count + (this.#listed?.count ?? 0) }
      // An empty list is none of the tokens of a text.
      if (text !== null && !content.isBlank && listed.count > 0) this.#listedChunks += 1
    }
    if (text !== null && this.#hasRoomFor(text)) {
      if (content.isBlank) this.#addBlank()
      else {
        this.#callBytes += content.callBytes
        if (this.chunks === 0) this.#beginsWithTag = hasRole && THOUGHT_TAG.test(text)
        else if (hasRole) this.#laterRoles = true
        this.#addChunk(text, content.isReasoning)
      }
    }
    if (finishReason !== null) {
      if (this.finishReason === null) this.finishNs = this.#nowNs
      this.finishReason = finishReason
    }
    // A usage that came before may be that of a chunk.
    if (this.finishReason !== null && usage !== null) this.isWhole = true
  }

  #addChunk(text: string, isReasoning: boolean): void {
    this.chunks += 1
    this.#chars += text.length
    this.#text.add(text)
    if (this.chunks === 1) this.#firstSize = this.#text.size
    if (isReasoning) this.reasoningChunks += 1
    this.timesNs.push(this.#nowNs)
    // Whether that tag is a token is known at the end only.
    if (this.chunks === (this.#beginsWithTag ? 2 : 1)) this.#listeners.onFirst(this.#nowNs)
    this.#listeners.onText?.(text, this.#nowNs)
  }

  /** Whether it is a token is known at the end only. */
  #addBlank(): void {
    this.#blanks.push({ ns: this.#nowNs, before: this.chunks })
    if (this.chunks > 0) this.#listeners.onText?.('', this.#nowNs)
  }

  /** The answer may be one JSON text: an error with status 200, or an answer that was not streamed. */
  #readUnframed(): void {
    this.#take(contentOf(jsonOf(this.#stray), ''))
  }

  /** An error that somebody wrote into the stream without a frame. */
  #takeError(line: string): void {
    const words = errorText(jsonOf(line))
    if (words !== null) this.problem = shortened(words, 500)
  }

  /** What is kept of an answer is bounded, however long its server goes on. */
  #hasRoomFor(text: string): boolean {
    const isKept = this.#listeners.onText !== undefined
    if (this.chunks + this.#blanks.length === LIMITS.answer_chunks)
      this.#tooMuch(`more than ${LIMITS.answer_chunks} chunks`)
    else if (isKept && this.#chars + text.length > LIMITS.answer_chars)
      this.#tooMuch(`more than ${LIMITS.answer_chars} characters`)
    return this.problem === null
  }

  #tooMuch(what: string): void {
    this.problem ??= `the server sent ${what}`
  }
}

/** Some gateways frame what is framed already. */
function textWithoutFrames(text: string): string {
  return text.replace(/^(?:data:\s*)+/, '')
}

/** Most data has none around it, and is not copied. */
function hasBlanks(text: string): boolean {
  return text === '' || text.charCodeAt(0) <= BLANK || text.charCodeAt(text.length - 1) <= BLANK
}

/** Undefined for what is no JSON, or more of it than may be. */
function jsonOf(text: string): unknown {
  try {
    return limitedJson(text)
  } catch {
    return undefined
  }
}
