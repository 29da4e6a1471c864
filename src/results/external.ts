// Energy by a meter outside of the GPUs: of a node, at the wall, of a module. Nothing of it is part of another number.

import { z } from 'zod'
import { EXTERNAL_SCOPES } from '../core/external-scopes.js'

/** What one external meter said of a window. Joules (J), watts (W), monotonic nanoseconds (ns). Null is unknown. */
export const externalEnergySchema = z.object({
  name: z.string(),
  scope: z.enum(EXTERNAL_SCOPES),
  /** The program and its arguments, secrets redacted. */
  command: z.array(z.string()),
  /** What its lines hold: power (`w`) or an energy counter (`j`); null where it has said nothing. */
  quantity: z.enum(['power', 'energy']).nullable(),
  energy_j: z.number().nullable(),
  /** How far `energy_j` may be off (k = 2) by the meter's times and gaps, and by `accuracy_pct` where that is known. */
  uncertainty_j: z.number().nullable(),
  /** How far the meter itself may be off (k = 2), by what was said of it; null: unknown, and in no uncertainty here. */
  accuracy_pct: z.number().nullable(),
  mean_power_w: z.number().nullable(),
  /** Share of the window that the readings cover, 0 to 1. */
  coverage: z.number().nullable(),
  /** Readings in the window. */
  readings: z.number().int(),
  /** Those of them that were seen to be new: another value, or a meter that prints nothing twice. */
  updates: z.number().int(),
  /** Usual time between two new values. */
  update_period_ms: z.number().nullable(),
  /** Whose times these are: the meter's own, or those at which its lines came; null where none came. */
  times: z.enum(['meter', 'arrival']).nullable(),
  /** Whether it prints a line for a new reading only. */
  prints_new_only: z.boolean(),
  /** Whether it says that each power is the mean since the one before; else it is taken for that of a moment. */
  means: z.boolean().default(false),
  /** Lines that were no reading, since it was started. */
  bad_lines: z.number().int(),
  /** What was wrong with the first of them. */
  bad_line_reason: z.string().nullable(),
  window: z.object({ start_ns: z.number(), end_ns: z.number() }),
  /** Why `energy_j` is null; null where it is not. */
  reason: z.string().nullable(),
  /** Its readings in the window and at its edges, relative to the folder of the result; null where there is no file. */
  readings_path: z.string().nullable(),
})

export type ExternalEnergy = z.infer<typeof externalEnergySchema>
