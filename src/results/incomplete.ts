import { z } from 'zod'
import { energySchema } from './energy.js'

/** incomplete.json: what is left of an experiment whose inference did not end well. */
export const incompleteSchema = z.object({
  schema_version: z.string(),
  experiment_id: z.string(),
  status: z.enum(['interrupted', 'failed']),
  error: z.string(),
  model: z.string(),
  backend: z.string(),
  config_hash: z.string(),
  simulated: z.boolean(),
  /** Of the window until then. */
  energy: energySchema.nullable(),
  effective_config: z.unknown(),
})

export type Incomplete = z.infer<typeof incompleteSchema>
