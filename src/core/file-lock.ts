// A lock between processes: a file that exists while somebody holds it. Its holder touches it, so that one who was
// killed does not hold it for ever; on the same host a holder that is gone is seen at once.

import { randomBytes } from 'node:crypto'
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const TOUCHED_EVERY_MS = 2000
/** A holder that has not touched it for so long is gone: five times missed. */
const STALE_MS = 10_000
const TRIED_EVERY_MS = 200

export interface FileLock {
  release(): Promise<void>
}

/**
 * Waits until the lock is held. `onWait` is called before each pause. Rejects when aborted, and with what the file system
 * says where no lock can be made there.
 */
export async function lockFile(
  path: string,
  { signal, onWait }: { signal?: AbortSignal | undefined; onWait?: () => void } = {},
): Promise<FileLock> {
  for (;;) {
    signal?.throwIfAborted()
    const lock = await tryLockFile(path)
    if (lock !== null) return lock
    onWait?.()
    await sleep(TRIED_EVERY_MS, undefined, signal === undefined ? {} : { signal })
  }
}

/** The lock, or null where somebody else holds it. */
export async function tryLockFile(path: string): Promise<FileLock | null> {
  const mine = `${process.pid} ${hostname()} ${randomBytes(8).toString('hex')}\n`
  if (!(await create(path, mine))) {
    if (!(await isStale(path)) || !(await remove(path)) || !(await create(path, mine))) return null
  }
  const touching = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => undefined)
  }, TOUCHED_EVERY_MS)
  // A process that has nothing else to do need not live for it.
  touching.unref()
  return {
    async release() {
      clearInterval(touching)
      // Whoever was asleep for longer than it takes to be given up removes nothing of its successor's.
      if ((await readFile(path, 'utf8').catch(() => '')) === mine) await rm(path, { force: true })
    },
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx')
    await file.writeFile(text).finally(() => file.close())
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isStale(path: string): Promise<boolean> {
  const [text, state] = await Promise.all([
    readFile(path, 'utf8').catch(() => ''),
    stat(path).catch(() => null),
  ])
  if (state === null) return false
  const [pid, host] = text.split(/\s/)
  return Date.now() - state.mtimeMs > STALE_MS || (host === hostname() && !isAlive(Number(pid)))
}

/** Takes a stale lock away. False where another one was faster and has made it anew by now. */
async function remove(path: string): Promise<boolean> {
  const aside = `${path}.${randomBytes(4).toString('hex')}`
  try {
    await rename(path, aside)
  } catch {
    return true
  }
  const wasStale = await isStale(aside)
  // Given back, unless a third one holds it by now.
  if (!wasStale) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
  return wasStale
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
