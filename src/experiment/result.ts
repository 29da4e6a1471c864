import type { InferenceSession } from '../backends/backend.js'
import type { WorkerMemory } from '../backends/protocol.js'
import { configHash } from '../config/config-hash.js'
import type { ExperimentConfig } from '../config/schema.js'
import { redact } from '../core/redact.js'
import type { Energy } from '../results/energy.js'
import {
  type EnergyBreakdown,
  type Environment,
  type ExperimentResult,
  type ProcessResult,
  SCHEMA_VERSION,
  type WarmupResult,
} from '../results/experiment.js'
import type { Baseline } from './baseline.js'
import type { FlopsEstimate } from './flops.js'
import { footprintOf } from './footprint.js'
import type { Inference } from './inference.js'
import type { FilePaths } from './measurement.js'
import type { PromptSet } from './prompts/load.js'
import { servingOf } from './serving.js'
import { throttleOf } from './throttle.js'
import { warningsOf } from './warnings.js'

/** Everything that the steps of an experiment found out. */
export interface Findings {
  experimentId: string
  startedAt: Date
  config: ExperimentConfig
  simulated: boolean
  environment: Environment
  info: InferenceSession['info']
  memory: WorkerMemory | null
  prompts: PromptSet
  warmup: WarmupResult
  inference: Inference
  energy: Energy | null
  energyReason: string | null
  baseline: Baseline | null
  breakdown: EnergyBreakdown | null
  flops: FlopsEstimate
  paths: FilePaths
}

/** Findings -> result.json. Pure but for the time of completion. */
export function resultOf(findings: Findings): ExperimentResult {
  const { config, inference, energy, info, prompts, flops } = findings
  const { input_tokens, output_tokens } = inference.totals
  const total_tokens = input_tokens === null ? null : input_tokens + output_tokens
  const inferenceS = (inference.totals.end_ns - inference.totals.start_ns) / 1e9
  const energyJ = energy?.total_j ?? null
  const processResult = processResultOf(findings, ratio(total_tokens, inferenceS))
  return {
    schema_version: SCHEMA_VERSION,
    experiment_id: findings.experimentId,
    experiment_name: config.experiment_name,
    config_hash: configHash(config),
    started_at: findings.startedAt.toISOString(),
    completed_at: new Date().toISOString(),
    model: config.model,
    backend: config.backend,
    simulated: findings.simulated,
    total_tokens,
    input_tokens,
    output_tokens,
    total_inference_time_sec: inferenceS,
    avg_tokens_per_second: ratio(total_tokens, inferenceS),
    output_tokens_per_second: ratio(output_tokens, inferenceS),
    total_energy_j: energyJ,
    avg_energy_per_token_j: ratio(energyJ, total_tokens),
    energy_per_output_token_j: ratio(energyJ, output_tokens),
    energy_reason: energyJ === null ? (findings.energyReason ?? energy?.reason ?? 'unknown') : null,
    energy,
    energy_breakdown: findings.breakdown,
    ...footprintOf(energyJ, config),
    total_flops: flops.flops?.value ?? null,
    flops: flops.flops,
    flops_reason: flops.reason,
    thermal_throttle: processResult.thermal_throttle,
    latency: inference.latency,
    serving: servingOf(inference),
    environment: {
      ...findings.environment,
      versions: {
        ...findings.environment.versions,
        ...energy?.measurement?.versions,
        ...info.versions,
      },
    },
    warmup_result: findings.warmup,
    measurement_warnings: warningsOf({ ...findings, inferenceS }),
    prompts: { source: prompts.source, count: prompts.prompts.length, hash: prompts.hash },
    timeseries_path: findings.paths.timeseries,
    samples_path: findings.paths.samples,
    requests_path: findings.paths.requests,
    effective_config: redact(config),
    process_results: [processResult],
    aggregation: { processes: 1, method: 'single process' },
  }
}

function processResultOf(findings: Findings, tokensPerSecond: number | null): ProcessResult {
  const { experimentId, inference, info, energy, environment } = findings
  const { totals } = inference
  return {
    schema_version: SCHEMA_VERSION,
    experiment_id: experimentId,
    process_index: 0,
    pid: info.pid,
    backend: info.backend,
    versions: info.versions,
    model: info.model,
    dtype: info.dtype,
    quantisation: info.quantisation,
    compute: info.compute,
    gpu_uuids: info.device_uuids,
    gpu_names: info.device_names,
    mig: migOf(info, environment),
    gpu_layers: info.gpu_layers,
    threads: info.threads,
    context_size: info.context_size,
    load_ms: info.load_ms,
    start_ns: totals.start_ns,
    end_ns: totals.end_ns,
    requests: totals.requests,
    truncated: totals.truncated,
    input_tokens: totals.input_tokens,
    output_tokens: totals.output_tokens,
    tokens_per_second: tokensPerSecond,
    request_latencies_ms: inference.requestMs,
    total_energy_j: energy?.total_j ?? null,
    energy_breakdown: findings.breakdown,
    thermal_throttle: energy === null ? null : throttleOf(energy),
    total_flops: findings.flops.flops?.value ?? null,
    environment,
    warmup_result: findings.warmup,
    timeseries_path: findings.paths.timeseries,
    memory: findings.memory,
  }
}

function migOf({ device_uuids }: InferenceSession['info'], { gpus }: Environment): boolean | null {
  const own = gpus.filter(({ uuid }) => device_uuids?.includes(uuid))
  return own.some(({ mig_mode }) => mig_mode !== null) ? own.some(({ mig_mode }) => mig_mode === true) : null
}

/** Null where the amount is not known or there is nothing to divide it by. */
function ratio(amount: number | null, of: number | null): number | null {
  return amount === null || of === null || !(of > 0) ? null : amount / of
}
