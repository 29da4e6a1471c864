import { z } from 'zod'
import { phasesSchema, requestEnergySchema, steadyStateSchema } from './attribution.js'
import { METHODS } from './board.js'
import { energyBreakdownSchema } from './breakdown.js'
import { energySchema } from './energy.js'
import { findingSchema } from './finding.js'
import { goodputSchema } from './goodput.js'
import { identitySchema } from './identity.js'
import { quotedSchema } from './quoted.js'
import { putOffSchema, streamsSchema, TOKEN_SOURCES, tokenLedgerSchema } from './served-streams.js'

// result.json, whole. Snake case as on disk; null is unknown, never 0.

/**
 * Of what is written now. The first number changes where a key of the contract is renamed, removed or comes to mean
 * something else, the second where other keys are added or change, the third where only their description changes. Older
 * ones are read by migrations.ts.
 */
export const SCHEMA_VERSION = '3.2.0'

const count = z.number().int().nonnegative()

/** Milliseconds over requests or tokens. */
export const spreadSchema = z.object({
  count,
  mean: z.number(),
  p50: z.number(),
  p95: z.number(),
  p99: z.number(),
  max: z.number(),
})
export type Spread = z.infer<typeof spreadSchema>

export const thermalThrottleSchema = z.object({
  detected: z.boolean(),
  /** Any thermal cause. */
  thermal: z.boolean(),
  /** Held at the power limit: normal under load. */
  power: z.boolean(),
  sw_thermal: z.boolean(),
  hw_thermal: z.boolean(),
  hw_slowdown: z.boolean(),
  hw_power: z.boolean(),
  /** Time slowed for a thermal reason or by the power brake; null where the driver has no cumulative counters. */
  throttle_duration_sec: z.number().nullable(),
  /** Time held at the power limit. */
  power_cap_duration_sec: z.number().nullable(),
  max_temperature_c: z.number().nullable(),
})
export type ThermalThrottle = z.infer<typeof thermalThrottleSchema>

export const gpuSchema = z.object({
  index: count,
  uuid: z.string(),
  name: z.string().nullable(),
  memory_total_mb: z.number().nullable(),
  compute_capability: z.string().nullable(),
  pcie_generation: z.number().nullable(),
  pcie_width: z.number().nullable(),
  mig_mode: z.boolean().nullable(),
  persistence_mode: z.boolean().nullable(),
  power_limit_w: z.number().nullable(),
  power_limit_default_w: z.number().nullable(),
  temperature_c: z.number().nullable(),
  vbios_version: z.string().nullable(),
})

export const environmentSchema = z.object({
  summary_line: z.string(),
  gpus: z.array(gpuSchema),
  driver_version: z.string().nullable(),
  cuda_version: z.string().nullable(),
  cpu_model: z.string().nullable(),
  cpu_count: count.nullable(),
  cpu_governor: z.string().nullable(),
  memory_total_mb: z.number().nullable(),
  /** The node's name in Slurm; null outside of a job, and in a result of an llem that did not keep it. */
  node: z.string().nullable().default(null),
  os: z.string().nullable(),
  /** What llem itself runs in: "docker", "podman", "kubernetes", ...; null outside of a container. */
  container: z.string().nullable(),
  /** The service of a compose file in whose container the inference ran; null where it ran beside llem. */
  service: z
    .object({
      name: z.string(),
      container_id: z.string(),
      /** As the compose file names it, and its content. */
      image: z.string(),
      image_id: z.string(),
    })
    .nullable()
    .default(null),
  versions: z.record(z.string(), z.string()),
})
export type Environment = z.infer<typeof environmentSchema>

export const warmupResultSchema = z.object({
  converged: z.boolean(),
  final_cv: z.number().nullable(),
  iterations_completed: count,
  target_cv: z.number(),
  max_prompts: count,
  latencies_ms: z.array(z.number()),
  thermal_floor_wait_s: z.number(),
  mode: z.enum(['cv', 'fixed', 'disabled', 'failed']),
  failures: count,
})
export type WarmupResult = z.infer<typeof warmupResultSchema>

export const flopsSchema = z.object({
  value: z.number(),
  method: z.literal('palm_formula'),
  confidence: z.enum(['high', 'medium', 'low']),
  notes: z.array(z.string()),
  /** FLOPs of the attention over the context, which are not in `value`; null where its shape is not known. */
  attention: z.number().nullable().default(null),
  /** Why `attention` is null; null where it is not. */
  attention_reason: z.string().nullable().default(null),
})
export type FlopsResult = z.infer<typeof flopsSchema>

export const latencySchema = z.object({
  ttft_ms: spreadSchema.nullable(),
  itl_ms: spreadSchema.nullable(),
  tpot_ms: spreadSchema.nullable(),
  e2e_ms: spreadSchema.nullable(),
  /** Why times of tokens are null, or those of some requests only; null where they are not, or nobody knows. */
  reason: z.string().nullable().default(null),
})
export type Latency = z.infer<typeof latencySchema>

