// What a command prints, handed on as it comes and kept with the moment at which it came.

import { StringDecoder } from 'node:string_decoder'
import { LIMITS } from '../core/limits.js'

export class Printed {
  readonly #decoder = new StringDecoder('utf8')
  readonly #parts: string[] = []
  /** For each part: the place of its end, and when it was read. */
  readonly #marks: { end: number; ns: number }[] = []
  #bytes = 0
  #length = 0
  #wasCut = false

  /** The next piece, as it is read. */
  take(chunk: Buffer): void {
    const ns = Number(process.hrtime.bigint())
    this.#bytes += chunk.byteLength
    if (this.#bytes > LIMITS.benchmark_printed_bytes) {
      this.#wasCut = true
      return
    }
    const text = this.#decoder.write(chunk)
    this.#length += text.length
    this.#parts.push(text)
    this.#marks.push({ end: this.#length, ns })
  }

  get text(): string {
    return this.#parts.join('')
  }

  /** Whether it printed more than is kept. */
  get wasCut(): boolean {
    return this.#wasCut
  }

  /** When the text before this place had come out, monotonic nanoseconds; null beyond what is kept. */
  cameAt(place: number): number | null {
    return this.#marks.find(({ end }) => end >= place)?.ns ?? null
  }
}
