import { readSync } from 'node:fs'

/** The file is no GGUF, or a broken one; the message goes on after "because". */
export class GgufFormatError extends Error {}

const WINDOW_BYTES = 1024 * 1024
/** The longest real strings are chat templates and merges, far below this. */
const MAX_STRING_BYTES = 16 * 1024 * 1024
/** All texts together: names of tensors, and a few templates. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024
/** Vocabularies have up to some hundred thousand tokens, and as many merges. A sparse file costs nothing to make. */
export const MAX_SKIPPED = 4_000_000

/** Reads forward through a file by a window, so that neither the vocabulary nor the weights are held in memory. */
export class GgufCursor {
  #position = 0
  #keptBytes = 0
  #skipped = 0
  #window: Buffer = Buffer.alloc(0)
  #windowStart = 0

  constructor(
    private readonly readAt: (position: number, length: number) => Buffer,
    private readonly sizeBytes: number,
  ) {}

  static ofFile(fd: number, sizeBytes: number): GgufCursor {
    return new GgufCursor((position, length) => {
      const buffer = Buffer.alloc(length)
      return buffer.subarray(0, readSync(fd, buffer, 0, length, position))
    }, sizeBytes)
  }

  static ofBuffer(buffer: Buffer): GgufCursor {
    return new GgufCursor((position, length) => buffer.subarray(position, position + length), buffer.length)
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.sizeBytes - this.#position
  }

  bytes(length: number): Buffer {
    this.#check(length)
    let offset = this.#position - this.#windowStart
    if (offset < 0 || offset + length > this.#window.length) {
      this.#window = this.readAt(this.#position, Math.max(length, WINDOW_BYTES))
      this.#windowStart = this.#position
      offset = 0
      // A file that shrinks while it is read.
      if (this.#window.length < length) throw new GgufFormatError('it ends in the middle of its header')
    }
    this.#position += length
    return this.#window.subarray(offset, offset + length)
  }

  skip(length: number): void {
    this.#check(length)
    this.#position += length
  }

  u32(): number {
    return this.bytes(4).readUInt32LE()
  }

  /** An unsigned 64-bit count of `what`, refused above `limit`. */
  count(what: string, limit: number = Number.MAX_SAFE_INTEGER): number {
    const value = Number(this.bytes(8).readBigUInt64LE())
    if (value > limit) throw new GgufFormatError(`it claims ${value} ${what}`)
    return value
  }

  string(): string {
    const bytes = this.bytes(this.count('bytes in a string', MAX_STRING_BYTES))
    this.#keptBytes += bytes.length
    if (this.#keptBytes > MAX_KEPT_BYTES)
      throw new GgufFormatError(`its texts have more than ${MAX_KEPT_BYTES} bytes`)
    return bytes.toString('utf8')
  }

  skipString(): void {
    this.#skipped += 1
    if (this.#skipped > MAX_SKIPPED)
      throw new GgufFormatError(`it has more than ${MAX_SKIPPED} texts in lists`)
    this.skip(this.count('bytes in a string', MAX_STRING_BYTES))
  }

  #check(length: number): void {
    if (length > this.remaining) throw new GgufFormatError('it ends in the middle of its header')
  }
}
