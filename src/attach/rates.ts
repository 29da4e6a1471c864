// Joules over tokens and requests.

import { steadyEnergy } from '../attribution/of-stretch.js'
import { messageOf } from '../core/errors.js'
import type { Rates } from '../results/attached.js'
import type { ExecResult } from '../results/exec.js'
import { type ForeignBenchmark, sumOrNull } from './benchmark.js'
import type { Placed } from './join.js'

interface Measured {
  energy_j: number | null
  uncertainty_j: number | null
  absolute_uncertainty_j: number | null
  duration_s: number | null
  reason: string | null
}

interface Counts {
  input: number | null
  output: number | null
  requests: number | null
  /** Why one of them is null that the tool does tell. */
  reason: string | null
}

/** The part of a run in which a benchmark ran. Never rejects. */
export async function spanRates(
  samplesPath: string | null,
  { inputTokens, outputTokens, requests, incomplete, energyReason }: ForeignBenchmark,
  { span, reason, share, uncertainty = 0 }: Placed,
  whyNotIts: string | null,
  result: ExecResult,
): Promise<Rates> {
  const counts = {
    ...{ input: of(inputTokens, share), output: of(outputTokens, share) },
    ...finished(requests, incomplete ?? 0),
  }
  const duration_s = span === null ? null : (span.endNs - span.startNs) / 1e9
  const unknown = (why: string) =>
    ratesOf(
      { energy_j: null, uncertainty_j: null, absolute_uncertainty_j: null, duration_s, reason: why },
      counts,
    )
  if (span === null) return unknown(reason ?? 'when it ran is not known')
  if (whyNotIts !== null) return unknown(whyNotIts)
  if (energyReason != null) return unknown(energyReason)
  if (samplesPath === null) return unknown(result.energy_reason ?? 'there are no readings of a GPU')
  try {
    const part = await steadyEnergy(samplesPath, span.startNs, span.endNs)
    return ratesOf({ ...part, ...widened(part, uncertainty), duration_s }, counts)
  } catch (error) {
    return unknown(messageOf(error))
  }
}

/** An edge that may be off moves the energy by what is spent there, about the mean power. */
function widened(part: Omit<Measured, 'duration_s'>, uncertainty: number): Partial<Measured> {
  const more = (joules: number | null) =>
    joules === null || part.energy_j === null ? joules : joules + uncertainty * part.energy_j
  return {
    uncertainty_j: more(part.uncertainty_j),
    absolute_uncertainty_j: more(part.absolute_uncertainty_j),
  }
}

/** Joules of requests that were not finished are in those of no number of requests. */
function finished(requests: number | null, incomplete: number): Pick<Counts, 'requests' | 'reason'> {
  return incomplete === 0
    ? { requests, reason: null }
    : { requests: null, reason: `${incomplete} requests were begun and not finished` }
}

/** The whole command, over what all benchmarks did in it. `whyNotAll`: why these are not all that it did. */
export function commandRates(
  { energy, energy_reason, duration_sec }: ExecResult,
  benchmarks: readonly ForeignBenchmark[],
  whyNotAll: string | null,
): Rates {
  const all = (key: 'inputTokens' | 'outputTokens' | 'requests') =>
    benchmarks.length === 0 || whyNotAll !== null ? null : sumOrNull(benchmarks.map((each) => each[key]))
  const incomplete = benchmarks.reduce((sum, each) => sum + (each.incomplete ?? 0), 0)
  const { requests, reason } = finished(all('requests'), incomplete)
  const counts = {
    ...{ input: all('inputTokens'), output: all('outputTokens'), requests },
    reason: whyNotAll ?? reason,
  }
  const energy_j = energy?.total_j ?? null
  return ratesOf(
    {
      energy_j,
      uncertainty_j: energy?.uncertainty_j ?? null,
      absolute_uncertainty_j: energy?.absolute_uncertainty_j ?? null,
      duration_s: duration_sec,
      reason: energy_j === null ? (energy_reason ?? energy?.reason ?? 'unknown') : null,
    },
    counts,
  )
}

function ratesOf(measured: Measured, { input, output, requests, reason }: Counts): Rates {
  const { energy_j, duration_s } = measured
  const per = (count: number | null) =>
    energy_j === null || count === null || count <= 0 ? null : energy_j / count
  return {
    energy_j,
    uncertainty_j: measured.uncertainty_j,
    absolute_uncertainty_j: measured.absolute_uncertainty_j,
    duration_s,
    mean_power_w: energy_j === null || duration_s === null || duration_s <= 0 ? null : energy_j / duration_s,
    j_per_output_token: per(output),
    j_per_input_token: per(input),
    j_per_total_token: per(input === null || output === null ? null : input + output),
    j_per_request: per(requests),
    counts_reason: reason,
    reason: measured.reason,
  }
}

function of(tokens: number | null, share: number): number | null {
  return tokens === null ? null : tokens * share
}
