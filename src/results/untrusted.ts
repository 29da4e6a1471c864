import { z } from 'zod'

/** What others count of a node beside llem: kept as they say it, and part of no other number. */
export const untrustedEnergySchema = z.object({
  source: z.enum(['slurm', 'cray_pm_counters']),
  /** As the source calls it: "ConsumedEnergyRaw", "energy", "accel0_energy". */
  counter: z.string(),
  /** The difference between two readings; null where there is none. */
  energy_j: z.number().nullable(),
  /** Between those two readings by the source's own time, which is not that of the window; null where it does not tell. */
  seconds: z.number().nullable(),
  /** What it is of, or why there is none. */
  reason: z.string(),
})
export type UntrustedEnergy = z.infer<typeof untrustedEnergySchema>
