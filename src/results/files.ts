import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, mkdirSync, readlinkSync } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { mask, maskedJson } from '../core/secrets.js'
import { adviceOn } from '../core/system-fault.js'
import { isFolder } from './find.js'

/** Sortable by time, unique by chance (2^40 per second), and safe as a folder's name. */
export function newExperimentId(label: string, now = new Date()): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return [time, safeName(label), randomBytes(5).toString('hex')].filter((part) => part !== '').join('-')
}

/** What of a text may be in a folder's name, without secrets; may be empty. */
export function safeName(text: string): string {
  return mask(text)
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+|[.-]+$/g, '')
    .slice(0, 40)
}

/** The folder that results go to, made if need be and known to be writable before anything is measured. */
export function prepareOutputDir(path: string): string {
  const absolute = resolve(path)
  try {
    makeFolder(absolute)
    accessSync(absolute, constants.W_OK | constants.X_OK)
  } catch (cause) {
    throw new LlemError(`Results cannot be written to ${path}: ${messageOf(cause)}.`, {
      code: 'OUTPUT_NOT_WRITABLE',
      hint: `${cause instanceof LlemError ? cause.hint : adviceOn(cause)} Or choose another folder with -o.`,
      kind: 'usage',
      cause,
    })
  }
  return absolute
}

/**
 * Makes a folder and those above it. Not `mkdirSync(path, { recursive: true })`: that never returns in a file system
 * that refuses a new folder with ENOENT, as /proc does.
 */
export function makeFolder(path: string): void {
  if (isFolder(path)) return
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    // Another process may have been faster.
    if (isFolder(path)) return
    refuseDangling(path)
    throw error
  }
}

/** Throws OUTPUT_NOT_WRITABLE for a link to what is not there. */
export function refuseDangling(path: string): void {
  const target = existsSync(path) ? null : targetOf(path)
  if (target === null) return
  throw new LlemError(`${path} is a link to ${target}, which is not there`, {
    code: 'OUTPUT_NOT_WRITABLE',
    hint: 'Make that folder, or correct the link.',
    kind: 'usage',
  })
}

/** Where a link points; null for anything else. */
function targetOf(path: string): string | null {
  try {
    return readlinkSync(path)
  } catch {
    return null
  }
}

/** Makes the folder of one run. */
export function createRunDir(outputDir: string, id: string): string {
  const dir = join(outputDir, id)
  try {
    mkdirSync(dir)
  } catch (cause) {
    throw notWritten(dir, cause)
  }
  return dir
}

/**
 * Writes JSON so that the file is either whole or not there: a temporary file beside it, fsync, rename, fsync of
 * the folder. Secrets are masked. Throws RESULT_NOT_WRITTEN and leaves no temporary file.
 */
export async function writeJsonAtomically(path: string, value: unknown): Promise<void> {
  await writeBytesAtomically(path, `${maskedJson(value, 2)}\n`)
}

/** Writes a file in the same way, whatever is in it: as it is. */
export async function writeBytesAtomically(path: string, content: string | Uint8Array): Promise<void> {
  // A name of its own for each writer: two processes may store the same baseline at once.
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`
  try {
    const file = await open(partial, 'w')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (cause) {
    await rm(partial, { force: true }).catch(() => undefined)
    throw notWritten(path, cause)
  }
  // The file is there and whole, so it is not told to be missing. Where its name does not outlive a power cut, whoever looks
  // for it then sees that, and a campaign runs it again.
  await syncFolder(dirname(path)).catch(() => undefined)
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function notWritten(path: string, cause: unknown): LlemError {
  return new LlemError(`${path} could not be written: ${messageOf(cause)}.`, {
    code: 'RESULT_NOT_WRITTEN',
    hint: adviceOn(cause),
    cause,
  })
}