/** How fast one request is worked on, which is less than the throughput where several are at once. */
export const speedSchema = z.object({
  /** Input tokens over time to first token, all requests together; null where that was not observed. */
  prefill_tokens_per_second: z.number().nullable(),
  /** Output tokens after the first over the time after it. */
  decode_tokens_per_second: z.number().nullable(),
})
export type Speed = z.infer<typeof speedSchema>

/** What it took to load the model, which is part of no other energy of the result. */
export const loadSchema = z.object({
  /** The model was loaded for an earlier experiment. */
  kept: z.boolean(),
  /** From the start of the first worker process until all were loaded; null where the model was kept. */
  seconds: z.number().nullable(),
  /** Of the GPUs in that time, by llem's own sampler. */
  energy_j: z.number().nullable(),
  /** How far energy_j may be off (k = 2) on these boards, and with their gain. */
  uncertainty_j: z.number().nullable(),
  absolute_uncertainty_j: z.number().nullable().default(null),
  method: z.enum(METHODS).nullable(),
  /** Share of that time that readings cover. */
  coverage: z.number().nullable(),
  window: z.object({ start_ns: z.number(), end_ns: z.number() }).nullable(),
  devices: z.array(z.object({ index: count, uuid: z.string(), energy_j: z.number().nullable() })),
  /** Why energy_j is null; null where it is not. */
  reason: z.string().nullable(),
})
export type Load = z.infer<typeof loadSchema>

/** A step of an experiment, on the clock of the samples. */
export const stepSchema = z.object({
  step: z.string(),
  start_ns: z.number(),
  /** Null while it runs, as the writing of this result does. */
  end_ns: z.number().nullable(),
  /** What went wrong in it; null where nothing did. */
  error: z.string().nullable(),
})
export type Step = z.infer<typeof stepSchema>

/** What the GPUs' energy comes to in greenhouse gases. */
export const carbonSchema = z.object({
  gco2e: z.number(),
  /** Of the GPUs, times `pue`. */
  energy_kwh: z.number(),
  pue: z.number(),
  intensity_gco2_kwh: z.number(),
  /** Whose number the intensity is. */
  source: z.string(),
})
export type Carbon = z.infer<typeof carbonSchema>

/** What the GPUs' energy costs, in the currency of the price. */
export const costSchema = z.object({
  amount: z.number(),
  /** Of the GPUs, times `pue`. */
  energy_kwh: z.number(),
  pue: z.number(),
  price_per_kwh: z.number(),
  /** Whose number the price is. */
  source: z.string(),
})
export type Cost = z.infer<typeof costSchema>

/** How many tokens the requests had. */
export const lengthsSchema = z.object({
  count,
  min: count,
  mean: z.number(),
  p50: z.number(),
  p95: z.number(),
  max: count,
  /** counts[i] requests had at least edges[i] and fewer than edges[i + 1] tokens; the edges are 0 and powers of two. */
  histogram: z.object({ edges: z.array(count), counts: z.array(count) }),
})
export type Lengths = z.infer<typeof lengthsSchema>

/** Where the rows of a data set came from. */
export const datasetOriginSchema = z.object({
  name: z.string(),
  config: z.string(),
  split: z.string(),
  /** The commit of the data set; null where the server did not tell it. */
  revision: z.string().nullable(),
})
export type DatasetOrigin = z.infer<typeof datasetOriginSchema>

/** What of the entries of a source was taken for what. */
const promptsTakenSchema = z.array(
  z.object({
    /** The field, as `instruction+input` where two were joined and `turns[0].text` where it is within another. */
    from: z.string(),
    as: z.enum(['text', 'system', 'input_tokens', 'output_tokens']),
    /** Measured prompts of which that is so. */
    count,
  }),
)
export type PromptsTaken = z.infer<typeof promptsTakenSchema>

/** The prompts that were measured. */
export const promptsSchema = z.object({
  /** "builtin", "synthetic", the path of a file, or "hf:owner/name:config:split:column". */
  source: z.string(),
  count,
  /** SHA-256 of the prompts, texts and lengths, in order. */
  hash: z.string(),
  order: z.enum(['interleaved', 'grouped', 'shuffled']),
  /** Of the shuffled order, or of synthetic prompts; null where nothing was drawn. */
  seed: count.nullable(),
  /** The column or field of the text; null where the source has none. */
  column: z.string().nullable(),
  /** Of what in the source they were made; empty where it has no fields, and in older results. */
  taken: promptsTakenSchema.default([]),
  dataset: datasetOriginSchema.nullable(),
  /** Prompts that were cut, to dataset.max_input_tokens or to fit in the context. */
  truncated: count,
  token_lengths: z.object({
    input: lengthsSchema.nullable(),
    output: lengthsSchema.nullable(),
    /** Why one of them is null. */
    reason: z.string().nullable(),
  }),
  /** What was done to have enough prompts, in sentences. */
  notes: z.array(z.string()),
})

