import { describe, expect, it } from 'vitest'
import { showResult } from '../../dist/cli/show-result.js'
import { energyBreakdownSchema } from '../../dist/results/breakdown.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { warning } from '../../dist/results/findings.js'
import { deviceEnergy, energy, environment } from '../experiment/findings.js'

const spread = { count: 9, mean: 2, p50: 2, p95: 3, p99: 4, max: 5 }
const throttle = {
  detected: false,
  thermal: false,
  power: false,
  sw_thermal: false,
  hw_thermal: false,
  hw_slowdown: false,
  hw_power: false,
  throttle_duration_sec: 0,
  power_cap_duration_sec: 0,
  max_temperature_c: 60,
}
const warmup = {
  converged: true,
  final_cv: 0.0321,
  iterations_completed: 7,
  target_cv: 0.05,
  max_prompts: 50,
  latencies_ms: [],
  thermal_floor_wait_s: 60,
  mode: 'cv' as const,
  failures: 0,
}
const breakdown = energyBreakdownSchema.parse({
  raw_j: 6000,
  adjusted_j: 1200,
  baseline_power_w: 80,
  baseline_method: 'fresh' as const,
  baseline_timestamp: null,
  baseline_cache_age_sec: 0,
})

const NO_PHASES = {
  prefill: null,
  decode: null,
  mixed_j: 0,
  idle_j: 0,
  unattributable_j: 1000,
  reason: 'unattributable: prefill: of 10, 10 shorter than 3 update periods of the power sensor (300 ms)',
}
const STEADY = {
  start_ns: 0,
  end_ns: 20e9,
  duration_sec: 20,
  input_tokens: 1000,
  output_tokens: 4000,
  output_tokens_per_second: 200,
  energy_j: 8000,
  uncertainty_j: 20,
  absolute_uncertainty_j: 400,
  method: 'integral' as const,
  energy_per_output_token_j: 2,
  energy_per_output_token_uncertainty_j: 0.005,
  energy_per_output_token_absolute_uncertainty_j: 0.1,
}

/** A minute on an H200; only what is shown. */
function result(overrides: Partial<ExperimentResult> = {}): ExperimentResult {
  return {
    model: 'model.gguf',
    simulated: false,
    total_tokens: 3000,
    input_tokens: 1000,
    output_tokens: 2000,
    total_inference_time_sec: 60,
    avg_tokens_per_second: 50,
    output_tokens_per_second: 33.33,
    total_energy_j: 6000,
    avg_energy_per_token_j: 2,
    avg_energy_per_token_uncertainty_j: 0.001,
    energy_per_output_token_j: 3,
    energy_per_output_token_uncertainty_j: 0.0015,
    headline: 'whole_run',
    energy_reason: null,
    energy: energy({ devices: [deviceEnergy()] }),
    energy_breakdown: breakdown,
    total_flops: 1.5e15,
    flops: {
      value: 1.5e15,
      method: 'palm_formula',
      confidence: 'high',
      notes: ['N = 250000000000 weights per token', 'the attention over the context is not included'],
      attention: 2.5e13,
      attention_reason: null,
    },
    flops_reason: null,
    thermal_throttle: throttle,
    latency: { ttft_ms: spread, itl_ms: spread, tpot_ms: null, e2e_ms: null },
    environment: { ...environment(), summary_line: 'H200 140GB | 41C' },
    warmup_result: warmup,
    findings: [],
    measurement_warnings: [],
    process_results: [{ backend: 'llamacpp', compute: 'cuda', dtype: 'F16', quantisation: 'Q4_K_M' }],
    ...overrides,
  } as ExperimentResult
}

const lines = (overrides: Partial<ExperimentResult> = {}) =>
  showResult(result(overrides), 'results/x').split('\n')

