// What of a result is compared, in the order in which it is shown: the first is the headline.

import { z } from 'zod'
import type { ExecResult } from '../results/exec.js'
import type { ExperimentResult } from '../results/experiment.js'
import { quotedNumbers } from '../results/quoted.js'
import type { AnyResult } from '../results/read.js'

/** In the order in which they are shown. */
export const METRIC_KEYS = [
  'energy_per_output_token_j',
  'active_energy_per_output_token_j',
  'whole_run_energy_per_output_token_j',
  'energy_per_request_j',
  'energy_j',
  'good_output_tokens_per_j',
  'mean_power_w',
  'output_tokens_per_second',
  'ttft_p50_ms',
  'itl_p50_ms',
  'e2e_p50_ms',
  'duration_s',
] as const
export type MetricKey = (typeof METRIC_KEYS)[number]
export const metricKey = z.enum(METRIC_KEYS)

export interface Metric {
  key: MetricKey
  title: string
  unit: string
  better: 'lower' | 'higher'
  /** "B VERB 12 % less NOUN than A" */
  verb: string
  noun: string
}

export const METRICS: readonly Metric[] = [
  {
    ...{ key: 'energy_per_output_token_j', title: 'J/output token', unit: 'J/output token', better: 'lower' },
    ...{ verb: 'uses', noun: 'energy per output token' },
  },
  {
    ...{ key: 'active_energy_per_output_token_j', title: 'active J/output token', unit: 'J/output token' },
    ...{ better: 'lower', verb: 'uses', noun: 'active energy per output token' },
  },
  {
    ...{ key: 'whole_run_energy_per_output_token_j', title: 'whole run J/output token' },
    ...{ unit: 'J/output token', better: 'lower', verb: 'uses' },
    noun: 'energy per output token over the whole run',
  },
  {
    ...{ key: 'energy_per_request_j', title: 'J/request', unit: 'J/request', better: 'lower' },
    ...{ verb: 'uses', noun: 'energy per request' },
  },
  {
    ...{ key: 'energy_j', title: 'energy', unit: 'J', better: 'lower' },
    ...{ verb: 'uses', noun: 'energy' },
  },
  {
    ...{ key: 'good_output_tokens_per_j', title: 'good output tokens/J', unit: 'output tokens/J' },
    ...{ better: 'higher', verb: 'makes' },
    noun: 'output tokens within the limits per joule',
  },
  {
    ...{ key: 'mean_power_w', title: 'mean power', unit: 'W', better: 'lower' },
    ...{ verb: 'draws', noun: 'power' },
  },
  {
    ...{ key: 'output_tokens_per_second', title: 'output throughput', unit: 'output tokens/s' },
    ...{ better: 'higher', verb: 'makes', noun: 'output tokens per second' },
  },
  {
    ...{ key: 'ttft_p50_ms', title: 'TTFT p50', unit: 'ms', better: 'lower' },
    ...{ verb: 'takes', noun: 'time to the first token' },
  },
  {
    ...{ key: 'itl_p50_ms', title: 'ITL p50', unit: 'ms', better: 'lower' },
    ...{ verb: 'takes', noun: 'time between tokens' },
  },
  {
    ...{ key: 'e2e_p50_ms', title: 'latency p50', unit: 'ms', better: 'lower' },
    ...{ verb: 'takes', noun: 'time per request' },
  },
  {
    ...{ key: 'duration_s', title: 'duration', unit: 's', better: 'lower' },
    ...{ verb: 'takes', noun: 'time' },
  },
]

/** A value and how far it may be off (k = 2) on these boards, and with their gain; null where that is not known. */
export const measuredSchema = z.object({
  value: z.number(),
  uncertainty: z.number().nonnegative().nullable(),
  absolute_uncertainty: z.number().nonnegative().nullable(),
})
export type Measured = z.infer<typeof measuredSchema>
/** Null, or absent, is unknown. */
export type Values = { [K in MetricKey]?: Measured | null }

/** Everything of one result that can be compared. */
export function valuesOf(result: AnyResult): Values {
  return result.kind === 'run' ? valuesOfRun(result.content) : valuesOfExec(result.content)
}

function valuesOfRun(result: ExperimentResult): Values {
  const { quoted, quoted_total } = quotedNumbers(result)
  const { energy, energy_breakdown: parts, latency } = result
  const total = measured(quoted_total.value, quoted_total)
  const requests = result.process_results.reduce((sum, each) => sum + each.requests, 0)
  return {
    energy_per_output_token_j: measured(quoted.value, quoted),
    active_energy_per_output_token_j: measured(parts?.active_energy_per_output_token_j, {
      uncertainty: parts?.active_energy_per_output_token_uncertainty_j ?? null,
      absolute_uncertainty: null,
    }),
    whole_run_energy_per_output_token_j: measured(result.energy_per_output_token_j, {
      uncertainty: result.energy_per_output_token_uncertainty_j,
      absolute_uncertainty: result.energy_per_output_token_absolute_uncertainty_j,
    }),
    energy_per_request_j: over(total, requests),
    energy_j: total,
    good_output_tokens_per_j: perJoule(result.goodput?.output_tokens_per_j, total),
    mean_power_w: over(total, energy?.duration_sec ?? 0),
    output_tokens_per_second: measured(result.output_tokens_per_second),
    ttft_p50_ms: measured(latency.ttft_ms?.p50),
    itl_p50_ms: measured(latency.itl_ms?.p50),
    e2e_p50_ms: measured(latency.e2e_ms?.p50),
  }
}

/** As sure as the joules. */
function perJoule(told: number | null | undefined, joules: Measured | null): Measured | null {
  if (told == null) return null
  const share = (each: number | null | undefined) =>
    each == null || joules === null || joules.value === 0 ? null : (told * each) / joules.value
  return {
    value: told,
    uncertainty: share(joules?.uncertainty),
    absolute_uncertainty: share(joules?.absolute_uncertainty),
  }
}

function valuesOfExec({ energy, duration_sec }: ExecResult): Values {
  const total = measured(energy?.total_j, {
    uncertainty: energy?.uncertainty_j ?? null,
    absolute_uncertainty: energy?.absolute_uncertainty_j ?? null,
  })
  return {
    energy_j: total,
    mean_power_w: over(total, energy?.duration_sec ?? 0),
    duration_s: measured(duration_sec),
  }
}

function measured(
  value: number | null | undefined,
  { uncertainty, absolute_uncertainty }: Omit<Measured, 'value'> = NOT_KNOWN,
): Measured | null {
  return value == null ? null : { value, uncertainty, absolute_uncertainty }
}

const NOT_KNOWN = { uncertainty: null, absolute_uncertainty: null }

function over(amount: Measured | null, divisor: number): Measured | null {
  if (amount === null || !(divisor > 0)) return null
  const { value, uncertainty, absolute_uncertainty } = amount
  const divided = (each: number | null) => (each === null ? null : each / divisor)
  return {
    value: value / divisor,
    uncertainty: divided(uncertainty),
    absolute_uncertainty: divided(absolute_uncertainty),
  }
}