/** How a server was loaded and what came of it; latencies are from sending, unless their name says otherwise. */
export const servingSchema = z.object({
  load: z.object({
    /** Requests kept in flight, or with a rate the most there may be; null: no limit. */
    concurrency: z.number().nullable(),
    /** Requests a second; null is a closed loop. */
    request_rate: z.number().nullable(),
    arrival: z.enum(['poisson', 'constant']),
    seed: count,
    retries: count,
    max_failed_share: z.number(),
  }),
  requests: z.object({
    ok: count,
    /** Came to nothing, those that ran out of time among them. */
    failed: count,
    timed_out: count,
    /** Requests that were sent again, each time. */
    retried: count,
  }),
  max_in_flight: count,
  /** Open loop: by how much later than scheduled requests were sent. */
  send_delay_ms: spreadSchema.nullable(),
  /** Open loop: from when a request should have been sent, so that a late generator hides nothing. */
  ttft_from_schedule_ms: spreadSchema.nullable(),
  e2e_from_schedule_ms: spreadSchema.nullable(),
  chunks: count,
  /** What counted the output tokens: the server's usage, the chunks of the streams, a tokenizer, what was listed, or each for some. */
  token_source: z.enum(TOKEN_SOURCES),
  /** What each of them tells of the output tokens, and why they differ; null in older results. */
  ledger: tokenLedgerSchema.nullable().default(null),
  /** How the answers came; null in older results. */
  streams: streamsSchema.nullable().default(null),
  /** Requests that the server put off (429, 503 with Retry-After); null in older results. */
  put_off: putOffSchema.nullable().default(null),
  /** Answers whose connection stayed open though they were over; null in older results. */
  held_open: count.nullable().default(null),
  /** Prompt tokens that the server took from its cache, as far as it says. */
  cached_input_tokens: count.nullable(),
  /** The part of the run in which the load was what was asked for; null where there was none. */
  steady: z
    .object({
      start_ns: z.number(),
      end_ns: z.number(),
      duration_sec: z.number(),
      input_tokens: z.number().nullable(),
      output_tokens: z.number(),
      output_tokens_per_second: z.number(),
    })
    .nullable(),
  steady_reason: z.string().nullable(),
})
export type Serving = z.infer<typeof servingSchema>

/** What one worker process did. */
export const processResultSchema = z.object({
  schema_version: z.string(),
  experiment_id: z.string(),
  process_index: count,
  pid: z.number().int().nullable(),
  backend: z.string(),
  versions: z.record(z.string(), z.string()),
  model: z.string(),
  dtype: z.string().nullable(),
  quantisation: z.string().nullable(),
  compute: z.string(),
  /** GPUs that the worker itself says it uses; null where it cannot tell. */
  gpu_uuids: z.array(z.string()).nullable(),
  gpu_names: z.array(z.string()).nullable(),
  /** GPUs that it was given as one of several processes; null: it saw what llem saw. */
  assigned_gpu_uuids: z.array(z.string()).nullable().default(null),
  /** Whether one of its GPUs is cut into MIG instances; null where it has none or that is not known. */
  mig: z.boolean().nullable(),
  gpu_layers: z.number().nullable(),
  threads: z.number().nullable(),
  context_size: z.number().nullable(),
  load_ms: z.number(),
  /** The model was loaded for an earlier experiment, so the baseline may have been measured with it in memory. */
  kept_loaded: z.boolean().default(false),
  /** The worker's own window, monotonic: from before the first prompt to after the last token. */
  start_ns: z.number(),
  end_ns: z.number(),
  requests: count,
  truncated: count,
  input_tokens: count.nullable(),
  output_tokens: count,
  /** Requests that came to nothing, and requests that were sent again. */
  failures: count.default(0),
  retries: count.default(0),
  tokens_per_second: z.number().nullable(),
  /** Null in results of schema 3.0.0. */
  latency: latencySchema.nullable().default(null),
  speed: speedSchema.nullable().default(null),
  /** End to end, in milliseconds, in the order in which the requests ended. */
  request_latencies_ms: z.array(z.number()),
  /** Energy of its devices over the experiment's window, which is not the process's own where it shares them. */
  total_energy_j: z.number().nullable(),
  energy_breakdown: energyBreakdownSchema.nullable(),
  thermal_throttle: thermalThrottleSchema.nullable(),
  total_flops: z.number().nullable(),
  environment: environmentSchema,
  warmup_result: warmupResultSchema,
  timeseries_path: z.string().nullable(),
  memory: z
    .object({
      rss_bytes: z.number().nullable(),
      vram_bytes: z.number().nullable(),
      /** The most that it held at once while it was measured; null where the backend cannot tell. */
      vram_peak_bytes: z.number().nullable().default(null),
    })
    .nullable(),
})
export type ProcessResult = z.infer<typeof processResultSchema>

