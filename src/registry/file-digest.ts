// What the bytes of a file come to. A file is read once and what it came to is kept in llem's own cache, under all by which a
// file system tells that it was written to: another length, time, inode or device means that it is read anew.

import { createHash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { open, readFile, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../core/errors.js'
import { cacheDir } from '../core/paths.js'
import { lateProgress } from '../progress/late-progress.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { makeFolder, writeBytesAtomically } from '../results/files.js'
import type { Asking } from './ask-hub.js'

const MB = 1e6
const SHOWN_EVERY_MS = 200
/** Read at once. */
const PIECE_BYTES = 4 * 1024 * 1024

export interface FileDigest {
  sha256: string
  bytes: number
}

const keptSchema = z.object({
  path: z.string(),
  /** As the file system counts, in decimal: they are larger than a number of JSON may be. */
  device: z.string(),
  inode: z.string(),
  bytes: z.number().int().nonnegative(),
  modified_ns: z.string(),
  /** Also of a file whose time of writing was set back. */
  changed_ns: z.string(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})
type Kept = z.infer<typeof keptSchema>

/** SHA-256 and length of a file, visibly where it takes more than a second. Throws INTERRUPTED, and what reading throws. */
export async function digestOf(path: string, asking: Asking): Promise<FileDigest> {
  const file = await realpath(path)
  const before = await keyOf(file)
  const kept = await recall(before)
  if (kept !== null) return { sha256: kept, bytes: before.bytes }
  const { sha256 } = await read(file, before.bytes, asking)
  const after = await keyOf(file)
  // Somebody writes to it: what it came to is of no file.
  if (isSame(before, after)) await keep({ ...after, sha256 }, asking)
  return { sha256, bytes: after.bytes }
}

/** Keeps what a file that was just written came to, so that it need not be read again. Never rejects. */
export async function keepDigest(path: string, sha256: string, asking: Asking): Promise<void> {
  const key = await realpath(path)
    .then(keyOf)
    .catch(() => null)
  if (key !== null) await keep({ ...key, sha256 }, asking)
}

/** The id that git gives a file of this content: a SHA-1 with the length before it. For small files. */
export async function gitIdOf(path: string): Promise<string> {
  const content = await readFile(path)
  return createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
}

async function read(file: string, bytes: number, { observer, signal }: Asking): Promise<{ sha256: string }> {
  const name = file.split('/').at(-1) ?? file
  const progress = lateProgress(observer, {
    label: `Checking ${name.length > 24 ? `${name.slice(0, 20)}...` : name}`,
    total: Math.ceil(bytes / MB),
    unit: 'MB',
  })
  const handle = await open(file, 'r')
  try {
    const hash = createHash('sha256')
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, Math.max(1, bytes)))
    let shownMs = 0
    for (let position = 0; ; ) {
      stopIfInterrupted(signal)
      const { bytesRead } = await handle.read(piece, 0, piece.length, position)
      if (bytesRead === 0) return { sha256: hash.digest('hex') }
      hash.update(piece.subarray(0, bytesRead))
      position += bytesRead
      const nowMs = performance.now()
      if (nowMs - shownMs < SHOWN_EVERY_MS) continue
      shownMs = nowMs
      progress.update(Math.floor(position / MB), 'its SHA-256, once')
    }
  } finally {
    progress.stop()
    await handle.close()
  }
}

async function keyOf(file: string): Promise<Omit<Kept, 'sha256'>> {
  const { dev, ino, size, mtimeNs, ctimeNs }: BigIntStats = await stat(file, { bigint: true })
  return {
    path: file,
    device: String(dev),
    inode: String(ino),
    bytes: Number(size),
    modified_ns: String(mtimeNs),
    changed_ns: String(ctimeNs),
  }
}

/** Null where nothing is kept, or nothing of this very file; a damaged file is as good as none. */
async function recall(key: Omit<Kept, 'sha256'>): Promise<string | null> {
  try {
    const { sha256, ...of } = keptSchema.parse(JSON.parse(await readFile(keptAt(key.path), 'utf8')))
    return isSame(of, key) ? sha256 : null
  } catch {
    return null
  }
}

/** Where it cannot be kept, the next run reads the file again. */
async function keep(kept: Kept, { observer }: Asking): Promise<void> {
  try {
    makeFolder(folder())
    await writeBytesAtomically(keptAt(kept.path), `${JSON.stringify(kept)}\n`)
  } catch (error) {
    observer.detail(`The SHA-256 of ${kept.path} could not be kept (non-fatal): ${messageOf(error)}`)
  }
}

function isSame(a: Omit<Kept, 'sha256'>, b: Omit<Kept, 'sha256'>): boolean {
  const keys = ['path', 'device', 'inode', 'bytes', 'modified_ns', 'changed_ns'] as const
  return keys.every((key) => a[key] === b[key])
}

function folder(): string {
  return join(cacheDir(), 'digests')
}

/** One small file each, so that two processes never overwrite what the other has learnt. */
function keptAt(path: string): string {
  return join(folder(), `${createHash('sha256').update(path).digest('hex').slice(0, 32)}.json`)
}
