// What measures commands: opened before all that is only needed once it has read for a while, so that nobody waits for both.

import { LlemError } from '../core/errors.js'
import { claimGpus, type GpuClaims, waitTeller } from '../energy/claims.js'
import { type CpuMeters, openCpuInstead } from '../energy/cpu-instead.js'
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

const DRIVER_FAULTS = new Set(['NVML_SILENT', 'NVML_CRASHED'])

/** What is held and read beside what measures. */
interface Beside {
  claims: GpuClaims
  external: ExternalMeters | null
}

/** What measures, or why nothing does: the GPUs; where none can be read, the CPU, and `why` says why not them. */
export type Meter = { libraryPath: string | undefined; simulated: boolean } & (
  | (Beside & { opened: OpenedSampler; cpu: null; why: null })
  | (Beside & { opened: null; cpu: CpuMeters; why: string })
  | { opened: null; cpu: null; claims: null; external: null; why: string }
)

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
export async function openMeter(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
  tell: (text: string) => void = () => undefined,
): Promise<Meter> {
  const meter = await openInside(wishes, library)
  if (meter.opened === null && meter.cpu === null) {
    // What a node draws would stand beside nothing.
    const unread = wishes.external?.length ? ' The meters of --external are not read without it.' : ''
    return { ...meter, claims: null, external: null, why: `${meter.why}${unread}` }
  }
  try {
    const claims = await claimGpus(meter.opened?.devices ?? [], {
      simulated: meter.simulated,
      onWait: waitTeller((text) => tell(`${text}.`)),
    })
    return { ...meter, claims, external: await openExternal(wishes.external ?? [], tell) }
  } catch (error) {
    meter.opened?.sampler.close()
    meter.cpu?.close()
    throw error
  }
}

/** What measures inside of the machine. */
type Inside = { libraryPath: string | undefined; simulated: boolean } & (
  | { opened: OpenedSampler; cpu: null; why: null }
  | { opened: null; cpu: CpuMeters; why: string }
  | { opened: null; cpu: null; why: string }
)

/** The GPUs, else the CPU, else sensors that are of neither, else nothing and why. */
async function openInside(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
): Promise<Inside> {
  const devices = wishes.devices ?? null
  try {
    const opened = await openSampler({
      devices,
      intervalMs: wishes.intervalMs,
      slowIntervalMs: 100,
      tickLocked: wishes.tickLocked ?? false,
      libraryPath: library.libraryPath,
    })
    return { ...library, simulated: opened.machine.simulated, opened, cpu: null, why: null }
  } catch (failure) {
    const { meter: cpu, error } = await openCpuInstead(failure, { devices, ...library })
    if (cpu !== null) return { ...library, opened: null, cpu, why: error.message }
    // A driver that fails is nothing that somebody typed: the command runs all the same.
    const isDriver = error instanceof LlemError && DRIVER_FAULTS.has(error.code)
    const wasAsked = (devices !== null && !isDriver) || wishes.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    const why = [error.message, error.hint].filter((part) => part !== null).join(' ')
    // A GPU that is simulated has no place among the sensors of this machine.
    const sensors = library.simulated ? null : await openSensors(why)
    return sensors === null
      ? { ...library, opened: null, cpu: null, why }
      : { ...library, simulated: false, opened: sensors, cpu: null, why: null }
  }
}

/** Resolves once a window can be judged. */
export async function readyToMeasure({ opened, cpu }: Meter): Promise<void> {
  await (opened?.sampler ?? cpu)?.ready()
}

/** Drops the windows that are open, and their files, and ends what measures; always resolves. */
export async function closeMeter({ opened, cpu, claims, external }: Meter): Promise<void> {
  opened?.sampler.close()
  cpu?.close()
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
