// One file of the hub onto this disk: goes on where it was broken off, and is held against its checksum. Bytes are written
// where they belong in the file, so that two that fetch the same file at once, where a file system's locks do not work,
// write the same bytes to the same places.

import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { type FileHandle, open, rm } from 'node:fs/promises'
import { LlemError } from '../core/errors.js'
import { systemFault } from '../core/system-fault.js'
import { lateProgress } from '../progress/late-progress.js'
import type { Progress } from '../progress/observer.js'
import { interrupted, stopIfInterrupted } from '../progress/wait.js'
import { type Asking, askOnce, causeOf, Dropped, givenUp, type HubAnswer, pauseAfter } from './ask-hub.js'
import { howToOpen } from './list-repository.js'
import type { HubFile } from './source.js'

const MB = 1e6
/** Without a byte for so long a connection is dead. */
const SILENCE_MS = 60_000
/** Tries in a row in which nothing came. */
const FRUITLESS_TRIES = 6
/** Tries in a row of which each gave less than this: what comes so will not come to an end. */
const LITTLE_BYTES = 1_000_000
const MEAGRE_TRIES = 100
const SHOWN_EVERY_MS = 200
/** Read at once of what is there. */
const PIECE_BYTES = 4 * 1024 * 1024

/** Writes the file at `path`, going on with what is there. Throws HUB_*, DOWNLOAD_DIFFERS, DISK_FULL and INTERRUPTED. */
export async function transfer(url: URL, file: HubFile, path: string, asking: Asking): Promise<void> {
  const hadBytes = await sizeOf(path)
  const found = await receive(url, file, path, asking)
  if (found === file.etag) return
  await rm(path, { force: true })
  if (hadBytes > 0) {
    asking.observer.note(
      `What an earlier download left of ${file.path} is not of this file; it is fetched anew.`,
    )
    const again = await receive(url, file, path, asking)
    if (again === file.etag) return
    await rm(path, { force: true })
    throw differs(file, `has the checksum ${again} where the hub tells ${file.etag}`)
  }
  throw differs(file, `has the checksum ${found} where the hub tells ${file.etag}`)
}

/** Fetches what is missing; resolves with the checksum of the whole. */
async function receive(url: URL, file: HubFile, path: string, asking: Asking): Promise<string> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o666)
  const progress = lateProgress(asking.observer, {
    label: `Fetching ${file.path}`,
    total: Math.ceil(file.bytes / MB),
    unit: 'MB',
  })
  try {
    const download = new Download(file, handle, progress)
    await download.takeWhatIsThere(asking.signal)
    let fruitless = 0
    let meagre = 0
    let furthest = download.position
    while (download.position < file.bytes) {
      try {
        await download.take(url, asking)
      } catch (error) {
        if (!(error instanceof Dropped)) throw error
        fruitless = download.position > furthest ? 0 : fruitless + 1
        meagre = download.position > furthest + LITTLE_BYTES ? 0 : meagre + 1
        furthest = Math.max(furthest, download.position)
        if (fruitless === FRUITLESS_TRIES || meagre === MEAGRE_TRIES) throw givenUp(error)
        // What has just given something will give more.
        if (fruitless > 0 || error.pauseS !== null) await pauseAfter(error, Math.max(1, fruitless), asking)
      }
    }
    await handle.sync()
    return download.digest()
  } catch (error) {
    // With its bytes goes what a later try would go on with.
    if (error instanceof LlemError && error.code === 'DOWNLOAD_DIFFERS') await rm(path, { force: true })
    throw error
  } finally {
    progress.stop()
    await handle.close()
  }
}

class Download {
  /** Bytes of the file that are there and in the checksum. */
  position = 0
  readonly #file: HubFile
  readonly #handle: FileHandle
  readonly #progress: Progress
  #hash: Hash
  #shownMs = 0
  readonly #beganMs = performance.now()
  #receivedBytes = 0

