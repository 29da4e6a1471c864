// The energy of a window in its three parts: bare, parked, active.

import type { IdleOf } from '../energy/mig.js'
import type { EnergyBreakdown } from '../results/breakdown.js'
import type { Energy } from '../results/energy.js'
import { joulesOfDevices, uncertaintyOfDevices } from '../results/shares.js'
import type { Baseline } from './bare.js'
import { type Watts, wattsOf } from './level.js'
import type { Parked } from './parked.js'

interface LevelPower {
  device: { uuid: string }
  powerW: number
  uncertaintyW?: number | null
}

/** The bare level: before the model was loaded. */
export interface BareLevel
  extends Pick<Baseline, 'method' | 'measuredAt' | 'ageS' | 'disturbances' | 'modelLoaded' | 'serverRuns'> {
  powerW: number
  devices: readonly LevelPower[]
}

/** The level while parked, and why it is not subtracted. */
export interface ParkedLevel extends Pick<Parked, 'source' | 'durationS' | 'reason'> {
  devices: readonly LevelPower[] | null
}

interface Parts {
  /** The GPUs of one process; null: all that were measured. */
  uuids?: readonly string[] | null
  parked?: ParkedLevel | null
  outputTokens?: number | null
}

const NOT_MEASURED: ParkedLevel = {
  devices: null,
  source: null,
  durationS: null,
  reason: 'it was not measured',
}

/**
 * Takes the levels off, over the same window and devices. A level that was disturbed is told and not taken off. Null where
 * there is no energy to take it off.
 */
export function breakDown(
  energy: Energy | null,
  bare: BareLevel | null,
  { uuids = null, parked: measured = null, outputTokens = null }: Parts = {},
): EnergyBreakdown | null {
  const rawJ = energy === null ? null : joulesOfDevices(energy, uuids)
  if (energy === null || rawJ === null) return null
  const { duration_sec: seconds } = energy
  const parked = measured ?? NOT_MEASURED
  const [bareW, parkedW] = [
    wattsOfBare(bare, uuids),
    parked.devices === null ? null : wattsOf(parked.devices, uuids),
  ]
  const bareReason = whyNotBare(bare, bareW)
  const parkedReason = parked.reason ?? (parkedW === null ? 'one of the GPUs has no parked power' : null)
  const usable = (level: Watts | null, reason: string | null) => (reason === null ? level : null)
  const [own, loaded] = [usable(bareW, bareReason), usable(parkedW, parkedReason)]
  const bareJ = own === null ? null : own.powerW * seconds
  const parkedJ = own === null || loaded === null ? null : (loaded.powerW - own.powerW) * seconds
  // What is left of the parts, so that they add up to the last digit.
  const activeJ =
    loaded === null
      ? null
      : bareJ === null || parkedJ === null
        ? rawJ - loaded.powerW * seconds
        : rawJ - bareJ - parkedJ
  const activeUncertaintyJ = uncertaintyOf(loaded, uncertaintyOfDevices(energy, uuids), seconds)
  return {
    raw_j: rawJ,
    adjusted_j: bareJ === null ? null : rawJ - bareJ,
    baseline_power_w: bareW?.powerW ?? null,
    baseline_uncertainty_w: bareW?.uncertaintyW ?? null,
    baseline_method: bareW === null ? 'unavailable' : (bare?.method ?? 'unavailable'),
    baseline_timestamp: bare?.measuredAt ?? null,
    baseline_cache_age_sec: bare?.ageS ?? null,
    baseline_reason: bareReason,
    bare_j: bareJ,
    parked_power_w: parkedW?.powerW ?? null,
    parked_uncertainty_w: parkedW?.uncertaintyW ?? null,
    parked_source: parked.source,
    parked_duration_sec: parked.durationS,
    parked_j: parkedJ,
    parked_reason: parkedReason ?? bareReason,
    active_j: activeJ,
    active_uncertainty_j: activeUncertaintyJ,
    active_energy_per_output_token_j: ratio(activeJ, outputTokens),
    active_energy_per_output_token_uncertainty_j: ratio(activeUncertaintyJ, outputTokens),
  }
}

/** Null where one of the devices has none. */
function wattsOfBare(bare: BareLevel | null, uuids: readonly string[] | null): Watts | null {
  if (bare === null) return null
  const watts = wattsOf(bare.devices, uuids)
  // All together are what was said of them.
  return uuids === null ? { powerW: bare.powerW, uncertaintyW: watts?.uncertaintyW ?? null } : watts
}

/** The bare level of one GPU, or why it cannot be taken off. */
export function idleOfBare(bare: BareLevel | null): IdleOf {
  return (uuid) => {
    const watts = wattsOfBare(bare, [uuid])
    const reason = whyNotBare(bare, watts)
    return reason === null && watts !== null
      ? { idleW: watts.powerW, reason: null }
      : { idleW: null, reason: reason ?? 'the GPU has no baseline' }
  }
}

function whyNotBare(bare: BareLevel | null, watts: Watts | null): string | null {
  if (bare === null) return 'the power before the model was loaded is not known'
  if (watts === null) return 'one of the GPUs has no baseline'
  if (bare.serverRuns === true && bare.method === 'fresh')
    return 'the server ran before llem did, so that idle power was measured with its model in memory; `llem baseline measure` before the server is started keeps the power without it'
  const [disturbance] = bare.disturbances
  if (disturbance !== undefined) return `while idle power was measured, ${disturbance}`
  return bare.modelLoaded === true && bare.method === 'fresh'
    ? 'idle power was measured with the model of an earlier experiment in memory'
    : null
}

function uncertaintyOf(level: Watts | null, energyJ: number | null, seconds: number): number | null {
  if (level === null || level.uncertaintyW === null || energyJ === null) return null
  return Math.hypot(energyJ, level.uncertaintyW * seconds)
}

function ratio(amount: number | null, of: number | null): number | null {
  return amount === null || of === null || !(of > 0) ? null : amount / of
}
