// What a reader of a number should know: a code, how grave it is, and a sentence. One shape for everything that measures.

import { z } from 'zod'

const count = z.number().int().nonnegative()

/** What was found about one GPU. */
export const deviceFindingSchema = z.object({
  /** Stable, for programs. */
  code: z.string(),
  severity: z.enum(['info', 'warning']),
  /** A sentence, without the GPU's name. */
  text: z.string(),
})

export const findingSchema = deviceFindingSchema.extend({
  /** The GPUs that it is about; empty where it is about none in particular. */
  devices: z.array(count),
  /** How many equal ones this is. */
  count: count.min(1),
})

export type DeviceFinding = z.infer<typeof deviceFindingSchema>
export type Finding = z.infer<typeof findingSchema>
