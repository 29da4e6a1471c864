import type { Energy } from '../results/energy.js'
import type { ExperimentResult, Load, Spread } from '../results/experiment.js'
import { spoken } from '../results/findings.js'
import type { Goodput } from '../results/goodput.js'
import { uncertain } from '../results/uncertain.js'
import { whoseJoules } from '../results/whose.js'
import { cpuFacts } from './cpu-facts.js'
import { externalFacts } from './external-facts.js'
import { bothUncertainties } from './joules.js'
import { migFacts } from './mig-facts.js'
import { nodeFacts } from './node-facts.js'
import { levelFacts, ofWhom, perToken, quotedFacts } from './quoted-facts.js'
import { SIMULATED } from './screen.js'
import { sensorFacts } from './sensor-facts.js'
import { servedBy, servingFacts, sourceText } from './serving-facts.js'
import { facts } from './tables.js'
import { untrustedFacts } from './untrusted-facts.js'

/**
 * A result for people: the lines that the contract words, then the numbers as a table. A line whose data do not
 * exist is not there.
 */
export function showResult(result: ExperimentResult, runDir: string): string {
  return [
    ...(result.simulated ? [SIMULATED] : []),
    ...summary(result),
    ...result.findings
      .filter(({ code, text }) => !(code === 'energy_unknown' && text === result.energy_reason))
      .map((finding) => `  ${spoken(finding, result.energy?.devices.length ?? 0)}`),
    facts([...factsOf(result), ['Files', runDir]]),
  ].join('\n')
}

function* summary(result: ExperimentResult): Generator<string> {
  const { environment, energy_breakdown: energy, thermal_throttle: throttle, warmup_result: warmup } = result
  if (environment.summary_line !== '') yield `  Environment: ${environment.summary_line}`
  if (throttle?.detected) {
    const seconds = throttle.throttle_duration_sec
    yield `  Warning: Thermal throttling detected${seconds === null ? '' : ` (${seconds.toFixed(1)}s)`}`
  }
  const whose = whoseJoules(result.energy)
  const of = whose === null ? '' : ` (${whose})`
  if (energy === null) yield `  Energy: unknown: ${result.energy_reason}`
  else if (energy.adjusted_j === null) yield `  Energy: ${energy.raw_j.toFixed(2)}J raw${of}`
  else
    yield `  Energy: ${energy.raw_j.toFixed(2)}J raw, ${energy.adjusted_j.toFixed(2)}J adjusted (baseline: ${energy.baseline_power_w?.toFixed(1)}W)`
  if (warmup.mode !== 'disabled') {
    const ended = warmup.mode === 'fixed' ? 'fixed' : 'converged'
    const state = warmup.mode === 'failed' ? 'failed' : warmup.converged ? ended : 'not converged'
    const cv = warmup.final_cv === null ? '' : `, CV=${warmup.final_cv.toFixed(3)}`
    yield `  Warmup: ${warmup.iterations_completed} prompts (${state}${cv})`
  }
}

