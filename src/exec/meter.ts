// What measures commands: opened before all that is only needed once it has read for a while, so that nobody waits for both.

import { LlemError } from '../core/errors.js'
import { claimGpus, type GpuClaims, waitTeller } from '../energy/claims.js'
import type { ExternalAsked, ExternalMeters } from '../energy/external/open.js'
import { type OpenedSampler, openSampler, openSensors } from '../energy/open.js'

export interface MeterWishes {
  devices?: (number | string)[]
  intervalMs: number
  tickLocked?: boolean
  /** What cannot be measured is an error then. */
  requireEnergy?: boolean
  /** Meters outside of the GPUs. */
  external?: readonly ExternalAsked[]
}

/** What measures, or why nothing does. */
export type Meter = { libraryPath: string | undefined; simulated: boolean } & (
  | { opened: OpenedSampler; claims: GpuClaims; external: ExternalMeters | null; why: null }
  | { opened: null; claims: null; external: null; why: string }
)

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
export async function openMeter(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
  tell: (text: string) => void = () => undefined,
): Promise<Meter> {
  let opened: OpenedSampler
  try {
    opened = await openSampler({
      devices: wishes.devices ?? null,
      intervalMs: wishes.intervalMs,
      slowIntervalMs: 100,
      tickLocked: wishes.tickLocked ?? false,
      libraryPath: library.libraryPath,
    })
  } catch (error) {
    const wasAsked = wishes.devices !== undefined || wishes.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    const why = [error.message, error.hint].filter((part) => part !== null).join(' ')
    // A GPU that is simulated has no place among the sensors of this machine.
    const sensors = library.simulated ? null : await openSensors(why)
    if (sensors === null) {
      // What a node draws would stand beside nothing.
      const unread = wishes.external?.length ? ' The meters of --external are not read without it.' : ''
      return { ...library, opened: null, claims: null, external: null, why: `${why}${unread}` }
    }
    opened = sensors
  }
  try {
    const { simulated } = opened.machine
    const claims = await claimGpus(opened.devices, {
      simulated,
      onWait: waitTeller((text) => tell(`${text}.`)),
    })
    const external = await openExternal(wishes.external ?? [], tell)
    return { ...library, simulated, opened, claims, external, why: null }
  } catch (error) {
    opened.sampler.close()
    throw error
  }
}

/** Ends what measures; always resolves. */
export async function closeMeter({ opened, claims, external }: Meter): Promise<void> {
  opened?.sampler.close()
  claims?.release()
  await external?.close()
}

async function openExternal(
  asked: readonly ExternalAsked[],
  tell: (text: string) => void,
): Promise<ExternalMeters | null> {
  if (asked.length === 0) return null
  const { ExternalMeters } = await import('../energy/external/open.js')
  return await ExternalMeters.open(asked, { tell })
}
