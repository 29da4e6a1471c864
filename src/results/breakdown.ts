import { z } from 'zod'

// The raw energy of a window in the three parts that it is made of: what the GPUs draw anyway (bare), what a loaded model
// costs while nothing runs (parked), and what the work itself costs (active). Joules, watts.

const joules = z.number().nullable()
const watts = z.number().nullable()

/** Where the level while parked was measured. */
export const PARKED_SOURCES = ['thermal_floor', 'before_window'] as const

export const energyBreakdownSchema = z.object({
  raw_j: z.number(),
  /** Over bare: raw_j - baseline_power_w x duration; negative values are kept. */
  adjusted_j: joules,
  /** The bare level: before the model is loaded. Told also where it was disturbed, and then not subtracted. */
  baseline_power_w: watts,
  /** How far it may be off (k = 2). */
  baseline_uncertainty_w: watts.default(null),
  baseline_method: z.enum(['fresh', 'cached', 'unavailable']),
  baseline_timestamp: z.string().nullable(),
  baseline_cache_age_sec: z.number().nullable(),
  /** Why adjusted_j and bare_j are null; null where they are not. */
  baseline_reason: z.string().nullable().default(null),
  /** baseline_power_w x duration. bare_j + parked_j + active_j = raw_j. */
  bare_j: joules.default(null),
  /** The level while parked: the model is in memory and nothing runs. Told also where it drifted, and then not subtracted. */
  parked_power_w: watts.default(null),
  /** How far it may be off (k = 2). */
  parked_uncertainty_w: watts.default(null),
  /** "thermal_floor": once the power was flat in it; "before_window": in the seconds before the window. */
  parked_source: z.enum(PARKED_SOURCES).nullable().default(null),
  /** For how long that was, in seconds. */
  parked_duration_sec: z.number().nullable().default(null),
  /** (parked_power_w - baseline_power_w) x duration. */
  parked_j: joules.default(null),
  /** Why parked_j or active_j is null; null where neither is. */
  parked_reason: z.string().nullable().default(null),
  /** The rest: raw_j - parked_power_w x duration. Known without the bare level; negative values are kept. */
  active_j: joules.default(null),
  /** How far it may be off (k = 2) on these boards. */
  active_uncertainty_j: joules.default(null),
  /** Of the whole run, over its output tokens. */
  active_energy_per_output_token_j: joules.default(null),
  active_energy_per_output_token_uncertainty_j: joules.default(null),
})
export type EnergyBreakdown = z.infer<typeof energyBreakdownSchema>
