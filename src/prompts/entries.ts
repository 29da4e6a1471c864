// A file -> its entries, as they are read: lines, or the values of a JSON text. Nothing is kept of what was read before.

import { LIMITS } from '../core/limits.js'

/** A piece of a file that stands for one prompt; null where it is too long. */
export interface Piece {
  /** The number of the line, or of the value, from 1. */
  number: number
  text: string | null
}

/** The lines of a text, without their ends. */
export async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const line = new Part()
  let number = 1
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf('\n'); end >= 0; end = chunk.indexOf('\n', start)) {
      line.add(chunk.slice(start, end))
      yield { number, text: line.take() }
      number += 1
      start = end + 1
    }
    line.add(chunk.slice(start))
  }
  yield { number, text: line.take() }
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [...'"\\,[]{}'].map((char) =>
  char.charCodeAt(0),
)

/**
 * The texts of the values in a JSON list, or of values that stand one behind the other. What is no JSON shows when a
 * value is parsed.
 */
export async function* jsonValuesOf(chunks: AsyncIterable<string>): AsyncGenerator<Piece> {
  const value = new Part()
  let number = 0
  /** Brackets that are open within a value; null before the first character tells whether there is a list around all. */
  let depth: number | null = null
  let outer = 0
  let isQuoted = false
  let isEscaped = false
  for await (const chunk of chunks) {
    let start = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const code = chunk.charCodeAt(at)
      if (depth === null) {
        if (code <= 32) continue
        depth = 0
        if (code === OPEN_LIST) {
          outer = 1
          start = at + 1
          continue
        }
      }
      if (isQuoted) {
        if (isEscaped) isEscaped = false
        else if (code === BACKSLASH) isEscaped = true
        else if (code === QUOTE) isQuoted = false
        continue
      }
      if (code === QUOTE) isQuoted = true
      else if (code === OPEN_LIST || code === OPEN_MAP) depth += 1
      else if (code === CLOSE_LIST || code === CLOSE_MAP) depth -= 1
      const isEnd = depth < 0 || (depth === 0 && (outer === 1 ? code === COMMA : code === CLOSE_MAP))
      if (!isEnd) continue
      value.add(chunk.slice(start, outer === 1 ? at : at + 1))
      start = at + 1
      const text = value.take()
      if (text === null || text.trim() !== '') {
        number += 1
        yield { number, text }
      }
      // Behind the list there is nothing, or what is there shows as no JSON.
      if (depth < 0) [depth, outer] = [0, 0]
    }
    if (depth !== null) value.add(chunk.slice(start))
  }
  const text = value.take()
  if (text === null || text.trim() !== '') yield { number: number + 1, text }
}

/** Pieces of a text, kept as far as it may be long. */
class Part {
  #text = ''
  #isTooLong = false

  add(text: string): void {
    if (this.#text.length + text.length > LIMITS.prompt_line_chars) {
      this.#isTooLong = true
      this.#text = ''
    } else if (!this.#isTooLong) this.#text += text
  }

  /** What came together, null where it is too long. */
  take(): string | null {
    const text = this.#isTooLong ? null : this.#text
    this.#text = ''
    this.#isTooLong = false
    return text
  }
}
