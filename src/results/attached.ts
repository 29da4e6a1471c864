// What `llem attach` adds to the result of a command: what a benchmark said of itself, and its joules beside it.

import { z } from 'zod'
import { phasesSchema, requestEnergySchema } from './attribution.js'

/** The benchmarks whose results can be read. */
export const ATTACHABLE = [
  'aiperf',
  'guidellm',
  'llama-bench',
  'lm-eval',
  'trtllm-bench',
  'vllm-bench',
] as const

const count = z.number().int().nonnegative().nullable()
const joules = z.number().nullable()

/** Joules over what they were spent on. Null where there is none of it, or it is not known. */
const rates = {
  energy_j: joules,
  /** How far it may be off (k = 2) on these boards, and with their gain. */
  uncertainty_j: joules,
  absolute_uncertainty_j: joules,
  duration_s: z.number().nullable(),
  mean_power_w: z.number().nullable(),
  j_per_output_token: joules,
  j_per_input_token: joules,
  /** Over input and output together. */
  j_per_total_token: joules,
  j_per_request: joules,
  /** Why joules by token or request are null though both are told; null where that is not so. */
  counts_reason: z.string().nullable().default(null),
  /** Why `energy_j` is null; null where it is not. */
  reason: z.string().nullable(),
}

export const attachedBenchmarkSchema = z.object({
  /** Where a tool has several: "pp512", "concurrent@8". */
  name: z.string().nullable(),
  /** As the tool counts them. */
  requests: count,
  failed: count,
  /** Begun and not finished, where a tool tells such; their joules are in `energy_j`. */
  incomplete: count.default(null),
  /** Those of the incomplete ones, too. */
  input_tokens: count,
  output_tokens: count,
  /** Why a count of tokens is null; null where none is. */
  tokens_reason: z.string().nullable(),
  /** The tool's own results under its own names, in its own units. */
  own: z.record(z.string(), z.number()),
  /** When it ran, without the start-up of the tool: monotonic nanoseconds; null where that is not known. */
  window: z.object({ start_ns: z.number(), end_ns: z.number() }).nullable(),
  /** Of that window. */
  ...rates,
})

export const attachedSchema = z.object({
  /** Null where no result of a benchmark was found. */
  tool: z.enum(ATTACHABLE).nullable(),
  tool_version: z.string().nullable(),
  /** Why there is none. */
  reason: z.string().nullable(),
  /** What was read: files, or "stdout". */
  sources: z.array(z.string()),
  /** What is wrong in them, and where. */
  problems: z.array(z.string()),
  /**
   * How the times in them became those of the readings. monotonic: they are; wall: by the wall clock, read at both ends of the
   * run; output: by when the tool printed each result. Null where nothing was joined.
   */
  clock: z.enum(['monotonic', 'wall', 'output']).nullable(),
  /** By how much the wall clock moved against the monotonic one during the run; null where it was not needed. */
  clock_drift_ms: z.number().nullable(),
  benchmarks: z.array(attachedBenchmarkSchema),
  /** The whole command, with the start-up of the tool, over the tokens and requests of all benchmarks. */
  command: z.object(rates),
  phases: phasesSchema.nullable(),
  request_energy: requestEnergySchema.nullable(),
  /** Why both are null; null where they are not. */
  attribution_reason: z.string().nullable(),
  /** The requests with the joules of each, relative to the folder; null without one. */
  requests_path: z.string().nullable(),
})

export type Attached = z.infer<typeof attachedSchema>
export type AttachedBenchmark = z.infer<typeof attachedBenchmarkSchema>
export type Rates = z.infer<typeof attachedSchema>['command']
