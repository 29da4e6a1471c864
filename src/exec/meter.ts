// What measures commands: opened before all that is only needed once it has read for a while, so that nobody waits for both.

import { LlemError } from '../core/errors.js'
import { openCpuInstead } from '../energy/cpu-instead.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'
import { beginCpuWindow, type CpuEnergyWindow } from '../energy/rapl-energy.js'
import { beginEnergyWindow, type EnergyWindow } from '../energy/window.js'
import type { CpuMeter } from '../native/cpu.js'
import type { WindowFiles } from '../native/sampler.js'

export interface MeterWishes {
  devices?: (number | string)[]
  intervalMs: number
  tickLocked?: boolean
  /** What cannot be measured is an error then. */
  requireEnergy?: boolean
}

/** What measures, or why nothing does: the GPUs; where none can be read, the CPU, and `why` says why not them. */
export type Meter = { libraryPath: string | undefined; simulated: boolean } & (
  | { opened: OpenedSampler; cpu: null; why: null }
  | { opened: null; cpu: CpuMeter | null; why: string }
)

/** The sampler, or why nothing can be measured here. Throws where the person asked for what cannot be had. */
export async function openMeter(
  wishes: MeterWishes,
  library: Pick<Meter, 'libraryPath' | 'simulated'>,
): Promise<Meter> {
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
    const wasAsked = devices !== null || wishes.requireEnergy
    if (wasAsked || !(error instanceof LlemError) || error.kind === 'usage') throw error
    const why = [error.message, error.hint].filter((part) => part !== null).join(' ')
    return { ...library, opened: null, cpu: null, why }
  }
}

/** Resolves once a window can be judged. */
export async function readyToMeasure({ opened, cpu }: Meter): Promise<void> {
  await (opened?.sampler ?? cpu)?.ready()
}

/** Opens a window now; null where nothing measures. The CPU's leaves no files. */
export function beginWindow(
  { opened, cpu, why }: Meter,
  files: WindowFiles,
): EnergyWindow | CpuEnergyWindow | null {
  if (opened !== null) return beginEnergyWindow(opened, files)
  return cpu === null ? null : beginCpuWindow(cpu, why)
}

/** Drops the windows that are open, and their files. */
export function closeMeter({ opened, cpu }: Meter): void {
  opened?.sampler.close()
  cpu?.close()
}
