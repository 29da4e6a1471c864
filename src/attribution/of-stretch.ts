import { methodOf } from '../energy/window-energy.js'
import { recomputePart } from '../native/recording.js'
import type { Method } from '../results/board.js'

/** The energy of a part of a window, or why there is none. */
export interface PartEnergy {
  energy_j: number | null
  /** k = 2, on these boards. */
  uncertainty_j: number | null
  /** The same with the boards' gain. */
  absolute_uncertainty_j: number | null
  method: Method | null
  /** Why `energy_j` is null; null when it is not. */
  reason: string | null
}

/** The energy of a stretch within a recorded window, by llem's own sampler: a piece of the window's own curve. Throws what reading its samples throws. */
export async function steadyEnergy(samplesPath: string, startNs: number, endNs: number): Promise<PartEnergy> {
  const report = await recomputePart(samplesPath, startNs, endNs)
  const reasons = new Set(
    report.devices.filter(({ totalJ }) => totalJ === undefined).map(({ reason }) => reason),
  )
  const energy_j = report.totalJ ?? null
  return {
    energy_j,
    uncertainty_j: report.uncertaintyJ ?? null,
    absolute_uncertainty_j: report.absoluteUncertaintyJ ?? null,
    method: methodOf(report.method),
    reason: energy_j === null ? [...reasons].join('; ') : null,
  }
}
