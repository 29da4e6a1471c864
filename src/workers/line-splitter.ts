const NEWLINE = 0x0a

/**
 * Cuts a byte stream into lines at "\n" only. `node:readline` also cuts at U+2028, U+2029 and "\r", which JSON
 * strings may contain.
 */
export class LineSplitter {
  #parts: Buffer[] = []
  #pendingBytes = 0

  /** Throws a RangeError when a line grows beyond `maxLineBytes`, so that a stream without newlines stays bounded. */
  constructor(private readonly maxLineBytes: number = Number.POSITIVE_INFINITY) {}

  /** The lines that this chunk completes, without their newline. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let rest = chunk
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      lines.push(Buffer.concat([...this.#parts, rest.subarray(0, end)]).toString('utf8'))
      this.#parts = []
      this.#pendingBytes = 0
      rest = rest.subarray(end + 1)
    }
    if (rest.length > 0) {
      this.#parts.push(rest)
      this.#pendingBytes += rest.length
      if (this.#pendingBytes > this.maxLineBytes) {
        throw new RangeError(`a line is longer than ${this.maxLineBytes} bytes`)
      }
    }
    return lines
  }
}
