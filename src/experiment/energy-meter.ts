import { LlemError, messageOf } from '../core/errors.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'
import type { Observer } from './observer.js'

/** The sampler of an experiment, or why there is none. */
export type EnergyMeter = { opened: OpenedSampler; reason: null } | { opened: null; reason: string }

export interface EnergyConfig {
  backend: 'auto' | 'nvml' | null
  devices: (number | string)[] | null
  interval_ms: number
  slow_interval_ms: number
  tick_locked: boolean
}

/**
 * Starts measuring energy. With `auto`, a machine without a GPU is not an error: the experiment goes on and says
 * why its energy is null. A backend or device that was asked for by name must be there.
 */
export async function openEnergyMeter(
  config: EnergyConfig,
  {
    libraryPath,
    simulated,
    observer,
  }: { libraryPath: string | undefined; simulated: boolean; observer: Observer },
): Promise<EnergyMeter> {
  if (config.backend === null) {
    return { opened: null, reason: 'energy measurement is disabled (energy.backend: null)' }
  }
  try {
    const opened = await openSampler({
      devices: config.devices,
      intervalMs: config.interval_ms,
      slowIntervalMs: config.slow_interval_ms,
      tickLocked: config.tick_locked,
      libraryPath,
    })
    for (const note of opened.notes) observer.note(`Note: ${note}`)
    return { opened, reason: null }
  } catch (error) {
    // What the person asked for and cannot have is an error, whatever else would have worked.
    const asked = config.backend === 'nvml' || config.devices !== null || simulated
    if (!(error instanceof LlemError)) throw error
    if (asked) throw asUsageError(error, config.backend)
    const reason = `${messageOf(error)} ${error.hint ?? ''}`.trim()
    observer.note(`Energy will be null (non-fatal): ${reason}`)
    return { opened: null, reason }
  }
}

function asUsageError(error: LlemError, backend: string | null): LlemError {
  if (backend !== 'nvml') return error
  return new LlemError(`The energy backend nvml is not available here: ${error.message}`, {
    code: 'ENERGY_BACKEND_UNAVAILABLE',
    hint: `${error.hint ?? ''} Or set energy.backend to auto, or to null to disable.`.trim(),
    kind: 'usage',
    cause: error,
  })
}
