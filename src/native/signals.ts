// The other half is crates/binding/src/watchdog.rs.

import { loadAddon } from './addon.js'

/**
 * How long the event loop may take to see a signal. A busy machine keeps it waiting for a second; with what follows on
 * a signal it is still ended within 5 s.
 */
const HELD_MS = 3000

/** Signals that Node listens to, watched from outside of its event loop. */
export interface SignalWatch {
  /** The event loop has seen one. */
  seen(): void
  close(): void
}

const NOBODY: SignalWatch = { seen: () => undefined, close: () => undefined }

/** To be called once Node listens. Without the addon nothing is measured, and nothing can hold the event loop. */
export async function watchSignals(limitMs: number = HELD_MS): Promise<SignalWatch> {
  const addon = await loadAddon().catch(() => null)
  if (addon === null) return NOBODY
  addon.watchSignals(limitMs)
  return { seen: () => addon.signalSeen(), close: () => addon.unwatchSignals() }
}