function* factsOf(result: ExperimentResult): Generator<[name: string, fact: string]> {
  const [worker] = result.process_results
  if (worker !== undefined) {
    const how = [worker.quantisation ?? worker.dtype, `${worker.backend} on ${worker.compute}`]
    yield ['Model', `${result.model} (${how.filter((part) => part !== null).join(', ')})`]
  }
  if (result.identity?.source != null) yield ['Weights', sourceText(result.identity.source)]
  if (result.identity != null && result.identity.resolved.by !== 'loaded')
    yield ['Served by', servedBy(result.identity)]
  yield* quotedFacts(result)
  if (result.load != null) yield ['Load', loadText(result.load, result.energy_reason)]
  const { total_tokens, input_tokens, output_tokens, total_inference_time_sec: inferenceS } = result
  yield [
    'Tokens',
    `${total_tokens ?? 'unknown'} (${input_tokens ?? 'unknown'} in, ${output_tokens} out) in ${inferenceS.toFixed(2)} s`,
  ]
  if (result.serving != null) yield* servingFacts(result.serving)
  if (result.avg_tokens_per_second !== null)
    yield [
      'Throughput',
      `${result.avg_tokens_per_second.toFixed(1)} tokens/s${also(result.output_tokens_per_second, (rate) => `${rate.toFixed(1)} output tokens/s`)}`,
    ]
  const { ttft_ms, itl_ms } = result.latency
  const latency = [spread('TTFT', ttft_ms), spread('ITL', itl_ms)].filter((part) => part !== null)
  if (latency.length > 0) yield ['Latency', latency.join(', ')]
  if (result.goodput != null) yield ['Goodput', goodputText(result.goodput)]
  const { prefill_tokens_per_second: prefill = null, decode_tokens_per_second: decode = null } =
    result.speed ?? {}
  if (prefill !== null)
    yield [
      'Per request',
      `prefill ${prefill.toFixed(1)} tokens/s${also(decode, (rate) => `decode ${rate.toFixed(1)} tokens/s`)}`,
    ]
  const { avg_energy_per_token_j: perAny, avg_energy_per_token_uncertainty_j: uncertainty } = result
  if (perAny !== null)
    yield [
      'Per token',
      `${perToken(perAny, uncertainty, 'J/token')} of the whole run${ofWhom(result.energy)}`,
    ]
  yield* levelFacts(result)
  yield* attributed(result)
  if (result.energy?.method != null) {
    const { backend, method, coverage, devices } = result.energy
    const by = backend === 'nvml' ? method : `${backend}, ${method}`
    const covered = also(
      coverage,
      (share) => `${(share * 100).toFixed(1)}% of the window covered by readings`,
    )
    yield [
      'Measured by',
      `${by}${also(bothUncertainties(result.energy, devices.length), (both) => `${both} (k=2)`)}${covered}`,
    ]
  }
  if (result.energy != null) yield* beside(result.energy)
  if (result.energy !== null) {
    yield* nodeFacts(result.energy)
    yield* cpuFacts(result.energy)
    yield* sensorFacts(result.energy.sensors)
    yield* untrustedFacts(result.energy)
    yield* migFacts(result.energy.devices)
    yield* externalFacts(result.energy.external)
  }
  const { carbon, cost } = result
  if (carbon != null)
    yield [
      'Carbon',
      `${amount(carbon.gco2e)} gCO2e at ${carbon.intensity_gco2_kwh} g/kWh, PUE ${carbon.pue} (${carbon.source})`,
    ]
  if (cost != null)
    yield [
      'Cost',
      `${amount(cost.amount)} at ${cost.price_per_kwh} per kWh, PUE ${cost.pue} (${cost.source})`,
    ]
  yield* flopsFacts(result)
}

/** "90 of 100 requests with TTFT <= 200 ms: 12.1 output tokens/s, 0.123 J/good output token" */
function goodputText(goodput: Goodput): string {
  const { slo, good_requests, requests, output_tokens_per_second: rate } = goodput
  const names = { ttft_ms: 'TTFT', tpot_ms: 'TPOT', e2e_ms: 'latency' } as const
  const asked = Object.entries(names).flatMap(([key, name]) => {
    const limit = slo[key as keyof typeof names]
    return limit === null ? [] : [`${name} <= ${limit} ms`]
  })
  const each = goodput.energy_per_output_token_j
  const numbers = [
    ...(rate === null ? [] : [`${rate.toFixed(1)} output tokens/s`]),
    ...(each === null ? [] : [`${each.toPrecision(4)} J of the whole run for each of their output tokens`]),
  ]
  return `${good_requests} of ${requests} requests with ${asked.join(', ')}: ${numbers.join(', ')}`
}

/** The estimate with what it rests on, and the attention, which is not in it. */
function* flopsFacts({
  total_flops,
  flops,
  flops_reason,
  total_tokens,
}: ExperimentResult): Generator<[name: string, fact: string]> {
  if (total_flops === null) {
    if (flops_reason !== null) yield ['FLOPs', `unknown: ${flops_reason}`]
    return
  }
  const each = total_tokens === null ? null : `${(total_flops / total_tokens).toPrecision(4)} per token`
  const how = flops === null ? null : `${flops.method}, confidence ${flops.confidence}`
  yield ['FLOPs', [total_flops.toExponential(3), each, how].filter((part) => part !== null).join(', ')]
  if (flops === null) return
  const { attention, attention_reason, notes } = flops
  if (attention !== null)
    yield ['Attention', `${attention.toExponential(3)} FLOPs over the context, not in the above`]
  else if (attention_reason !== null) yield ['Attention', `FLOPs unknown: ${attention_reason}`]
  // The line above says it.
  const said = notes.filter((note) => note !== 'the attention over the context is not included')
  if (said.length > 0) yield ['', said.join('; ')]
}

