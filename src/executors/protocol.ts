import { z } from 'zod'
import { serviceSchema } from '../workers/service.js'

// What a campaign and the process that runs its experiments say to each other, framed as in workers/wire.ts:
//
//   campaign -> {"id":2,"verb":"run","config":{...},"output_dir":"...",...}
//            <- {"event":"said","id":2,"text":"Warmup converged ..."}        for the log of the run
//            <- {"event":"progress","id":2,"label":"Measuring",...}
//            <- {"id":2,"ok":true,"result_path":...,...}                     or {"id":2,"ok":false,"error":{...}}
//
// Results travel as files; the reply only names them. When the runner's stdin ends it ends what it does, cleanly.

/** Raised when an older campaign or runner could misread the other. */
export const RUNNER_PROTOCOL = 1

export const runnerHelloSchema = z.object({ protocol: z.number().int() })

/** One experiment to run. */
export const runOrderSchema = z.object({
  /** As written: the runner resolves it by the very rules of `llem run`. */
  config: z.record(z.string(), z.unknown()),
  output_dir: z.string(),
  /** True: the built-in simulated GPU; a path: a scenario. */
  simulate: z.union([z.boolean(), z.string()]),
  /** Keep the loaded model for the next experiment that fits. */
  keep_loaded: z.boolean(),
  /** The container in which the inference runs; null: this machine. */
  service: serviceSchema.nullable(),
})
export type RunOrder = z.infer<typeof runOrderSchema>

export const runnerRequestSchema = z.discriminatedUnion('verb', [
  z.object({
    id: z.number().int(),
    verb: z.literal('hello'),
    /** A file whose lock the runner holds as long as it lives, so that two never measure side by side. */
    lock_path: z.string(),
  }),
  runOrderSchema.extend({ id: z.number().int(), verb: z.literal('run') }),
])

/** What is worth knowing of a finished experiment without opening its result. */
export const runSummarySchema = z.object({
  experiment_id: z.string(),
  result_path: z.string(),
  config_hash: z.string(),
  energy_j: z.number().nullable(),
  energy_per_output_token_j: z.number().nullable(),
  tokens_per_second: z.number().nullable(),
  output_tokens: z.number(),
  inference_s: z.number(),
  e2e_p50_ms: z.number().nullable(),
  warnings: z.number().int(),
  /** Bytes of its folder. */
  disk_bytes: z.number(),
})
export type RunSummary = z.infer<typeof runSummarySchema>

export const runnerEventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('said'), id: z.number().int(), text: z.string(), detail: z.boolean() }),
  z.object({
    event: z.literal('progress'),
    id: z.number().int(),
    label: z.string(),
    done: z.number(),
    total: z.number(),
    unit: z.string(),
    detail: z.string(),
  }),
])
export type RunnerEvent = z.infer<typeof runnerEventSchema>
