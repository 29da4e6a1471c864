// The bytes of a file -> its text, or the place of the byte that is none. What is not surely text is refused: read in the
// wrong encoding it would be measured as prompts that nobody wrote.

import { isUtf8 } from 'node:buffer'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** A file that is no text, or text in an encoding that is not read; the message goes on after "because". */
export class EncodingError extends Error {}

export type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be'

const CHUNK_BYTES = 1024 * 1024
/** So much of the beginning tells the encoding. */
const SAMPLE_BYTES = 4096
/** Of the pairs of bytes of a UTF-16 text, at least so many have a NUL in one half: all of ASCII has. */
const MIN_NUL_SHARE = 0.2

/** What other files begin with, and what makes text of them. */
const OTHERS: readonly (readonly [bytes: number[], why: string])[] = [
  [[0x1f, 0x8b], 'it is compressed with gzip; unpack it with gunzip'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'it is compressed with zstd; unpack it with unzstd'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'it is compressed with xz; unpack it with unxz'],
  [[0x42, 0x5a, 0x68], 'it is compressed with bzip2; unpack it with bunzip2'],
  [[0x50, 0x4b, 0x03, 0x04], 'it is a zip archive or a spreadsheet; unpack it, or save it as .csv'],
  [[0x50, 0x41, 0x52, 0x31], 'it is a Parquet file; let its name end in .parquet'],
  [[0xff, 0xfe, 0x00, 0x00], 'it is UTF-32; convert it with iconv -f UTF-32 -t UTF-8'],
  [[0x00, 0x00, 0xfe, 0xff], 'it is UTF-32; convert it with iconv -f UTF-32 -t UTF-8'],
]

/** The encoding of a text by its first bytes, and how many of them are a byte order mark. Throws EncodingError. */
export function encodingOf(start: Uint8Array): { encoding: Encoding; bomBytes: number } {
  const begins = (bytes: readonly number[]) => bytes.every((byte, index) => start[index] === byte)
  const other = OTHERS.find(([bytes]) => begins(bytes))
  if (other !== undefined) throw new EncodingError(other[1])
  if (begins([0xef, 0xbb, 0xbf])) return { encoding: 'utf-8', bomBytes: 3 }
  if (begins([0xff, 0xfe])) return { encoding: 'utf-16le', bomBytes: 2 }
  if (begins([0xfe, 0xff])) return { encoding: 'utf-16be', bomBytes: 2 }
  return { encoding: withoutMark(start.subarray(0, SAMPLE_BYTES)), bomBytes: 0 }
}

/** UTF-16 has its NULs in every second byte; what has them elsewhere is refused when it is read. */
function withoutMark(sample: Uint8Array): Encoding {
  const nuls = [0, 0]
  for (const [index, byte] of sample.entries()) if (byte === 0) nuls[index % 2] = (nuls[index % 2] ?? 0) + 1
  const [even = 0, odd = 0] = nuls
  const enough = (MIN_NUL_SHARE * sample.length) / 2
  if (even === 0 && odd > enough) return 'utf-16le'
  return odd === 0 && even > enough ? 'utf-16be' : 'utf-8'
}

/** Texts that stand in the place of the file that was meant. */
const STAND_INS: readonly (readonly [start: RegExp, why: string])[] = [
  [
    /^version https:\/\/git-lfs\.github\.com\//,
    'it is a pointer of Git LFS and not the file itself; fetch that with git lfs pull',
  ],
  [
    /^\s*(?:<!doctype html|<html[\s>])/i,
    'it is a page of HTML, as of an error or of a site that shows the file; download the file itself',
  ],
  [/^\{\\rtf/, 'it is a document of RTF; save it as plain text'],
  [/^%PDF-/, 'it is a PDF document; save it as plain text'],
]

function refuseOther(text: string): void {
  const other = STAND_INS.find(([start]) => start.test(text))
  if (other !== undefined) throw new EncodingError(other[1])
}

/** The text of a file, piece by piece, without its byte order mark. Throws EncodingError, and what the system says. */
export async function* textOf(path: string): AsyncGenerator<string> {
  // Opening a pipe would otherwise wait for whoever writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await file.stat()
    if (stat.isDirectory()) throw new Error('it is a folder')
    if (!stat.isFile()) throw new Error('it is no file')
    let decoder: Decoder | null = null
    /** As old Macs wrote, and Excel still does. */
    let endsInReturns = false
    for (let position = 0; ; ) {
      const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, position)
      if (bytesRead === 0) break
      const bytes = buffer.subarray(0, bytesRead)
      decoder ??= new Decoder(bytes)
      const text = decoder.decode(bytes)
      if (position === 0) {
        refuseOther(text)
        endsInReturns = /\r./.test(text) && !text.includes('\n')
      }
      yield endsInReturns ? text.replaceAll('\r', '\n') : text
      position += bytesRead
    }
    decoder?.end()
  } finally {
    await file.close()
  }
}

