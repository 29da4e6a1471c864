// What a result.json says twice must be the same both times: sums, quotients, and what was taken off.

import { counted, packageUncertaintyJ } from '../energy/cpu.js'
import type { Component, DeviceEnergy, Energy } from '../results/energy.js'
import type { ExperimentResult, ProcessResult } from '../results/experiment.js'
import { ownDevicePath, ownPath, ownSampler } from '../results/own-sampler.js'
import { joulesOfDevices, unionOfWindowsS } from '../results/shares.js'
import { checksOfAttribution } from './attribution-arithmetic.js'
import { checksOfBreakdown } from './breakdown-arithmetic.js'
import { type Check, check, type Quantity } from './check.js'

const RESULT = 'result.json'

/** The totals of a window by its devices and sockets, and each device's quotients by its joules. */
export function checksOfEnergy(energy: Energy): Check[] {
  const own = ownSampler(energy)
  const { window } = energy
  const lasted = (window.end_ns - window.start_ns) / 1e9
  return [
    check('energy.duration_sec', RESULT, energy.duration_sec, lasted),
    ...checksOfBackend(energy),
    ...checksOfCpu(energy),
    ...(own === null ? [] : checksOfOwn(energy, own)),
  ]
}

/** What another backend than llem's own sampler says of each GPU adds up. */
function checksOfBackend({ total_j, measurement }: Energy): Check[] {
  const joules = measurement?.per_gpu_j ?? null
  return joules === null ? [] : [check('energy.total_j', RESULT, total_j, sum(Object.values(joules)))]
}

/** The CPU's domains add up over the sockets; where they are the headline, it is the packages'. */
function checksOfCpu({ cpu, domain, backend, total_j, uncertainty_j }: Energy): Check[] {
  const isHeadline = domain === 'cpu' && backend === 'rapl'
  return [
    ...(['package', 'dram'] as const).map((kind) => {
      const joules = sum(counted(cpu.domains, kind).map(({ energy_j }) => energy_j))
      return check(`energy.cpu.${kind}_j`, RESULT, cpu[`${kind}_j`], joules)
    }),
    ...(isHeadline
      ? [
          check('energy.total_j', RESULT, total_j, cpu.package_j),
          check('energy.uncertainty_j', RESULT, uncertainty_j, packageUncertaintyJ(cpu)),
        ]
      : []),
  ]
}

/** What llem's own sampler says. */
function checksOfOwn(energy: Energy, own: Energy): Check[] {
  const { devices, duration_sec: durationS, cut } = own
  const recordedS = cut === null ? durationS : (cut.recorded.end_ns - cut.recorded.start_ns) / 1e9
  const stored = (name: keyof Energy & keyof DeviceEnergy, recomputed: Quantity) =>
    check(ownPath(energy, name), RESULT, own[name] as Quantity, recomputed)
  const [first] = devices
  return [
    ...(['total_j', 'integral_j', 'counter_j', 'counter_raw_j'] as const).map((name) =>
      stored(name, sum(devices.map((device) => device[name]))),
    ),
    stored(
      'method',
      devices.every(({ method }) => method === first?.method) ? (first?.method ?? null) : null,
    ),
    stored(
      'residual_pct',
      devices.every(({ residual_pct }) => residual_pct !== null) ? residualPct(energy) : null,
    ),
    stored('uncertainty_j', rootOfSquares(devices.map((device) => device.uncertainty_j))),
    stored('absolute_uncertainty_j', rootOfSquares(devices.map((device) => device.absolute_uncertainty_j))),
    stored('coverage', Math.min(...devices.map(({ coverage }) => coverage))),
    ...devices.flatMap((device, position) =>
      checksOfDevice(device, (key) => ownDevicePath(energy, position, key), { durationS, recordedS }),
    ),
  ]
}

/** `recordedS`: the length of the window that gaps are of. */
function checksOfDevice(
  device: DeviceEnergy,
  path: (key: string) => string,
  { durationS, recordedS }: { durationS: number; recordedS: number },
): Check[] {
  const { total_j, mean_power_w: meanW, coverage, uncertainty: parts } = device
  // Without a total, the mean is that of the covered part of the integral.
  const [joules, seconds] =
    total_j === null ? [device.integral_j, durationS * coverage] : [total_j, durationS]
  return [
    ...(parts.length === 0
      ? []
      : [
          check(
            path('uncertainty_j'),
            RESULT,
            device.uncertainty_j,
            expanded(parts.filter(({ of_board }) => !of_board)),
          ),
          check(
            path('absolute_uncertainty_j'),
            RESULT,
            device.absolute_uncertainty_j,
            parts.some(({ of_board }) => of_board) ? expanded(parts) : null,
          ),
        ]),
    check(path('residual_pct'), RESULT, device.residual_pct, residualOfDevice(device)),
    check(path('mean_power_w'), RESULT, meanW, joules === null ? null : ratio(joules, seconds)),
    check(path('gap_s'), RESULT, device.gap_s, recordedS * (1 - coverage), { scale: recordedS }),
  ]
}

