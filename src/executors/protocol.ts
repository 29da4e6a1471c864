import { z } from 'zod'
import { quotedSchema } from '../results/quoted.js'
import { serviceSchema } from '../workers/service.js'

// What a campaign and the process that runs its experiments say to each other, framed as in workers/wire.ts:
//
//   campaign -> {"id":2,"verb":"run","config":{...},"output_dir":"...",...}
//            <- {"event":"said","id":2,"text":"Warmup converged ..."}        for the log of the run
//            <- {"event":"progress","id":2,"label":"Measuring",...,"power_w":412.5}
//            <- {"id":2,"ok":true,"result_path":...,...}                     or {"id":2,"ok":false,"error":{...}}
//
// `ping` is answered between two experiments. Results travel as files; the reply only names them. When the runner's
// stdin ends it ends what it does, cleanly.

/** Raised when an older campaign or runner could misread the other. */
export const RUNNER_PROTOCOL = 1

export const runnerHelloSchema = z.object({ protocol: z.number().int() })
/** Nothing but that it answers. */
export const runnerPongSchema = z.object({})

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
  z.object({ id: z.number().int(), verb: z.literal('ping') }),
  runOrderSchema.extend({ id: z.number().int(), verb: z.literal('run') }),
])

/** What is worth knowing of a finished experiment without opening its result. */
export const runSummarySchema = z.object({
  experiment_id: z.string(),
  result_path: z.string(),
  config_hash: z.string(),
  energy_j: z.number().nullable(),
  /**
   * Why an energy that was asked for could not be read; null where it could, also where the window is too short to have
   * one, and where none was asked for.
   */
  energy_problem: z.string().nullable().default(null),
  /** Why there is no energy, also where the window is too short; null where there is one, and where none was asked for. */
  energy_reason: z.string().nullable().default(null),
  /** The quoted one, as `energy_j` is. */
  energy_per_output_token_j: z.number().nullable(),
  /** What is quoted of the result; null in a record of an llem that kept another number. */
  quoted: quotedSchema.nullable().default(null),
  quoted_total: quotedSchema.nullable().default(null),
  /** Whose joules they are, where not GPUs': "CPU package, by RAPL". */
  energy_of: z.string().nullable().optional(),
  /** Joules over the requests that came to something; null in a record of an llem that did not keep it, as the next two. */
  energy_per_request_j: z.number().nullable().default(null),
  output_tokens_per_j: z.number().nullable().default(null),
  good_output_tokens_per_j: z.number().nullable().default(null),
  mean_power_w: z.number().nullable().default(null),
  active_energy_j: z.number().nullable().default(null),
  active_energy_per_output_token_j: z.number().nullable().default(null),
  active_energy_uncertainty_j: z.number().nullable().default(null),
  active_energy_per_output_token_uncertainty_j: z.number().nullable().default(null),
  tokens_per_second: z.number().nullable(),
  output_tokens: z.number(),
  inference_s: z.number(),
  output_tokens_per_second: z.number().nullable().default(null),
  ttft_p50_ms: z.number().nullable().default(null),
  itl_p50_ms: z.number().nullable().default(null),
  tpot_p50_ms: z.number().nullable().default(null),
  e2e_p50_ms: z.number().nullable(),
  warnings: z.number().int(),
  /** Of the GPUs that were measured; absent in a record of an llem that did not keep it. */
  gpu_uuids: z.array(z.string()).optional(),
  /** Time and energy of loading the model, which are in none of the above; null where it was kept, or not measured. */
  load_s: z.number().nullable().default(null),
  load_energy_j: z.number().nullable().default(null),
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
    /** Of the GPUs together, at most half a second old; null where nobody reads it. */
    power_w: z.number().nullable().default(null),
  }),
])
export type RunnerEvent = z.infer<typeof runnerEventSchema>
