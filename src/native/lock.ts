// The other half is crates/binding/src/lock.rs.

import { LlemError, messageOf } from '../core/errors.js'
import { loadAddon } from './addon.js'

/** A held lock. It goes with the process, however that ends. */
export interface FileLock {
  release(): void
}

/** Takes the lock of a file, which is made if need be; null where another process holds it. Throws LOCK_FAILED. */
export async function takeLock(path: string): Promise<FileLock | null> {
  const addon = await loadAddon()
  try {
    return addon.takeLock(path)
  } catch (cause) {
    throw new LlemError(`${path} cannot be locked: ${messageOf(cause)}.`, {
      code: 'LOCK_FAILED',
      hint: 'Choose a folder on a local disk.',
      cause,
    })
  }
}