  constructor(file: HubFile, handle: FileHandle, progress: Progress) {
    this.#file = file
    this.#handle = handle
    this.#progress = progress
    this.#hash = newHash(file)
  }

  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Reads what an earlier download has left. */
  async takeWhatIsThere(signal: AbortSignal | undefined): Promise<void> {
    const { size } = await this.#handle.stat()
    // Of another file: nobody writes more than there is.
    if (size > this.#file.bytes) return await this.#handle.truncate(0)
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.max(1, size)))
    while (this.position < size) {
      stopIfInterrupted(signal)
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, this.position)
      if (bytesRead === 0) break
      this.#hash.update(piece.subarray(0, bytesRead))
      this.position += bytesRead
      this.#show('checking what is there')
    }
  }

  /** One request, as far as it goes. Throws Dropped where it ends before the file does. */
  async take(url: URL, asking: Asking): Promise<void> {
    const silent = new AbortController()
    const { signal } = asking
    const either = signal === undefined ? silent.signal : AbortSignal.any([silent.signal, signal])
    const answer = await askOnce(url, this.position === 0 ? {} : { range: `bytes=${this.position}-` }, either)
    if (this.#begins(answer, url) !== this.position) {
      asking.observer.detail(`${this.#file.path}: the server sends it from its beginning only`)
      this.#beginAnew()
    }
    let timer = setTimeout(() => silent.abort(), SILENCE_MS)
    try {
      for await (const chunk of answer.response.body ?? []) {
        clearTimeout(timer)
        await this.#write(chunk)
        timer = setTimeout(() => silent.abort(), SILENCE_MS)
      }
    } catch (cause) {
      if (signal?.aborted) throw interrupted(cause, 'What has come is kept: the next run goes on with it.')
      if (cause instanceof LlemError) throw cause
      const why = silent.signal.aborted ? `nothing came for ${SILENCE_MS / 1000} s` : causeOf(cause)
      throw new Dropped(`the connection to ${url.host} broke: ${why}`, { cause })
    } finally {
      clearTimeout(timer)
    }
    if (this.position < this.#file.bytes) throw new Dropped(`${url.host} ended its answer too early`)
  }

  /** Where the answer begins in the file. */
  #begins({ response, first, isElsewhere }: HubAnswer, url: URL): number {
    const { status, headers } = response
    const { bytes, etag } = this.#file
    const told = first.get('x-linked-etag')
    const plain = told?.replace(/^W\//, '').replaceAll('"', '') ?? etag
    if (plain !== etag) throw differs(this.#file, `has the tag ${plain} where the list of files has ${etag}`)
    const size = Number(first.get('x-linked-size') ?? bytes)
    if (size !== bytes) throw differs(this.#file, `has ${size} bytes where the list of files has ${bytes}`)
    if (status === 206) {
      const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? []
      if (total !== undefined && total !== '*' && Number(total) !== bytes)
        throw differs(this.#file, `has ${total} bytes where the list of files has ${bytes}`)
      // Bytes of which nobody knows where they belong are none.
      if (Number(from) !== this.position)
        throw new Dropped('the server answers with another part than was asked for')
      return this.position
    }
    if (status === 200) {
      const length = headers.get('content-length')
      if (length !== null && Number(length) !== bytes && headers.get('content-encoding') === null)
        throw differs(this.#file, `has ${length} bytes where the list of files has ${bytes}`)
      return 0
    }
    // Links to where the content lies are good for an hour or so; the next try gets a new one.
    if (isElsewhere && (status === 401 || status === 403 || status === 404))
      throw new Dropped(`the link to ${this.#file.path} is not good (${status})`, { status })
    if (status === 416) {
      this.#beginAnew()
      throw new Dropped('the server does not have this part', { status })
    }
    throw refusedFile(this.#file, url, status)
  }

  #beginAnew(): void {
    this.position = 0
    this.#hash = newHash(this.#file)
  }

  async #write(chunk: Uint8Array): Promise<void> {
    if (this.position + chunk.byteLength > this.#file.bytes)
      throw differs(this.#file, `is longer than the ${this.#file.bytes} bytes that the hub tells`)
    try {
      for (let done = 0; done < chunk.byteLength; ) {
        const { bytesWritten } = await this.#handle.write(
          chunk,
          done,
          chunk.byteLength - done,
          this.position + done,
        )
        done += bytesWritten
      }
    } catch (cause) {
      throw notStored(this.#file, cause)
    }
    this.#hash.update(chunk)
    this.position += chunk.byteLength
    this.#receivedBytes += chunk.byteLength
    const seconds = (performance.now() - this.#beganMs) / 1000
    this.#show(`${(this.#receivedBytes / MB / Math.max(seconds, 0.001)).toFixed(1)} MB/s`)
  }

  #show(detail: string): void {
    const nowMs = performance.now()
    if (nowMs - this.#shownMs < SHOWN_EVERY_MS) return
    this.#shownMs = nowMs
    this.#progress.update(Math.floor(this.position / MB), detail)
  }
}

/** SHA-256 of large files; of small ones what git calls their content, which the hub tells of them. */
function newHash({ etag, bytes }: HubFile): Hash {
  return etag.length === 64 ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`)
}

async function sizeOf(path: string): Promise<number> {
  const handle = await open(path, 'r').catch(() => null)
  if (handle === null) return 0
  try {
    return (await handle.stat()).size
  } finally {
    await handle.close()
  }
}

function differs({ path }: HubFile, how: string): LlemError {
  return new LlemError(`what came for ${path} ${how}`, {
    code: 'DOWNLOAD_DIFFERS',
    hint: 'It is not kept. Try again; where it stays so, what lies between (a mirror, a proxy) changes files.',
  })
}

/** Of a gated model anybody may list the files. */
function refusedFile({ path }: HubFile, url: URL, status: number): LlemError {
  const isShut = status === 401 || status === 403
  return new LlemError(`the hub does not give the file ${path} (${status})`, {
    code: isShut ? 'MODEL_GATED' : 'HUB_FAILED',
    hint: isShut
      ? `If the model is gated, ${howToOpen(url.pathname.replace(/\/resolve\/.*$/, '').slice(1))}`
      : 'Try again later, or look at HF_ENDPOINT.',
    kind: isShut ? 'usage' : 'runtime',
  })
}

function notStored({ path }: HubFile, cause: unknown): LlemError {
  if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') {
    const fault = systemFault(cause)
    if (fault === null) throw cause
    return fault
  }
  return new LlemError(`the disk is full: ${path} could not be fetched to its end`, {
    code: 'DISK_FULL',
    hint: 'Make room and run it again: it goes on with what has come. HF_HUB_CACHE names another folder.',
    cause,
  })
}
