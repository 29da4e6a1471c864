import { z } from 'zod'

// What `llem idle` prints: a model's idle power in four states, what a cold start costs, and from which pause unloading pays.

const uncertainty = z.number().nonnegative().nullable()

export const idleLevelSchema = z.object({
  /** Of all GPUs together; null where it was not measured. */
  power_w: z.number().nullable(),
  /** How far it may be off (k = 2). */
  uncertainty_w: uncertainty,
  /** For how long it was flat, in seconds. */
  duration_sec: z.number().nullable(),
  devices: z.array(
    z.object({ index: z.number().int(), uuid: z.string(), power_w: z.number(), uncertainty_w: uncertainty }),
  ),
  /** Why it is null, or why nothing is made of it: it drifted, or somebody else computed. Null where it is sound. */
  reason: z.string().nullable(),
})
export type IdleLevel = z.infer<typeof idleLevelSchema>

export const IDLE_STATES = ['bare', 'context', 'loaded', 'after_unload'] as const
export type IdleState = (typeof IDLE_STATES)[number]

export const idleReportSchema = z.object({
  kind: z.literal('idle'),
  schema_version: z.string(),
  simulated: z.boolean(),
  model: z.string(),
  backend: z.string(),
  started_at: z.string(),
  /** Before anything is loaded; with a CUDA context and nothing else; with the model; after it was unloaded. */
  levels: z.object({
    bare: idleLevelSchema,
    context: idleLevelSchema,
    loaded: idleLevelSchema,
    after_unload: idleLevelSchema,
  }),
  /** From the start of the worker until the model is ready. */
  cold_start: z.object({
    energy_j: z.number().nullable(),
    uncertainty_j: uncertainty,
    seconds: z.number().nullable(),
    reason: z.string().nullable(),
  }),
  /** The shortest pause for which unloading costs fewer joules than keeping the model. */
  unloading_pays: z.object({
    after_s: z.number().nullable(),
    /** The interval of it (k = 2), of this one cold start. */
    low_s: z.number().nullable(),
    high_s: z.number().nullable(),
    /** What keeping the model draws beside having unloaded it. */
    saved_w: z.number().nullable(),
    saved_uncertainty_w: uncertainty,
    reason: z.string().nullable(),
  }),
})
export type IdleReport = z.infer<typeof idleReportSchema>
