// What measures commands: opened before all that is only needed once it has read for a while, so that nobody waits for both.

import { LlemError } from '../core/errors.js'
import { type OpenedSampler, openSampler, openSensors } from '../energy/open.js'

export interface MeterWishes {
  devices?: (number | string)[]
  intervalMs: number
  tickLocked?: boolean
  /** What cannot be measured is an error then. */
  requireEnergy?: boolean
}

/** What measures, or why nothing does. */
export type Meter = { libraryPath: string | undefined; simulated: boolean } & (
  | { opened: OpenedSampler; why: null }
  | { opened: null; why: string }
)

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
export async function openMeter(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
): Promise<Meter> {
  try {
    const opened = await openSampler({
      devices: wishes.devices ?? null,
      intervalMs: wishes.intervalMs,
      slowIntervalMs: 100,
      tickLocked: wishes.tickLocked ?? false,
      libraryPath: library.libraryPath,
    })
    return { ...library, simulated: opened.machine.simulated, opened, why: null }
  } catch (error) {
    const wasAsked = wishes.devices !== undefined || wishes.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    const why = [error.message, error.hint].filter((part) => part !== null).join(' ')
    // A GPU that is simulated has no place among the sensors of this machine.
    const sensors = library.simulated ? null : await openSensors(why)
    return sensors === null
      ? { ...library, opened: null, why }
      : { ...library, simulated: false, opened: sensors, why: null }
  }
}
