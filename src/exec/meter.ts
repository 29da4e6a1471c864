// What measures commands: opened before all that is only needed once it has read for a while, so that nobody waits for both.

import { LlemError } from '../core/errors.js'
import { claimGpus, type GpuClaims, waitTeller } from '../energy/claims.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'

export interface MeterWishes {
  devices?: (number | string)[]
  intervalMs: number
  tickLocked?: boolean
  /** What cannot be measured is an error then. */
  requireEnergy?: boolean
}

/** What measures, or why nothing does. */
export type Meter = { libraryPath: string | undefined; simulated: boolean } & (
  | { opened: OpenedSampler; claims: GpuClaims; why: null }
  | { opened: null; claims: null; why: string }
)

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
export async function openMeter(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
  say: (line: string) => void,
): Promise<Meter> {
  try {
    const opened = await openSampler({
      devices: wishes.devices ?? null,
      intervalMs: wishes.intervalMs,
      slowIntervalMs: 100,
      tickLocked: wishes.tickLocked ?? false,
      libraryPath: library.libraryPath,
    })
    const { simulated } = opened.machine
    // Until this process ends, which lets go of them.
    const claims = await claimGpus(opened.devices, {
      simulated,
      onWait: waitTeller((text) => say(`${text}.`)),
    })
    return { ...library, simulated, opened, claims, why: null }
  } catch (error) {
    const wasAsked = wishes.devices !== undefined || wishes.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    const why = [error.message, error.hint].filter((part) => part !== null).join(' ')
    return { ...library, opened: null, claims: null, why }
  }
}
