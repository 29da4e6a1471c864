// Bare, parked and active energy must add up to the raw energy, and be what their levels come to over the window.

import type { EnergyBreakdown } from '../results/breakdown.js'
import type { Energy } from '../results/energy.js'
import { type Check, check } from './check.js'

const RESULT = 'result.json'

/** `energyJ`: of all devices, or of those of one process. */
export function checksOfBreakdown(
  breakdown: EnergyBreakdown | null,
  path: string,
  energy: Energy | null,
  energyJ: number | null,
): Check[] {
  if (breakdown === null || energy === null)
    return [check(`${path}.raw_j`, RESULT, breakdown?.raw_j ?? null, energyJ)]
  const { raw_j, adjusted_j, baseline_power_w: baselineW, baseline_reason } = breakdown
  const bareJ = baselineW === null || baseline_reason !== null ? null : baselineW * energy.duration_sec
  return [
    check(`${path}.raw_j`, RESULT, raw_j, energyJ),
    check(`${path}.adjusted_j`, RESULT, adjusted_j, bareJ === null ? null : raw_j - bareJ, { scale: raw_j }),
    ...checksOfLevels(breakdown, path, energy.duration_sec),
  ]
}

/** An older llem knew no level but the bare one. */
function checksOfLevels(breakdown: EnergyBreakdown, path: string, seconds: number): Check[] {
  const { raw_j, bare_j, parked_j, active_j, parked_power_w: parkedW } = breakdown
  if (active_j === null || parkedW === null) return []
  const scale = { scale: raw_j }
  const sum = bare_j === null || parked_j === null ? [] : [bare_j + parked_j + active_j]
  return [
    check(`${path}.active_j`, RESULT, active_j, raw_j - parkedW * seconds, scale),
    ...sum.map((parts) => check(`${path}: bare, parked and active`, RESULT, raw_j, parts, scale)),
  ]
}
