// Whether a result is still the one that was written. A campaign runs again what it cannot trust.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '../core/errors.js'

/** SHA-256 of a file in hex; null where there is none, or a folder in its place. Throws what else keeps it from being read. */
export function digestOf(path: string): string | null {
  const bytes = bytesOf(path)
  return bytes === null ? null : createHash('sha256').update(bytes).digest('hex')
}

/** Why a result is not what its record says, in words; null where it is. `digest`: null in records that have none. */
export function damageOf(path: string, digest: string | null): string | null {
  const bytes = bytesOf(path)
  if (bytes === null) return existsSync(path) ? 'is a folder' : 'is gone'
  if (bytes.length === 0) return 'is empty'
  if (digest !== null)
    return createHash('sha256').update(bytes).digest('hex') === digest
      ? null
      : 'is not what was written (its SHA-256 is another)'
  try {
    const content: unknown = JSON.parse(bytes.toString('utf8'))
    const version = (content as { schema_version?: unknown } | null)?.schema_version
    return typeof version === 'string' ? null : 'is no result of llem: it has no schema_version'
  } catch (error) {
    return `is no JSON (${messageOf(error)})`
  }
}

/** A disk that cannot be read now says nothing of what is on it, so only these two count as damage. */
function bytesOf(path: string): Buffer | null {
  try {
    return readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'EISDIR' || code === 'ENOTDIR') return null
    throw error
  }
}
