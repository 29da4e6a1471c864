// result.json -> what a campaign keeps of a run.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ExperimentResult } from '../results/experiment.js'
import { quotedNumbers } from '../results/quoted.js'
import { whoseJoules } from '../results/whose.js'
import type { RunSummary } from './protocol.js'

/** The summary of a finished experiment, whose result.json is in `runDir`. */
export function summaryOf(result: ExperimentResult, runDir: string): RunSummary {
  const { quoted, quoted_total } = quotedNumbers(result)
  const { ttft_ms, itl_ms, tpot_ms, e2e_ms } = result.latency
  return {
    experiment_id: result.experiment_id,
    result_path: join(runDir, 'result.json'),
    config_hash: result.config_hash,
    energy_j: quoted_total.value,
    energy_problem: energyProblem(result),
    energy_reason: isAskedFor(result) ? result.energy_reason : null,
    energy_per_output_token_j: quoted.value,
    quoted,
    quoted_total,
    energy_of: whoseJoules(result.energy),
    energy_per_request_j: over(quoted_total.value, finishedRequests(result)),
    output_tokens_per_j: over(1, quoted.value),
    good_output_tokens_per_j: result.goodput?.output_tokens_per_j ?? null,
    mean_power_w: over(quoted_total.value, result.energy?.duration_sec ?? null),
    active_energy_j: result.energy_breakdown?.active_j ?? null,
    active_energy_per_output_token_j: result.energy_breakdown?.active_energy_per_output_token_j ?? null,
    active_energy_uncertainty_j: result.energy_breakdown?.active_uncertainty_j ?? null,
    active_energy_per_output_token_uncertainty_j:
      result.energy_breakdown?.active_energy_per_output_token_uncertainty_j ?? null,
    tokens_per_second: result.avg_tokens_per_second,
    output_tokens: result.output_tokens,
    inference_s: result.total_inference_time_sec,
    output_tokens_per_second: result.output_tokens_per_second,
    ttft_p50_ms: ttft_ms?.p50 ?? null,
    itl_p50_ms: itl_ms?.p50 ?? null,
    tpot_p50_ms: tpot_ms?.p50 ?? null,
    e2e_p50_ms: e2e_ms?.p50 ?? null,
    warnings: result.measurement_warnings.length,
    gpu_uuids: result.environment.gpus.map(({ uuid }) => uuid),
    load_s: result.load?.seconds ?? null,
    load_energy_j: result.load?.energy_j ?? null,
    disk_bytes: bytesIn(runDir),
  }
}

/** Those that failed are counted beside them. */
function finishedRequests({ process_results }: ExperimentResult): number {
  return process_results.reduce((sum, { requests }) => sum + requests, 0)
}

function over(amount: number | null, divisor: number | null): number | null {
  return amount === null || divisor === null || !(divisor > 0) ? null : amount / divisor
}

/** Null energy is a problem where readings failed; a window that is too short has none of a GPU that is well. */
function energyProblem(result: ExperimentResult): string | null {
  const { total_energy_j, energy, energy_reason } = result
  if (total_energy_j !== null || !isAskedFor(result)) return null
  const failures = (energy?.devices ?? []).flatMap(({ missing_reason }) => missing_reason ?? [])
  if (energy !== null && failures.length === 0) return null
  return [energy_reason, ...new Set(failures)].filter((text) => text !== null).join(': ')
}

function isAskedFor({ effective_config }: ExperimentResult): boolean {
  const { energy } = (effective_config ?? {}) as { energy?: { backend?: unknown } }
  return energy?.backend !== null
}

function bytesIn(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
}