export const experimentResultSchema = z.object({
  schema_version: z.string(),
  experiment_id: z.string(),
  experiment_name: z.string().nullable(),
  config_hash: z.string(),
  started_at: z.string(),
  completed_at: z.string(),
  model: z.string(),
  backend: z.string(),
  /** What was asked for, what that was taken to be, and what answered; null in results of before. */
  identity: identitySchema.nullable().default(null),
  simulated: z.boolean(),
  /** Null, like input_tokens, where a server tells no number of prompt tokens. */
  total_tokens: count.nullable(),
  input_tokens: count.nullable(),
  output_tokens: count,
  /** Time in which at least one process was at work; of one process, from its first prompt to its last token. */
  total_inference_time_sec: z.number(),
  /** Input and output tokens over the inference time. */
  avg_tokens_per_second: z.number().nullable(),
  output_tokens_per_second: z.number().nullable(),
  total_energy_j: z.number().nullable(),
  /** Over all tokens. Its uncertainties, like all here, are k = 2: on these boards, and with their gain. */
  avg_energy_per_token_j: z.number().nullable(),
  avg_energy_per_token_uncertainty_j: z.number().nullable().default(null),
  avg_energy_per_token_absolute_uncertainty_j: z.number().nullable().default(null),
  energy_per_output_token_j: z.number().nullable(),
  energy_per_output_token_uncertainty_j: z.number().nullable().default(null),
  energy_per_output_token_absolute_uncertainty_j: z.number().nullable().default(null),
  /** Why the energy is null; null when it is not. */
  energy_reason: z.string().nullable(),
  energy: energySchema.nullable(),
  energy_breakdown: energyBreakdownSchema.nullable(),
  /** Null in results of schema 3.0.0. */
  load: loadSchema.nullable().default(null),
  /** The energy by prefill and decode. */
  phases: phasesSchema.nullable().default(null),
  request_energy: requestEnergySchema.nullable().default(null),
  /** Why both are null; null when they are not. */
  attribution_reason: z.string().nullable().default(null),
  /** Null where the backend has no steady state, or none was reached. */
  steady_state: steadyStateSchema.nullable().default(null),
  /** Why it, or its energy, is null. */
  steady_reason: z.string().nullable().default(null),
  /** Whose joules per token to quote. */
  headline: z.enum(['steady_state', 'whole_run']).default('whole_run'),
  headline_reason: z.string().nullable().default(null),
  /** The joules per output token to quote, which every reader shows; null in a file of an llem that did not write it. */
  quoted: quotedSchema.nullable().default(null),
  /** The joules to quote, of the whole run. */
  quoted_total: quotedSchema.nullable().default(null),
  /** Null where neither country nor intensity was given, or there is no energy. */
  carbon: carbonSchema.nullable().default(null),
  /** Null where no price was given, or there is no energy. */
  cost: costSchema.nullable().default(null),
  total_flops: z.number().nullable(),
  flops: flopsSchema.nullable(),
  flops_reason: z.string().nullable(),
  thermal_throttle: thermalThrottleSchema.nullable(),
  latency: latencySchema,
  /** Null in results of schema 3.0.0. */
  speed: speedSchema.nullable().default(null),
  /** Null where the model ran inside of a worker. */
  serving: servingSchema.nullable().default(null),
  /** What came of the requests that kept what was asked of each; null with the reason, in older results without one. */
  goodput: goodputSchema.nullable().default(null),
  goodput_reason: z.string().nullable().default(null),
  environment: environmentSchema,
  warmup_result: warmupResultSchema,
  /** What a reader should know of the measurement, equal ones of several devices as one. */
  findings: z.array(findingSchema),
  /** The warnings among them, each text once. */
  measurement_warnings: z.array(z.string()),
  prompts: promptsSchema,
  /** Its files, relative to its folder; absolute in older results. */
  timeseries_path: z.string().nullable(),
  samples_path: z.string().nullable(),
  requests_path: z.string(),
  /** Its folder, where it is printed as JSON; not in the file, which may be moved. */
  result_dir: z.string().nullable().optional(),
  /** The resolved configuration, secrets redacted. */
  effective_config: z.unknown(),
  process_results: z.array(processResultSchema),
  aggregation: z.object({ processes: count, method: z.string() }),
  /** What was done when; empty in results of schema 3.0.0. */
  steps: z.array(stepSchema).default([]),
})

export type ExperimentResult = z.infer<typeof experimentResultSchema>