/** What `llem run` says besides its window: tokens, joules per token, the baseline. */
export function checksOfExperiment(result: ExperimentResult): Check[] {
  const { input_tokens, output_tokens, total_inference_time_sec: inferenceS, process_results } = result
  const energyJ = result.energy?.total_j ?? null
  const tokens = input_tokens === null ? null : input_tokens + output_tokens
  const stored = (name: keyof ExperimentResult, recomputed: Quantity) =>
    check(name, RESULT, result[name] as Quantity, recomputed)
  return [
    stored('total_tokens', tokens),
    stored('input_tokens', sum(process_results.map((each) => each.input_tokens))),
    stored('output_tokens', sum(process_results.map((each) => each.output_tokens))),
    stored('avg_tokens_per_second', ratio(tokens, inferenceS)),
    stored('output_tokens_per_second', ratio(output_tokens, inferenceS)),
    stored('total_energy_j', energyJ),
    stored('avg_energy_per_token_j', ratio(energyJ, tokens)),
    stored('energy_per_output_token_j', ratio(energyJ, output_tokens)),
    // An older llem did not divide them.
    ...(['uncertainty_j', 'absolute_uncertainty_j'] as const).flatMap((name) => {
      const joules = result.energy?.[name] ?? null
      const byOutput = `energy_per_output_token_${name}` as const
      return result[byOutput] === null
        ? []
        : [
            stored(`avg_energy_per_token_${name}`, ratio(joules, tokens)),
            stored(byOutput, ratio(joules, output_tokens)),
          ]
    }),
    ...checksOfBreakdown(result.energy_breakdown, 'energy_breakdown', result.energy, energyJ),
    stored('total_inference_time_sec', unionOfWindowsS(process_results)),
    ...checksOfLoad(result),
    ...checksOfAttribution(result),
    ...process_results.flatMap((each, position) =>
      checksOfProcess(each, `process_results[${position}]`, result.energy),
    ),
  ]
}

/** Loading has a window of its own, which is over before the one that is measured begins. */
function checksOfLoad({ load, energy, process_results }: ExperimentResult): Check[] {
  if (load === null) return []
  const { kept, window, devices } = load
  const keptBy = process_results.every(({ kept_loaded }) => kept_loaded)
  const measured =
    window === null
      ? []
      : [
          check('load.seconds', RESULT, load.seconds, (window.end_ns - window.start_ns) / 1e9),
          check('load.energy_j', RESULT, load.energy_j, sum(devices.map(({ energy_j }) => energy_j))),
        ]
  const isBefore = window === null || energy === null || window.end_ns <= energy.window.start_ns
  return [
    check('load.kept', RESULT, String(kept), String(keptBy)),
    ...measured,
    check('load.window', RESULT, 'before the measured one', isBefore ? 'before the measured one' : 'in it'),
  ]
}

function checksOfProcess(process: ProcessResult, path: string, energy: Energy | null): Check[] {
  const inferenceS = (process.end_ns - process.start_ns) / 1e9
  const tokens = sum([process.input_tokens, process.output_tokens])
  const energyJ = energy === null ? null : joulesOfDevices(energy, process.assigned_gpu_uuids)
  const perSecond = ratio(tokens, inferenceS)
  return [
    check(`${path}.tokens_per_second`, RESULT, process.tokens_per_second, perSecond),
    check(`${path}.total_energy_j`, RESULT, process.total_energy_j, energyJ),
    ...checksOfBreakdown(process.energy_breakdown, `${path}.energy_breakdown`, energy, energyJ),
  ]
}

/** A line of requests.jsonl, as far as it is counted. One without tokens came to nothing. */
interface RequestLine {
  input_tokens?: number | null
  output_tokens?: number
  energy_j?: number | null
  /** It came to nothing and is in no total. */
  failed?: boolean
}

/** The tokens of the prompts, one by one, against their totals. */
export function checksOfRequests(result: ExperimentResult, told: readonly RequestLine[]): Check[] {
  const from = 'requests.jsonl'
  const finished = told.filter(({ failed }) => failed !== true)
  const requests = sum(result.process_results.map((each) => each.requests))
  const failures = sum(result.process_results.map((each) => each.failures))
  const all = (value: (line: RequestLine) => number | null | undefined) =>
    finished.length === 0 ? 0 : sum(finished.map((line) => value(line) ?? null))
  return [
    check('process_results[].requests', from, requests, finished.length),
    check('process_results[].failures', from, failures, told.length - finished.length),
    check(
      'input_tokens',
      from,
      result.input_tokens,
      all(({ input_tokens }) => input_tokens),
    ),
    check(
      'output_tokens',
      from,
      result.output_tokens,
      all(({ output_tokens }) => output_tokens),
    ),
    ...(result.request_energy === null
      ? []
      : [
          check(
            'request_energy.total_j',
            from,
            result.request_energy.total_j,
            all(({ energy_j }) => energy_j),
          ),
        ]),
  ]
}

/** A device's residual is that of a window without holes (MIN_COVERAGE of the meter), else null. */
function residualOfDevice(device: DeviceEnergy): number | null {
  return device.residual_pct === null ? null : residualPct(device)
}

function residualPct({ integral_j, counter_j }: Pick<Energy, 'integral_j' | 'counter_j'>): number | null {
  if (integral_j === null || counter_j === null || counter_j <= 0) return null
  return ((integral_j - counter_j) / counter_j) * 100
}

/** Null as soon as one part is. */
function sum(parts: readonly (number | null)[]): number | null {
  const known = parts.filter((part) => part !== null)
  return known.length < parts.length || parts.length === 0 ? null : known.reduce((a, b) => a + b, 0)
}

/** The parts of an uncertainty together (k = 2). */
function expanded(parts: readonly Component[]): number {
  return 2 * Math.hypot(...parts.map(({ standard_uncertainty_j }) => standard_uncertainty_j))
}

function rootOfSquares(parts: readonly (number | null)[]): number | null {
  const squares = sum(parts.map((part) => (part === null ? null : part * part)))
  return squares === null ? null : Math.sqrt(squares)
}

function ratio(amount: number | null, of: number | null): number | null {
  return amount === null || of === null || !(of > 0) ? null : amount / of
}
