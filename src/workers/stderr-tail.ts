import { SecretStream } from '../core/secret-stream.js'

/** The last `limitBytes` bytes of a stream: enough to tell why a process died, however much it wrote. Without secrets. */
export class StderrTail {
  #tail: Buffer = Buffer.alloc(0)
  // Before the tail is cut off, because half of a secret could not be told any more.
  readonly #stream = new SecretStream()

  constructor(private readonly limitBytes = 4096) {}

  /** Answers what of it can be shown already. */
  push(chunk: Buffer): Buffer {
    const shown = Buffer.from(this.#stream.push(chunk))
    const joined = Buffer.concat([this.#tail, shown])
    // Copied, because a slice would keep the whole of a large chunk alive.
    this.#tail = Buffer.from(joined.subarray(Math.max(0, joined.length - this.limitBytes)))
    return shown
  }

  get text(): string {
    return `${this.#tail.toString('utf8')}${this.#stream.rest}`.slice(-this.limitBytes).trim()
  }

  /** The last lines on one line, for a hint; null when nothing was written. */
  lastLines(count: number): string | null {
    const lines = this.text.split('\n').filter((line) => line.trim() !== '')
    return lines.length === 0 ? null : lines.slice(-count).join(' | ')
  }
}
