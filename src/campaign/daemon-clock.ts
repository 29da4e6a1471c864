import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../progress/wait.js'

/** The wall clock, by which people set schedules; a test hands in its own. */
export interface Clock {
  nowMs(): number
  /** Resolves when the clock shows that time or later. Rejects with INTERRUPTED when the signal is given. */
  sleepUntil(atMs: number, signal: AbortSignal | undefined): Promise<void>
}

/**
 * The machine's clock. A timer counts neither the time that the machine sleeps nor a clock that is set, and none longer
 * than 24 days, so the clock is looked at again and again.
 */
export function wallClock({ lookEveryMs = 10_000 }: { lookEveryMs?: number } = {}): Clock {
  return {
    nowMs: () => Date.now(),
    async sleepUntil(atMs, signal) {
      try {
        signal?.throwIfAborted()
        for (;;) {
          const leftMs = atMs - Date.now()
          if (leftMs <= 0) return
          await sleep(Math.min(leftMs, lookEveryMs), undefined, { signal })
        }
      } catch (cause) {
        throw interrupted(cause)
      }
    },
  }
}
