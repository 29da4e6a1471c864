import { LIMITS } from '../../core/limits.js'

/** What the lines of a stream are told to. */
export interface LineSink {
  /** The text of a `data:` line, and the name of its event. False: it is not whole, its next line belongs to it. */
  dataLine(text: string, event: string): boolean
  /** Data that was not whole when its event ended. */
  brokenEvent(text: string, event: string): void
  /** A line that belongs to no event, such as an error that nobody framed. */
  strayLine(line: string): void
  /** A line, or an event of several, that is longer than any may be. */
  lineTooLong(): void
  /** Nothing more is to be read. */
  readonly isOver: boolean
}

const [LF, CR, SPACE, COLON] = ['\n', '\r', ' ', ':'].map((char) => char.charCodeAt(0))
const END_OF_LINE = /[\r\n]/g

/**
 * Server-sent events, line by line: what a `data:` line holds is told as its line ends, because a server that forgets the
 * blank line between events must not have the times of its tokens told by its last packet. Ends of lines are LF, CRLF, also
 * cut by packets, and CR; a BOM is skipped. Events whose data is spread over several lines are told when they end.
 */
export class EventLines {
  readonly #sink: LineSink
  #isFirst = true
  #isAfterReturn = false
  #rest = ''
  #event = ''
  #pending: string | null = null

  constructor(sink: LineSink) {
    this.#sink = sink
  }

  feed(packet: string): void {
    if (packet === '') return
    const text = this.#isFirst && packet.startsWith('\uFEFF') ? packet.slice(1) : packet
    this.#isFirst = false
    let from = this.#isAfterReturn && text.charCodeAt(0) === LF ? 1 : 0
    this.#isAfterReturn = false
    const hasReturns = text.includes('\r')
    while (!this.#sink.isOver) {
      const end = hasReturns ? endOfLine(text, from) : text.indexOf('\n', from)
      if (end < 0) break
      const line = this.#rest + text.slice(from, end)
      this.#rest = ''
      from = end + 1
      if (text.charCodeAt(end) === CR) {
        if (from === text.length) this.#isAfterReturn = true
        else if (text.charCodeAt(from) === LF) from += 1
      }
      this.#line(line)
    }
    this.#rest += text.slice(from)
    if (this.#rest.length > LIMITS.event_chars) this.#sink.lineTooLong()
  }

  /** The stream has ended, maybe in the middle of a line. */
  end(): void {
    const line = this.#rest
    this.#rest = ''
    if (line !== '') this.#line(line)
    this.#endEvent()
  }

  #line(line: string): void {
    if (line === '') this.#endEvent()
    else if (line.startsWith('data:')) this.#data(textAfter(line, 5))
    else if (line.startsWith('event:')) this.#event = textAfter(line, 6).trim()
    else if (line.charCodeAt(0) === COLON || /^(?:id|retry):|^(?:data|event|id|retry)$/.test(line)) return
    else this.#sink.strayLine(line)
  }

  #data(text: string): void {
    if (this.#pending !== null) this.#pending += `\n${text}`
    else if (!this.#sink.dataLine(text, this.#event)) this.#pending = text
    if (this.#pending !== null && this.#pending.length > LIMITS.event_chars) this.#sink.lineTooLong()
  }

  #endEvent(): void {
    const pending = this.#pending
    this.#pending = null
    if (pending !== null) this.#sink.brokenEvent(pending, this.#event)
    this.#event = ''
  }
}

function endOfLine(text: string, from: number): number {
  END_OF_LINE.lastIndex = from
  return END_OF_LINE.exec(text)?.index ?? -1
}

/** What stands behind the colon, but for the one blank that belongs to it. */
function textAfter(line: string, from: number): string {
  return line.slice(line.charCodeAt(from) === SPACE ? from + 1 : from)
}
