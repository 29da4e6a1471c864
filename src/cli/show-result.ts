import type { ExperimentResult, Spread } from '../results/experiment.js'
import { quantity, SIMULATED } from './screen.js'

/** A result for people, one fact a line; a line whose data do not exist is not there. */
export function showResult(result: ExperimentResult, runDir: string): string {
  const lines = [...summary(result), ...result.measurement_warnings.map((text) => `  Warning: ${text}`)]
  return [...(result.simulated ? [SIMULATED] : []), ...lines, `  Files: ${runDir}`].join('\n')
}

function* summary(result: ExperimentResult): Generator<string> {
  const { environment, energy_breakdown: energy, thermal_throttle: throttle, warmup_result: warmup } = result
  if (environment.summary_line !== '') yield `  Environment: ${environment.summary_line}`
  const [worker] = result.process_results
  if (worker !== undefined)
    yield `  Model: ${result.model} (${[worker.dtype, `${worker.backend} on ${worker.compute}`].filter(Boolean).join(', ')})`
  if (throttle?.detected)
    yield `  Warning: Thermal throttling detected (${quantity(throttle.throttle_duration_sec, 's').replace(' s', 's')})`
  yield `  Tokens: ${result.total_tokens} (${result.input_tokens} in, ${result.output_tokens} out) in ${result.total_inference_time_sec.toFixed(2)}s`
  if (result.avg_tokens_per_second !== null)
    yield `  Throughput: ${result.avg_tokens_per_second.toFixed(1)} tokens/s, ${quantity(result.output_tokens_per_second, 'output tokens/s')}`
  const latency = [spread('TTFT', result.latency.ttft_ms), spread('ITL', result.latency.itl_ms)].filter(
    Boolean,
  )
  if (latency.length > 0) yield `  Latency: ${latency.join(', ')}`
  if (energy === null) yield `  Energy: unknown. ${result.energy_reason}`
  else if (energy.adjusted_j === null) yield `  Energy: ${energy.raw_j.toFixed(2)}J raw`
  else
    yield `  Energy: ${energy.raw_j.toFixed(2)}J raw, ${energy.adjusted_j.toFixed(2)}J adjusted (baseline: ${energy.baseline_power_w?.toFixed(1)}W)`
  if (result.avg_energy_per_token_j !== null)
    yield `  Per token: ${perToken(result.avg_energy_per_token_j)}, ${perToken(result.energy_per_output_token_j)} of output`
  if (result.energy?.method != null)
    yield `  Measured by: ${result.energy.method}, ${(result.energy.coverage * 100).toFixed(1)}% of the window covered by readings`
  if (result.total_flops !== null) yield `  FLOPs: ${result.total_flops.toExponential(3)}`
  if (warmup.mode !== 'disabled') {
    const state = warmup.mode === 'failed' ? 'failed' : warmup.converged ? 'converged' : 'not converged'
    const cv = warmup.final_cv === null ? '' : `, CV=${warmup.final_cv.toFixed(3)}`
    yield `  Warmup: ${warmup.iterations_completed} prompts (${state}${cv})`
  }
}

function spread(name: string, times: Spread | null): string | null {
  return times === null ? null : `${name} p50 ${times.p50.toFixed(2)}ms p99 ${times.p99.toFixed(2)}ms`
}

function perToken(joules: number | null): string {
  return joules === null ? 'unknown' : `${joules.toPrecision(4)} J/token`
}
