// Whether a result is still the one that was written. A campaign runs again what it cannot trust.

import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'

/** SHA-256 of a file in hex; null where there is none, or a folder in its place. Throws what else keeps it from being read. */
export function digestOf(path: string): string | null {
  const bytes = bytesOf(path)
  return bytes === null ? null : hash('sha256', bytes)
}

/** Why a result is not what its record says, in words; null where it is. `digest`: null in records that have none. */
export function damageOf(path: string, digest: string | null): string | null {
  const bytes = bytesOf(path)
  if (bytes === null) return existsSync(path) ? 'is a folder' : 'is gone'
  if (bytes.length === 0) return 'is empty'
  if (digest !== null)
    return hash('sha256', bytes) === digest ? null : 'is not what was written (its SHA-256 is another)'
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

/** Throws RESULT_INVALID where a result of a campaign is another than the one that was written, by the record beside its folder. */
export function refuseAltered(runDir: string): void {
  const record = join(dirname(runDir), 'run.json')
  if (!existsSync(record)) return
  const { result_path, result_sha256 } = told(record)
  const path = join(runDir, 'result.json')
  if (typeof result_path !== 'string' || typeof result_sha256 !== 'string') return
  if (basename(dirname(result_path)) !== basename(runDir)) return
  const why = damageOf(path, result_sha256)
  if (why === null) return
  throw new LlemError(`${path} ${why}, and is in no number`, {
    code: 'RESULT_INVALID',
    hint: 'Run the campaign again: it measures anew what it cannot trust.',
  })
}

/** A record that cannot be read tells nothing. */
function told(path: string): { result_path?: unknown; result_sha256?: unknown } {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) ?? {}
  } catch {
    return {}
  }
}