describe('a result on the screen', () => {
  it('is the lines of the contract, then a table that ends with where the files are', () => {
    expect(lines()).toEqual([
      '  Environment: H200 140GB | 41C',
      '  Energy: 6000.00J raw, 1200.00J adjusted (baseline: 80.0W)',
      '  Warmup: 7 prompts (converged, CV=0.032)',
      '  Model        model.gguf (Q4_K_M, llamacpp on cuda)',
      '  Quoted       3.0000 J/output token +- 0.0015 J/output token (k=2), of the whole run',
      '  Tokens       3000 (1000 in, 2000 out) in 60.00 s',
      '  Throughput   50.0 tokens/s, 33.3 output tokens/s',
      '  Latency      TTFT 2.00 ms p50, 4.00 ms p99, ITL 2.00 ms p50, 4.00 ms p99',
      '  Per token    2.0000 J/token +- 0.0010 J/token of the whole run',
      "  Measured by  counter, +- 3.0 J on this board; +- 300 J (5.0 %) with the board's gain (k=2), 100.0% of the window covered by readings",
      '  FLOPs        1.500e+15, 5.000e+11 per token, palm_formula, confidence high',
      '  Attention    2.500e+13 FLOPs over the context, not in the above',
      '               N = 250000000000 weights per token',
      '  Files        results/x',
    ])
  })

  it('says why there is no energy once, however often result.json does', () => {
    const energy_reason = 'no GPU.'
    const shown = lines({
      energy: null,
      energy_breakdown: null,
      energy_reason,
      findings: [warning('energy_unknown', energy_reason), warning('another', 'one.')],
      load: { kept: false, seconds: 2, energy_j: null, uncertainty_j: null, reason: energy_reason },
    } as Partial<ExperimentResult>)
    expect(shown.filter((line) => line.includes(energy_reason))).toEqual(['  Energy: unknown: no GPU.'])
    expect(shown).toContainEqual(expect.stringMatching(/^ {2}Load +2\.00 s, energy unknown$/))
    expect(shown).toContain('  Warning: another: one.')
  })

  it.for([
    [
      'throttling',
      { thermal_throttle: { ...throttle, detected: true, throttle_duration_sec: 2.54 } },
      '  Warning: Thermal throttling detected (2.5s)',
    ],
    [
      'throttling of unknown duration',
      { thermal_throttle: { ...throttle, detected: true, throttle_duration_sec: null } },
      '  Warning: Thermal throttling detected',
    ],
    [
      'energy without a baseline',
      { energy_breakdown: { ...breakdown, adjusted_j: null, baseline_power_w: null } },
      '  Energy: 6000.00J raw',
    ],
    [
      'an adjusted energy below 0',
      { energy_breakdown: { ...breakdown, adjusted_j: -12.3 } },
      '  Energy: 6000.00J raw, -12.30J adjusted (baseline: 80.0W)',
    ],
    [
      'why there is no energy',
      { energy_breakdown: null, energy_reason: 'no GPU.' },
      '  Energy: unknown: no GPU.',
    ],
    [
      'why there are no FLOPs',
      { total_flops: null, flops: null, flops_reason: 'no config.json' },
      '  FLOPs        unknown: no config.json',
    ],
    [
      'why the attention has none',
      {
        flops: {
          value: 1,
          method: 'palm_formula',
          confidence: 'medium',
          notes: [],
          attention: null,
          attention_reason: 'no heads',
        },
      },
      '  Attention    FLOPs unknown: no heads',
    ],
    [
      'a warmup that did not converge',
      { warmup_result: { ...warmup, converged: false } },
      '  Warmup: 7 prompts (not converged, CV=0.032)',
    ],
    [
      'a warmup that failed',
      {
        warmup_result: {
          ...warmup,
          mode: 'failed' as const,
          converged: false,
          final_cv: null,
          iterations_completed: 0,
        },
      },
      '  Warmup: 0 prompts (failed)',
    ],
    [
      'a fixed warmup too short for a CV',
      { warmup_result: { ...warmup, mode: 'fixed' as const, final_cv: null } },
      '  Warmup: 7 prompts (fixed)',
    ],
    [
      'the CPU on a line of its own',
      { energy: energy({ cpu: { package_j: 1500, dram_j: null, reason: 'no DRAM', domains: [] } }) },
      '  CPU          1500.0 J by RAPL, beside the energy of the GPUs',
    ],
    [
      'the memory on a line of its own',
      { energy: energy({ cpu: { package_j: 1500, dram_j: 20, reason: null, domains: [] } }) },
      '  DRAM         20.0 J by RAPL, beside the energy of the GPUs',
    ],
    [
      'the phases that are known',
      {
        phases: {
          ...NO_PHASES,
          decode: {
            energy_j: 5000,
            uncertainty_j: 12.34,
            duration_s: 50,
            requests: 9,
            left_out: 1,
            output_tokens: 2000,
            j_per_output_token: 2.5,
          },
        },
      },
      '  Phases       decode 2.5000 J/output token +- 0.0062 J/output token, 5000 J +- 12 J in 9 of 10 requests',
    ],
    [
      'a steady state that is the headline',
      { steady_state: STEADY, headline: 'steady_state' },
      '  Steady state  200.0 output tokens/s, in 20.0 s, 8000 J +- 20 J (k=2) (the headline)',
    ],
    [
      'the joules per token of the steady state where they are what is quoted',
      { steady_state: STEADY, headline: 'steady_state' },
      '  Quoted        2.0000 J/output token +- 0.0050 J/output token (k=2), of the steady state',
    ],
    [
      'bare, parked and active',
      {
        energy_breakdown: {
          ...breakdown,
          ...{ baseline_uncertainty_w: 0.5, baseline_reason: null, bare_j: 4800 },
          ...{ parked_power_w: 90, parked_uncertainty_w: 0.5, parked_source: 'thermal_floor' as const },
          ...{ parked_duration_sec: 12, parked_j: 600, parked_reason: null },
          ...{ active_j: 600, active_uncertainty_j: 30 },
          ...{ active_energy_per_output_token_j: 0.3, active_energy_per_output_token_uncertainty_j: 0.015 },
        },
      },
      '  Idle         bare 80.00 W +- 0.50 W; parked 90.00 W +- 0.50 W',
    ],
    [
      'a steady state without energy',
      {
        steady_state: {
          ...STEADY,
          energy_j: null,
          uncertainty_j: null,
          energy_per_output_token_j: null,
        },
        headline: 'whole_run',
      },
      '  Steady state  200.0 output tokens/s, in 20.0 s',
    ],
    ['each warning', { findings: [warning('sample_gap', '2s.')] }, '  Warning: sample_gap: 2s.'],
    [
      'what is only to be known as a note',
      { findings: [{ ...warning('delay_not_known', 'yet.'), severity: 'info' as const }] },
      '  Note: delay_not_known: yet.',
    ],
    [
      'how many GPUs have a finding',
      { findings: [{ ...warning('sample_gap', '2s.'), devices: [0, 3], count: 2 }] },
      '  Warning: sample_gap: 2s. (2 GPUs)',
    ],
    [
      'joules per token of an older llem without an uncertainty',
      { avg_energy_per_token_uncertainty_j: null, energy_per_output_token_uncertainty_j: null },
      '  Per token    2.000 J/token of the whole run',
    ],
    [
      'first that it is simulated',
      { simulated: true },
      'SIMULATED: these numbers come from a simulated GPU, not from hardware.',
    ],
  ] as const)('shows %s', ([, overrides, line]) => {
    expect(lines({ ...overrides } as Partial<ExperimentResult>)).toContain(line)
  })

  it('shows no phase that most requests are left out of', () => {
    const decode = {
      energy_j: 50,
      uncertainty_j: null,
      duration_s: 1,
      requests: 2,
      left_out: 8,
      output_tokens: 20,
      j_per_output_token: 2.5,
    }
    expect(lines({ phases: { ...NO_PHASES, decode } }).join()).not.toContain('Phases')
  })

  it.for([
    [
      { seconds: 12.345, energy_j: 4567.8, uncertainty_j: 12, method: 'counter' },
      '12.35 s, 4568 J +- 12 J (k=2), in no other number',
    ],
    [{ seconds: 0.1, reason: 'the window is too short' }, '0.10 s, energy unknown: the window is too short'],
    [{ kept: true, reason: 'kept' }, 'none: the model was kept from the experiment before'],
  ] as const)('tells what loading took: %o', ([load, expected]) => {
    const nothing = { method: null, coverage: null, window: null }
    const unknown = { energy_j: null, uncertainty_j: null, absolute_uncertainty_j: null, ...nothing }
    const whole = { kept: false, seconds: null, devices: [], reason: null, ...unknown, ...load }
    expect(lines({ load: whole })).toContain(`  Load         ${expected}`)
    expect(lines({ load: null }).join()).not.toContain('Load')
  })

  it('has no line for what does not exist', () => {
    const nothing = { ttft_ms: null, itl_ms: null, tpot_ms: null, e2e_ms: null, reason: null }
    expect(
      lines({
        environment: environment(),
        energy: null,
        energy_breakdown: null,
        energy_reason: 'no GPU.',
        total_energy_j: null,
        energy_per_output_token_j: null,
        avg_energy_per_token_j: null,
        avg_tokens_per_second: null,
        latency: nothing,
        total_flops: null,
        thermal_throttle: null,
        warmup_result: { ...warmup, mode: 'disabled' },
      }),
    ).toEqual([
      '  Energy: unknown: no GPU.',
      '  Model   model.gguf (Q4_K_M, llamacpp on cuda)',
      '  Tokens  3000 (1000 in, 2000 out) in 60.00 s',
      '  Files   results/x',
    ])
  })
})
