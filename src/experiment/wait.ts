import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../core/errors.js'
import type { Observer } from './observer.js'

/** Waits so many seconds, visibly. Resolves with the seconds that really passed; rejects when interrupted. */
export async function waitVisibly(
  label: string,
  seconds: number,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<number> {
  const start = performance.now()
  const elapsedS = () => (performance.now() - start) / 1000
  const progress = observer.progress({ label, total: seconds, unit: 's' })
  try {
    while (elapsedS() < seconds) {
      await sleep(Math.min(1000, Math.ceil((seconds - elapsedS()) * 1000)), undefined, { signal })
      progress.update(Math.min(seconds, Math.round(elapsedS())))
    }
  } catch (cause) {
    throw interrupted(cause)
  } finally {
    progress.stop()
  }
  return elapsedS()
}

/** Ctrl-C, or whatever else aborted the experiment. */
export function interrupted(cause: unknown, hint: string | null = null): LlemError {
  return new LlemError('The experiment was interrupted.', { code: 'INTERRUPTED', hint, cause })
}

/** Between two steps: goes no further once the experiment was interrupted. */
export function stopIfInterrupted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw interrupted(signal.reason)
}
