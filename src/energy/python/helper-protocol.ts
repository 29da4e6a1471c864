import { z } from 'zod'
import { emissionsSchema, energyDomainSchema } from '../../results/energy.js'
import { monotonicNs } from '../../workers/wire.js'

// The verbs of python/energy_helper.py, in the framing of src/workers/wire.ts: hello, open, begin, end.

/** Raised when an older helper or llem could misread what the other says. */
export const HELPER_PROTOCOL = 1

export const helloSchema = z.object({
  protocol: z.literal(HELPER_PROTOCOL),
  backend: z.string(),
  /** Package or "python" -> version. */
  versions: z.record(z.string(), z.string()),
})

export const openedSchema = z.object({
  /** UUIDs of the GPUs that it has read, in the order of its answers; empty where it reads the CPU alone. */
  uuids: z.array(z.string()),
})

/** The edge of a window lies between these two moments. */
export const edgeSchema = z.object({ before_ns: monotonicNs, after_ns: monotonicNs })
export type Edge = z.infer<typeof edgeSchema>

export const endedSchema = edgeSchema.extend({
  /** Null where it reads the CPU alone. */
  gpu_j: z.number().nullable(),
  /** UUID -> joules; null where the package only tells the sum. */
  per_gpu_j: z.record(z.string(), z.number()).nullable(),
  method: z.enum(['counter', 'integral']).nullable(),
  samples: z.number().int().nullable(),
  domains: z.array(energyDomainSchema),
  emissions: emissionsSchema.nullable(),
})
