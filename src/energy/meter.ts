// What an experiment measures with: llem's own sampler, which always runs where it can, and the backend that was chosen.

import type { EnergyBackendName } from '../core/energy-backends.js'
import type { LlemError } from '../core/errors.js'
import type { Selection } from '../results/energy.js'
import type { EnergyBackend } from './backends/backend.js'
import { NvmlBackend } from './backends/nvml.js'
import { energyBackend } from './backends/registry.js'
import type { ExternalAsked, ExternalMeters } from './external/open.js'
import { beginMeterWindow, type MeterWindow, type MeterWindowOptions } from './meter-window.js'
import { type OpenedSampler, openSensors } from './open.js'
import { selectBackend } from './select.js'
import { openSurroundings, type SurroundingsWishes } from './surroundings.js'

export interface MeterWishes extends SurroundingsWishes {
  /** The GPUs that are simulated must be there, as those that were asked for by name. */
  simulated: boolean
  /** Meters outside of the GPUs, which are read where energy is accounted for. */
  external?: readonly ExternalAsked[]
  /** Gets what is waited for. */
  tell?: ((text: string) => void) | undefined
}

export interface Meter {
  /** Null where only another backend can read the devices, and `openedError` says why. */
  opened: OpenedSampler | null
  openedError: LlemError | null
  /** Sensors of no GPU, where no GPU can be read and energy is asked for; beside a backend, or alone. */
  sensors: OpenedSampler | null
  /** Null where nothing can read them, and where no energy is asked for. */
  backend: EnergyBackend | null
  /** Null where no energy is asked for. */
  selection: Selection | null
  begin(options?: MeterWindowOptions): Promise<MeterWindow>
  /** Always resolves. */
  close(): Promise<void>
}

/**
 * Opens llem's own sampler and chooses the backend. Throws ENERGY_BACKEND_UNAVAILABLE where one was named and cannot
 * read the devices, and what openSampler throws where devices were asked for that it cannot have.
 */
export async function openMeter(wishes: MeterWishes): Promise<Meter> {
  const { native, surroundings } = await openSurroundings(wishes)
  // What the person asked for and cannot have is an error, whatever else would work.
  if (native.error !== null && wishes.backend !== 'nvml' && (wishes.devices !== null || wishes.simulated))
    throw native.error
  // A GPU that is simulated has no place among the sensors of this machine.
  const sensors =
    native.error === null || wishes.backend === null || wishes.simulated
      ? null
      : await openSensors(native.error.message)
  const own = new NvmlBackend(surroundings.native)
  const create = (name: EnergyBackendName) =>
    name === 'nvml' ? own : energyBackend(name).create(surroundings)
  try {
    const { backend, selection } =
      wishes.backend === null
        ? { backend: null, selection: null }
        : await selectBackend(wishes.backend, create)
    const external =
      backend === null && sensors === null
        ? null
        : await openExternal(wishes).catch(async (failure: unknown) => {
            await backend?.close()
            throw failure
          })
    return {
      opened: native.opened,
      openedError: native.error,
      sensors,
      backend,
      selection,
      begin: (options) => beginMeterWindow({ backend, own, sensors, selection, external }, options),
      async close() {
        await Promise.all([backend?.close(), external?.close()])
        native.opened?.sampler.close()
        sensors?.sampler.close()
      },
    }
  } catch (failure) {
    native.opened?.sampler.close()
    sensors?.sampler.close()
    throw failure
  }
}

/** Null where none was asked for. Throws EXTERNAL_METER_NOT_STARTED. */
async function openExternal({
  external = [],
  tell = () => undefined,
  log,
  signal,
}: MeterWishes): Promise<ExternalMeters | null> {
  if (external.length === 0) return null
  const { ExternalMeters } = await import('./external/open.js')
  return await ExternalMeters.open(external, { tell, log, signal })
}
