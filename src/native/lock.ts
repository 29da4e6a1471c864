// The other half is crates/binding/src/lock.rs.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../core/errors.js'
import { type Claim, loadAddon } from './addon.js'
import { type FileLock, takeLease } from './lease.js'

export type { FileLock } from './lease.js'

/** What a file system without locks answers: EINVAL, ENOLCK, ENOSYS and EOPNOTSUPP, as Rust words them. */
const HAS_NO_LOCKS = /\(os error (22|37|38|95)\)/

/**
 * Takes the lock of a file, which is made if need be; null where another process holds it. Where the file system has no
 * locks, a lease does it. Throws LOCK_FAILED.
 */
export async function takeLock(path: string): Promise<FileLock | null> {
  const addon = await loadAddon()
  try {
    return addon.takeLock(path)
  } catch (cause) {
    if (!HAS_NO_LOCKS.test(messageOf(cause))) throw failed(path, cause)
  }
  try {
    return takeLease(path)
  } catch (cause) {
    throw failed(path, cause)
  }
}

/**
 * Claims a name below a folder of all users; null where somebody else has it and it is not to be shared. Throws LOCK_FAILED.
 */
export async function takeClaim(folder: string, name: string, shares: boolean): Promise<Claim | null> {
  const addon = await loadAddon()
  try {
    return addon.claim(folder, name, shares)
  } catch (cause) {
    throw failed(join(folder, name), cause)
  }
}

function failed(path: string, cause: unknown): LlemError {
  return new LlemError(`${path} cannot be locked: ${messageOf(cause)}.`, {
    code: 'LOCK_FAILED',
    hint: 'Move away what is in its place, or choose a folder on a local disk.',
    cause,
  })
}

/** How often a lock that somebody else holds is tried. */
const TRIED_EVERY_MS = 100

/** Waits until the lock of a file is held. `onWait` is called before each pause. Rejects when aborted, and LOCK_FAILED. */
export async function waitForLock(
  path: string,
  { signal, onWait }: { signal?: AbortSignal | undefined; onWait?: (() => void) | undefined } = {},
): Promise<FileLock> {
  for (;;) {
    signal?.throwIfAborted()
    const lock = await takeLock(path)
    if (lock !== null) return lock
    onWait?.()
    await sleep(TRIED_EVERY_MS, undefined, signal === undefined ? {} : { signal })
  }
}
