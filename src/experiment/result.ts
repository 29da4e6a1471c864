import { basename } from 'node:path'
import type { AttributionResult } from '../attribution/of-run.js'
import type { InferenceSession } from '../backends/backend.js'
import type { WorkerMemory } from '../backends/protocol.js'
import type { Baseline } from '../baseline/bare.js'
import { breakDown } from '../baseline/breakdown.js'
import type { Parked } from '../baseline/parked.js'
import { configHash } from '../config/config-hash.js'
import type { ExperimentConfig } from '../config/schema.js'
import { redact } from '../core/redact.js'
import type { PromptSet } from '../prompts/load.js'
import type { EnergyBreakdown } from '../results/breakdown.js'
import type { Energy } from '../results/energy.js'
import {
  type Environment,
  type ExperimentResult,
  type Load,
  type ProcessResult,
  SCHEMA_VERSION,
  type Step,
  type WarmupResult,
} from '../results/experiment.js'
import { type Finding, warningLines } from '../results/findings.js'
import type { ModelSource } from '../results/identity.js'
import { quotedOf } from '../results/quoted.js'
import { joulesOfDevices } from '../results/shares.js'
import type { Member } from './fleet.js'
import type { Flops } from './flops.js'
import { footprintOf } from './footprint.js'
import { goodputOf } from './goodput.js'
import { identityOf } from './identity.js'
import type { Inference, ProcessInference } from './inference.js'
import type { FilePaths } from './measurement.js'
import { servingOf } from './serving.js'
import { throttleOf } from './throttle.js'
import { lengthsOf } from './token-lengths.js'

/** Everything that the steps of an experiment found out. */
export interface Findings {
  experimentId: string
  startedAt: Date
  /** The model was loaded for an earlier experiment. */
  keptLoaded: boolean
  load: Load
  config: ExperimentConfig
  /** Where a model that was asked for by name came from. */
  source: ModelSource | null
  simulated: boolean
  environment: Environment
  /** In the same order as what there is for each process. */
  members: readonly Pick<Member, 'session' | 'gpuUuids' | 'visibleUuids'>[]
  memory: (WorkerMemory | null)[]
  prompts: PromptSet
  warmups: WarmupResult[]
  inference: Inference
  energy: Energy | null
  /** What was seen of the GPUs, also where no energy is accounted for. */
  observed: Energy | null
  energyReason: string | null
  attribution: AttributionResult
  attributionWarnings: readonly string[]
  /** On which GPUs is computed, where those are not what is measured. */
  ofLists: readonly Finding[]
  baseline: Baseline | null
  parked: Parked
  /** Of all devices. */
  breakdown: EnergyBreakdown | null
  flops: Flops
  paths: FilePaths
}

const SINGLE = 'single process'
const SEVERAL =
  'tokens and FLOPs summed; energy of each GPU once; tokens/s over the time in which any process was at work'

/** Findings -> result.json. Pure but for the time of completion. */
export function resultOf(findings: Findings, told: Finding[], steps: Step[]): ExperimentResult {
  const { config, inference, energy, members, prompts, flops } = findings
  const { input_tokens, output_tokens } = inference.totals
  const { inferenceS } = inference
  const total_tokens = input_tokens === null ? null : input_tokens + output_tokens
  const energyJ = energy?.total_j ?? null
  const [uncertaintyJ, absoluteJ] = [energy?.uncertainty_j ?? null, energy?.absolute_uncertainty_j ?? null]
  const process_results = inference.processes.map((own, index) => processResultOf(findings, own, index))
  const serving = servingOf(inference)
  const joules = {
    total_energy_j: energyJ,
    energy_per_output_token_j: ratio(energyJ, output_tokens),
    energy_per_output_token_uncertainty_j: ratio(uncertaintyJ, output_tokens),
    energy_per_output_token_absolute_uncertainty_j: ratio(absoluteJ, output_tokens),
    energy_reason: energyJ === null ? (findings.energyReason ?? energy?.reason ?? 'unknown') : null,
    energy,
    ...findings.attribution,
  }
  const quotes = quotedOf({ ...joules, output_tokens, serving })
  const { goodput, reason: goodput_reason } = goodputOf(inference, config.slo, {
    energyJ,
    areTokensSettled: quotes.quoted.value !== null,
  })
  return {
    schema_version: SCHEMA_VERSION,
    experiment_id: findings.experimentId,
    experiment_name: config.experiment_name,
    config_hash: configHash(config),
    started_at: findings.startedAt.toISOString(),
    completed_at: new Date().toISOString(),
    model: config.model,
    backend: config.backend,
    identity: identityOf(config, members, inference.totals, findings.source),
    simulated: findings.simulated,
    total_tokens,
    input_tokens,
    output_tokens,
    total_inference_time_sec: inferenceS,
    avg_tokens_per_second: ratio(total_tokens, inferenceS),
    output_tokens_per_second: ratio(output_tokens, inferenceS),
    avg_energy_per_token_j: ratio(energyJ, total_tokens),
    avg_energy_per_token_uncertainty_j: ratio(uncertaintyJ, total_tokens),
    avg_energy_per_token_absolute_uncertainty_j: ratio(absoluteJ, total_tokens),
    ...joules,
    ...quotes,
    energy_breakdown: findings.breakdown,
    load: findings.load,
    ...footprintOf(energyJ, config),
    total_flops: flops.total.flops?.value ?? null,
    flops: flops.total.flops,
    flops_reason: flops.total.reason,
    thermal_throttle: findings.observed === null ? null : throttleOf(findings.observed),
    latency: inference.latency,
    goodput,
    goodput_reason,
    speed: inference.speed,
    serving,
    environment: {
      ...findings.environment,
      versions: {
        ...findings.environment.versions,
        ...energy?.measurement?.versions,
        ...members[0]?.session.info.versions,
      },
    },
    warmup_result: least(findings.warmups),
    findings: told,
    measurement_warnings: warningLines(told),
    prompts: promptsOf(prompts, inference),
    timeseries_path: nameOf(findings.paths.timeseries),
    samples_path: nameOf(findings.paths.samples),
    requests_path: basename(findings.paths.requests),
    effective_config: redact(config),
    process_results,
    aggregation: { processes: process_results.length, method: process_results.length > 1 ? SEVERAL : SINGLE },
    steps,
  }
}

