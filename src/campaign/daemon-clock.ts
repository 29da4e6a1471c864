import { setTimeout as sleep } from 'node:timers/promises'
import { interrupted } from '../experiment/wait.js'

/** The wall clock, by which people set schedules; a test hands in its own. */
export interface Clock {
  nowMs(): number
  /** Resolves when the clock shows that time or later. Rejects with INTERRUPTED when the signal is given. */
  sleepUntil(atMs: number, signal: AbortSignal | undefined): Promise<void>
}

/** A timer counts neither the time that a machine sleeps nor a clock that is set, so the clock is looked at again. */
const LOOK_EVERY_MS = 10_000

export const wallClock: Clock = {
  nowMs: () => Date.now(),
  async sleepUntil(atMs, signal) {
    try {
      signal?.throwIfAborted()
      for (;;) {
        const leftMs = atMs - Date.now()
        if (leftMs <= 0) return
        await sleep(Math.min(leftMs, LOOK_EVERY_MS), undefined, { signal })
      }
    } catch (cause) {
      throw interrupted(cause)
    }
  },
}
