import type { Device } from '../native/addon.js'
import { type FileLock, waitForLock } from '../native/lock.js'
import { lateProgress } from '../progress/late-progress.js'
import type { Observer } from '../progress/observer.js'
import { interrupted } from '../progress/wait.js'
import { lockPathOf } from './cache.js'

/**
 * Does `work` while no other llem measures the idle power of these devices: two at once would do the same work, and one
 * that is done loads its model into the other's baseline. Waits visibly, for as long as the other one lives. Where no
 * lock can be made, it goes without.
 */
export async function withBaselineLock<T>(
  devices: readonly Device[],
  driver: string,
  { observer, signal, limitS }: { observer: Observer; signal: AbortSignal | undefined; limitS: number },
  work: () => Promise<T>,
): Promise<T> {
  const locks: FileLock[] = []
  try {
    // In one order for everybody: two that want the same devices never wait for each other.
    const ordered = [...devices].sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
    for (const device of ordered) {
      const lock = await waitFor(device, driver, { observer, signal, limitS })
      if (lock !== null) locks.push(lock)
    }
    return await work()
  } finally {
    for (const lock of locks) lock.release()
  }
}

async function waitFor(
  device: Device,
  driver: string,
  { observer, signal, limitS }: { observer: Observer; signal: AbortSignal | undefined; limitS: number },
): Promise<FileLock | null> {
  const label = `Waiting for another llem that measures the idle power of GPU ${device.index}`
  const progress = lateProgress(observer, { label, total: limitS, unit: 's', isLimit: true })
  const startMs = performance.now()
  const onWait = () => progress.update(Math.min(limitS, Math.round((performance.now() - startMs) / 1000)))
  try {
    return await waitForLock(lockPathOf(device, driver), { signal, onWait })
  } catch (error) {
    if (signal?.aborted) throw interrupted(error)
    return null
  } finally {
    progress.stop()
  }
}
