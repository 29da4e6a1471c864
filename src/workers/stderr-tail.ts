/** The last `limitBytes` bytes of a stream: enough to tell why a process died, however much it wrote. */
export class StderrTail {
  #tail: Buffer = Buffer.alloc(0)

  constructor(private readonly limitBytes = 4096) {}

  push(chunk: Buffer): void {
    const joined = Buffer.concat([this.#tail, chunk])
    // Copied, because a slice would keep the whole of a large chunk alive.
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - this.limitBytes)))
  }

  get text(): string {
    return this.#tail.toString('utf8').trim()
  }

  /** The last lines on one line, for a hint; null when nothing was written. */
  lastLines(count: number): string | null {
    const lines = this.text.split('\n').filter((line) => line.trim() !== '')
    return lines.length === 0 ? null : lines.slice(-count).join(' | ')
  }
}