/** "12.34 s, 4567.89 J +- 12.03 J (k=2), in no other number" */
function loadText({ kept, seconds, energy_j, uncertainty_j, reason }: Load, said: string | null): string {
  if (kept) return 'none: the model was kept from the experiment before'
  const time = seconds === null ? 'unknown time' : `${seconds.toFixed(2)} s`
  // What the line of the energy has said is not said again.
  if (energy_j === null) return `${time}, energy unknown${reason === said ? '' : `: ${reason}`}`
  return `${time}, ${uncertain(energy_j, uncertainty_j, 'J')}${uncertainty_j === null ? '' : ' (k=2)'}, in no other number`
}

/** Prefill and decode, and the steady state, where they are known. */
function* attributed({
  phases,
  steady_state: steady,
  headline,
}: ExperimentResult): Generator<[name: string, fact: string]> {
  const { prefill, decode } = phases ?? {}
  const parts = [
    ...(prefill ? phase('prefill', prefill, prefill.input_tokens, 'input token') : []),
    ...(decode ? phase('decode', decode, decode.output_tokens, 'output token') : []),
  ]
  if (parts.length > 0) yield ['Phases', parts.join('; ')]
  if (steady != null) {
    const { energy_per_output_token_j: joules, energy_per_output_token_uncertainty_j: bound } = steady
    const facts = [
      // The headline is what is quoted, above.
      ...(joules === null || headline === 'steady_state' ? [] : [perToken(joules, bound, 'J/output token')]),
      ...(steady.output_tokens_per_second === null
        ? []
        : [`${steady.output_tokens_per_second.toFixed(1)} output tokens/s`]),
      `in ${steady.duration_sec.toFixed(1)} s`,
    ]
    const energy =
      steady.energy_j === null
        ? ''
        : `, ${uncertain(steady.energy_j, steady.uncertainty_j, 'J')}${steady.uncertainty_j === null ? '' : ' (k=2)'}`
    yield [
      'Steady state',
      `${facts.join(', ')}${energy}${headline === 'steady_state' ? ' (the headline)' : ''}`,
    ]
  }
}

/** Nothing where most requests are left out: those that took long enough are then no example of the others. */
function phase(
  name: string,
  {
    energy_j,
    uncertainty_j,
    requests,
    left_out,
  }: { energy_j: number; uncertainty_j: number | null; requests: number; left_out: number },
  tokens: number | null,
  of: string,
): string[] {
  if (requests < left_out) return []
  const over = (joules: number) => (tokens !== null && tokens > 0 ? joules / tokens : null)
  const joules = over(energy_j)
  const bound = uncertainty_j === null ? null : over(uncertainty_j)
  const each = joules === null ? '' : `${perToken(joules, bound, `J/${of}`)}, `
  const whole = uncertain(energy_j, uncertainty_j, 'J')
  return [`${name} ${each}${whole} in ${requests} of ${requests + left_out} requests`]
}

function also<Value>(value: Value | null, text: (value: Value) => string): string {
  return value === null ? '' : `, ${text(value)}`
}

function spread(name: string, times: Spread | null): string | null {
  return times === null ? null : `${name} ${times.p50.toFixed(2)} ms p50, ${times.p99.toFixed(2)} ms p99`
}

function amount(value: number): string {
  return value.toPrecision(3)
}

/** What another backend than llem's own sampler brings along. */
function* beside({ measurement, cross_check: check }: Energy): Generator<[name: string, fact: string]> {
  if (check?.over_backend_window_j != null)
    yield [
      'Cross-check',
      `${uncertain(check.over_backend_window_j, check.uncertainty_j, 'J')} by llem's own sampler${also(check.residual_pct, (percent) => `${percent.toFixed(1)}% apart`)}`,
    ]
  for (const { domain, energy_j, source } of measurement?.domains ?? [])
    if (energy_j !== null) yield [domain.toUpperCase(), `${energy_j.toFixed(2)} J (${source})`]
}
