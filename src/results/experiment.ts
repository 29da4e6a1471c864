import { z } from 'zod'
import { energySchema } from './energy.js'

// result.json, whole. Snake case as on disk; null is unknown, never 0.

export const SCHEMA_VERSION = '3.0.0'

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

/** Idle power and what it takes off the raw energy. */
export const energyBreakdownSchema = z.object({
  raw_j: z.number(),
  /** raw_j - baseline_power_w x duration; negative values are kept. */
  adjusted_j: z.number().nullable(),
  baseline_power_w: z.number().nullable(),
  baseline_method: z.enum(['fresh', 'cached', 'unavailable']),
  baseline_timestamp: z.string().nullable(),
  baseline_cache_age_sec: z.number().nullable(),
})
export type EnergyBreakdown = z.infer<typeof energyBreakdownSchema>

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
  cpu_count: count,
  cpu_governor: z.string().nullable(),
  memory_total_mb: z.number(),
  os: z.string(),
  /** "docker", "podman", "kubernetes", ...; null outside of a container. */
  container: z.string().nullable(),
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
})

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
  /** Whether one of its GPUs is cut into MIG instances; null where it has none or that is not known. */
  mig: z.boolean().nullable(),
  gpu_layers: z.number().nullable(),
  threads: z.number().nullable(),
  context_size: z.number().nullable(),
  load_ms: z.number(),
  /** The worker's own window, monotonic: from before the first prompt to after the last token. */
  start_ns: z.number(),
  end_ns: z.number(),
  requests: count,
  truncated: count,
  input_tokens: count,
  output_tokens: count,
  tokens_per_second: z.number().nullable(),
  /** End to end, in milliseconds, in the order of the prompts. */
  request_latencies_ms: z.array(z.number()),
  /** Energy of the devices over the window, which is not the process's own where it shares them. */
  total_energy_j: z.number().nullable(),
  energy_breakdown: energyBreakdownSchema.nullable(),
  thermal_throttle: thermalThrottleSchema.nullable(),
  total_flops: z.number().nullable(),
  environment: environmentSchema,
  warmup_result: warmupResultSchema,
  timeseries_path: z.string().nullable(),
  memory: z
    .object({
      rss_bytes: z.number(),
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
  simulated: z.boolean(),
  total_tokens: count,
  input_tokens: count,
  output_tokens: count,
  /** From the first prompt to the last token. */
  total_inference_time_sec: z.number(),
  /** Input and output tokens over the inference time. */
  avg_tokens_per_second: z.number().nullable(),
  output_tokens_per_second: z.number().nullable(),
  total_energy_j: z.number().nullable(),
  /** Over all tokens. */
  avg_energy_per_token_j: z.number().nullable(),
  energy_per_output_token_j: z.number().nullable(),
  /** Why the energy is null; null when it is not. */
  energy_reason: z.string().nullable(),
  energy: energySchema.nullable(),
  energy_breakdown: energyBreakdownSchema.nullable(),
  /** Null where neither country nor intensity was given, or there is no energy. */
  carbon: carbonSchema.nullable().default(null),
  /** Null where no price was given, or there is no energy. */
  cost: costSchema.nullable().default(null),
  total_flops: z.number().nullable(),
  flops: flopsSchema.nullable(),
  flops_reason: z.string().nullable(),
  thermal_throttle: thermalThrottleSchema.nullable(),
  latency: latencySchema,
  environment: environmentSchema,
  warmup_result: warmupResultSchema,
  measurement_warnings: z.array(z.string()),
  prompts: z.object({ source: z.string(), count, hash: z.string() }),
  timeseries_path: z.string().nullable(),
  samples_path: z.string().nullable(),
  requests_path: z.string(),
  /** The resolved configuration, secrets redacted. */
  effective_config: z.unknown(),
  process_results: z.array(processResultSchema),
  aggregation: z.object({ processes: count, method: z.string() }),
})

export type ExperimentResult = z.infer<typeof experimentResultSchema>
