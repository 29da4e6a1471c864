const NEWLINE = 0x0a

/** Cuts a byte stream into lines; of a line that is too long the beginning is kept, the rest is passed over. */
export class ClippedLines {
  #parts: Buffer[] = []
  #bytes = 0

  /** A line with more than `mostBytes` comes as so many and one more, so that it is seen to be too long. */
  constructor(private readonly mostBytes: number) {}

  /** The lines that this chunk completes, without their newline. */
  push(chunk: Buffer): string[] {
    const lines: string[] = []
    let rest = chunk
    for (let end = rest.indexOf(NEWLINE); end !== -1; end = rest.indexOf(NEWLINE)) {
      this.#take(rest.subarray(0, end))
      lines.push(Buffer.concat(this.#parts).toString('utf8'))
      this.#parts = []
      this.#bytes = 0
      rest = rest.subarray(end + 1)
    }
    this.#take(rest)
    return lines
  }

  #take(part: Buffer): void {
    const room = this.mostBytes + 1 - this.#bytes
    if (room <= 0 || part.length === 0) return
    // Copied, because a slice would keep the whole of a large chunk alive.
    const taken = Buffer.from(part.subarray(0, room))
    this.#parts.push(taken)
    this.#bytes += taken.length
  }
}
