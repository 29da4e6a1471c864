import type { EnergyBackendName } from '../core/energy-backends.js'
import { dataDir } from '../core/paths.js'
import { describePassedOver } from '../energy/describe-selection.js'
import { cudaDeviceOrderOfChildren } from '../energy/devices.js'
import type { ExternalAsked } from '../energy/external/open.js'
import { type Meter, openMeter } from '../energy/meter.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { BY_NODES } from './node-meters.js'

/**
 * What an experiment measures with. `reason`: why its energy is null, also where that is what was asked for; then what
 * reads the GPUs goes on reading temperature, throttling and power over time.
 */
export type EnergyMeter = { meter: Meter; reason: string | null } | { meter: null; reason: string }

/** Of an experiment's configuration, what measuring energy depends on. */
export interface EnergyConfig {
  energy: {
    backend: EnergyBackendName | 'auto' | null
    devices: (number | string)[] | null
    interval_ms: number
    slow_interval_ms: number
    tick_locked: boolean
    approx_instant_energy: boolean
    external: ExternalAsked | ExternalAsked[] | null
    nodes: object | null
  }
  carbon: { country: string | null; intensity_gco2_kwh: number | null }
  python: string | null
}

/**
 * Starts measuring energy. With `auto`, a machine without a GPU is not an error: the experiment goes on and says
 * why its energy is null. A backend or device that was asked for by name must be there.
 */
export async function openEnergyMeter(
  { energy, carbon, python }: EnergyConfig,
  {
    libraryPath,
    simulated,
    observer,
    signal,
    ownContainer = null,
    cudaVisibleDevices,
  }: {
    libraryPath: string | undefined
    simulated: boolean
    observer: Observer
    signal: AbortSignal | undefined
    /** Where the inference runs, if in a container. */
    ownContainer?: string | null
    /** That of the inference. */
    cudaVisibleDevices?: string | undefined
  },
): Promise<EnergyMeter> {
  if (energy.nodes !== null) return { meter: null, reason: BY_NODES }
  const meter = await openMeter({
    signal,
    backend: energy.backend,
    devices: energy.devices,
    intervalMs: energy.interval_ms,
    slowIntervalMs: energy.slow_interval_ms,
    tickLocked: energy.tick_locked,
    ownContainer,
    options: {
      approx_instant_energy: energy.approx_instant_energy,
      country: carbon.country,
      intensity_gco2_kwh: carbon.intensity_gco2_kwh,
    },
    python,
    dataDir: dataDir(),
    libraryPath,
    cudaDeviceOrder: cudaDeviceOrderOfChildren(),
    cudaVisibleDevices,
    simulated,
    external: [energy.external ?? []].flat(),
    tell: (text) => observer.note(text),
    log: (line) => observer.detail(line),
  }).catch((error: unknown) => {
    stopIfInterrupted(signal)
    throw error
  })
  for (const note of meter.opened?.notes ?? []) observer.note(`Note: ${note}`)
  if (meter.backend === null && meter.sensors === null && energy.external !== null)
    observer.note(
      'energy.external is not read (non-fatal): no energy is measured that it would stand beside.',
    )
  if (meter.selection === null) return lookingOn(meter, observer)
  const passedOver = describePassedOver(meter.selection)
  observer.detail(
    `Energy backend: ${meter.selection.chosen ?? 'none'}${passedOver === '' ? '' : `; passed over: ${passedOver}`}`,
  )
  if (meter.backend !== null) return { meter, reason: null }
  const { openedError } = meter
  const hint = openedError?.hint ?? ''
  const reason = `No energy backend works here: ${passedOver}. ${hint}`.trim()
  observer.note(`Energy will be null (non-fatal): ${reason}`)
  return meter.sensors === null ? { meter: null, reason } : { meter, reason }
}

/** No energy is accounted for. A machine without a GPU has then nothing to look at, which is no problem. */
function lookingOn(meter: Meter, observer: Observer): EnergyMeter {
  const reason = 'energy measurement is disabled (energy.backend: null)'
  if (meter.openedError !== null) observer.detail(`Nothing reads the GPUs: ${meter.openedError.message}`)
  return meter.opened === null ? { meter: null, reason } : { meter, reason }
}
