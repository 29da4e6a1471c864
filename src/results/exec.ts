import { z } from 'zod'
import { energySchema } from './energy.js'

/** The result.json of `llem exec`, whole. */
export const execResultSchema = z.object({
  schema_version: z.string(),
  kind: z.literal('exec'),
  /** Secrets redacted. */
  command: z.array(z.string()),
  exit_code: z.number().int(),
  /** The signal that ended it; null where it ended by itself. */
  signal: z.string().nullable(),
  duration_sec: z.number().nullable(),
  simulated: z.boolean(),
  energy: energySchema.nullable(),
  /** Why there is no energy; null where there is. */
  energy_reason: z.string().nullable(),
  timeseries_path: z.string().nullable(),
  samples_path: z.string().nullable(),
})

export type ExecResult = z.infer<typeof execResultSchema>