function promptsOf(
  { prompts, warmup, ...set }: PromptSet,
  inference: Inference,
): ExperimentResult['prompts'] {
  const input = lengthsOf(inference.tokens.input)
  const output = lengthsOf(inference.tokens.output)
  return {
    ...set,
    count: prompts.length,
    truncated: inference.totals.truncated,
    token_lengths: { input, output, reason: input === null ? 'no request was measured' : null },
  }
}

/** Of several warmups the one that speaks for all: the first that failed, or did not converge, else the first. */
function least(warmups: readonly WarmupResult[]): WarmupResult {
  const worst =
    warmups.find(({ mode }) => mode === 'failed') ?? warmups.find(({ converged }) => !converged) ?? warmups[0]
  if (worst === undefined) throw new Error('no process was warmed up')
  return worst
}

function processResultOf(
  findings: Findings,
  { totals, latency, speed, times }: ProcessInference,
  index: number,
): ProcessResult {
  const { experimentId, energy, observed, environment, flops } = findings
  const member = findings.members[index]
  const warmup = findings.warmups[index]
  if (member === undefined || warmup === undefined) throw new Error(`there is no process ${index}`)
  const { info } = member.session
  const { gpuUuids } = member
  const inferenceS = (totals.end_ns - totals.start_ns) / 1e9
  return {
    schema_version: SCHEMA_VERSION,
    experiment_id: experimentId,
    process_index: index,
    pid: info.pid,
    backend: info.backend,
    versions: info.versions,
    model: info.model,
    dtype: info.dtype,
    quantisation: info.quantisation,
    compute: info.compute,
    gpu_uuids: info.device_uuids,
    gpu_names: info.device_names,
    assigned_gpu_uuids: gpuUuids,
    mig: migOf(info, environment),
    gpu_layers: info.gpu_layers,
    threads: info.threads,
    context_size: info.context_size,
    load_ms: info.load_ms,
    kept_loaded: findings.keptLoaded,
    start_ns: totals.start_ns,
    end_ns: totals.end_ns,
    requests: totals.requests,
    truncated: totals.truncated,
    input_tokens: totals.input_tokens,
    output_tokens: totals.output_tokens,
    failures: totals.failures,
    retries: totals.retries,
    tokens_per_second: ratio(
      totals.input_tokens === null ? null : totals.input_tokens + totals.output_tokens,
      inferenceS,
    ),
    latency,
    speed,
    request_latencies_ms: times.e2e,
    total_energy_j: energy === null ? null : joulesOfDevices(energy, gpuUuids),
    energy_breakdown: breakDown(energy, findings.baseline, {
      uuids: gpuUuids,
      parked: findings.parked,
      outputTokens: totals.output_tokens,
    }),
    thermal_throttle: observed === null ? null : throttleOf(observed, gpuUuids),
    total_flops: flops.processes[index]?.flops?.value ?? null,
    environment,
    warmup_result: warmup,
    timeseries_path: nameOf(findings.paths.timeseries),
    memory: findings.memory[index] ?? null,
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

/** A file of the result as the result names it: the folder may be moved, and is nobody else's business. */
function nameOf(path: string | null): string | null {
  return path === null ? null : basename(path)
}
