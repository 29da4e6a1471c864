// No GPU can be read, and none was asked for: the CPU in its place, or both reasons.

import { LlemError } from '../core/errors.js'
import type { CpuMeter } from '../native/cpu.js'
import type { Sampler } from '../native/sampler.js'
import { openSensors } from './open.js'
import { openCpu } from './open-cpu.js'

interface AskedFor {
  /** GPUs that were named; null: none was. */
  devices: readonly unknown[] | null
  /** A library of GPUs that was named; undefined: none was. */
  libraryPath: string | undefined
}

/** What reads the CPU, with why no GPU is read; or what to throw. */
export type CpuInstead = { meter: CpuMeters; error: LlemError } | { meter: null; error: unknown }

/** The CPU's counters, and beside them the sensors that are of no GPU. */
export class CpuMeters {
  constructor(
    readonly cpu: CpuMeter,
    readonly sensors: Sampler | null,
  ) {}

  /** Resolves once a window can be judged. */
  async ready(): Promise<void> {
    await Promise.all([this.cpu.ready(), this.sensors?.ready()])
  }

  close(): void {
    this.cpu.close()
    this.sensors?.close()
  }
}

/** `failure`: what openSampler threw. Whoever asked for GPUs gets that and no CPU. */
export async function openCpuInstead(
  failure: unknown,
  { devices, libraryPath }: AskedFor,
): Promise<CpuInstead> {
  if (!(failure instanceof LlemError) || failure.kind === 'usage') return { meter: null, error: failure }
  const wasAsked = devices !== null || libraryPath !== undefined
  // What could not be loaded for the GPUs is what reads the CPU too.
  if (wasAsked || failure.code === 'ADDON_UNAVAILABLE') return { meter: null, error: failure }
  const { meter, reason } = await openCpu()
  if (meter !== null) {
    const sensors = await openSensors(failure.message)
    return { meter: new CpuMeters(meter, sensors?.sampler ?? null), error: failure }
  }
  const { code, hint, kind, cause } = failure
  const error = new LlemError(
    `${failure.message.replace(/\.$/, '')}. Nor can the CPU's energy be read in its place: ${reason}.`,
    { code, hint, kind, cause },
  )
  return { meter: null, error }
}