/** Decodes bytes as they come and knows where it is. */
export class Decoder {
  readonly encoding: Encoding
  /** Bytes of a character that is not all there yet. */
  #rest: Buffer = Buffer.alloc(0)
  #position: number
  #line = 1
  #skip: number

  constructor(start: Uint8Array) {
    const { encoding, bomBytes } = encodingOf(start)
    this.encoding = encoding
    this.#skip = bomBytes
    this.#position = bomBytes
  }

  decode(more: Buffer): string {
    const bytes = Buffer.concat([this.#rest, more.subarray(this.#skip)])
    this.#skip = 0
    const whole = this.encoding === 'utf-8' ? wholeUtf8(bytes) : wholeUtf16(bytes, this.encoding)
    this.#rest = bytes.subarray(whole)
    const text = this.#textOf(bytes.subarray(0, whole))
    this.#position += whole
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#line += 1
    return text
  }

  /** Nothing more comes. */
  end(): void {
    if (this.#rest.length > 0)
      this.#refuse(this.#rest, 0, 'is the beginning of a character that does not end')
  }

  #textOf(bytes: Buffer): string {
    if (this.encoding !== 'utf-8') return this.#textOfUtf16(bytes)
    if (!isUtf8(bytes))
      this.#refuse(
        bytes,
        firstInvalid(bytes),
        'is no UTF-8; where it is Windows-1252 (Latin), convert it with iconv -f WINDOWS-1252 -t UTF-8',
      )
    const nul = bytes.indexOf(0)
    if (nul >= 0) this.#refuse(bytes, nul, 'is a NUL, which no text has')
    return bytes.toString('utf8')
  }

  #textOfUtf16(bytes: Buffer): string {
    const text = (this.encoding === 'utf-16be' ? Buffer.from(bytes).swap16() : bytes).toString('utf16le')
    const half = loneSurrogate(text)
    if (half < text.length) this.#refuse(bytes, 2 * half, 'is half a character of UTF-16')
    const nul = text.indexOf('\0')
    if (nul >= 0) this.#refuse(bytes, 2 * nul, 'is a NUL, which no text has')
    return text
  }

  #refuse(bytes: Buffer, at: number, why: string): never {
    const before = bytes.subarray(0, at)
    const line = this.#line + before.filter((byte) => byte === 0x0a).length
    const shown = (bytes[at] ?? 0).toString(16).toUpperCase().padStart(2, '0')
    throw new EncodingError(`byte ${this.#position + at} (0x${shown}, line ${line}) ${why}`)
  }
}

/** How many of these bytes are whole characters, if they are UTF-8 at all. */
function wholeUtf8(bytes: Buffer): number {
  // A character begins with a byte that tells how many follow, and has four bytes at most.
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}

function wholeUtf16(bytes: Buffer, encoding: Encoding): number {
  const even = bytes.length - (bytes.length % 2)
  if (even === 0) return 0
  const high = bytes[encoding === 'utf-16le' ? even - 1 : even - 2] ?? 0
  return high >= 0xd8 && high < 0xdc ? even - 2 : even
}

/** The place of the first byte that no UTF-8 has there. */
function firstInvalid(bytes: Buffer): number {
  // What is valid up to the middle is valid; a character over the middle is at most three bytes before it.
  let low = 0
  let high = bytes.length
  while (high - low > 8) {
    const middle = low + wholeUtf8(bytes.subarray(low, (low + high) >> 1))
    if (middle > low && isUtf8(bytes.subarray(low, middle))) low = middle
    else if (high === Math.max(middle, low + 4)) break
    else high = Math.max(middle, low + 4)
  }
  let at = low
  while (at < bytes.length) {
    const length = [1, 2, 3, 4].find(
      (size) => at + size <= bytes.length && isUtf8(bytes.subarray(at, at + size)),
    )
    if (length === undefined) return at
    at += length
  }
  return bytes.length
}

function loneSurrogate(text: string): number {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code < 0xd800 || code > 0xdfff) continue
    const next = text.charCodeAt(at + 1)
    if (code > 0xdbff || !(next >= 0xdc00 && next <= 0xdfff)) return at
    at += 1
  }
  return text.length
}
