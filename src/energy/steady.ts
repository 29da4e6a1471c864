import { recomputePart } from '../native/recording.js'

/** The energy of a part of a window, or why there is none. */
export interface PartEnergy {
  energy_j: number | null
  /** k = 2, without the boards' gain. */
  uncertainty_j: number | null
  method: 'counter' | 'integral' | null
  /** Why `energy_j` is null; null when it is not. */
  reason: string | null
}

/** The energy of a stretch within a recorded window, by llem's own sampler. Throws what reading its samples throws. */
export async function steadyEnergy(samplesPath: string, startNs: number, endNs: number): Promise<PartEnergy> {
  const report = await recomputePart(samplesPath, startNs, endNs)
  const method = report.method === 'counter' || report.method === 'integral' ? report.method : null
  const reasons = new Set(
    report.devices.filter(({ totalJ }) => totalJ === undefined).map(({ reason }) => reason),
  )
  const energy_j = report.totalJ ?? null
  return {
    energy_j,
    uncertainty_j: report.uncertaintyJ ?? null,
    method,
    reason: energy_j === null ? [...reasons].join('; ') : null,
  }
}
