// How the joules of the requests are spread.

import { quantileOf } from '../core/quantile.js'
import { type RequestEnergy, SHARING } from './attribution.js'
import { leastNsOf, type Resolution } from './phases.js'
import type { Shares } from './request-pieces.js'
import type { RequestTimes } from './request-times.js'

/** What the requests of a window took, in numbers that a result holds. */
export function requestEnergyOf(times: RequestTimes, shares: Shares, resolution: Resolution): RequestEnergy {
  const leastNs = leastNsOf(resolution)
  const finished: number[] = []
  const perToken: number[] = []
  let failedJ = 0
  let short = 0
  for (let at = 0; at < times.count; at++) {
    const joules = shares.energies[at] as number
    if (Number.isNaN(joules)) continue
    if (times.failed[at] === 1) {
      failedJ += joules
      continue
    }
    finished.push(joules)
    if (leastNs !== null && (times.endNs[at] as number) - (times.startNs[at] as number) < leastNs) short += 1
    const tokens = times.outputTokens[at] as number
    if (tokens > 0) perToken.push(joules / tokens)
  }
  return {
    method: SHARING,
    requests: finished.length,
    unresolved: leastNs === null ? null : short,
    total_j: finished.reduce((sum, joules) => sum + joules, 0),
    per_request_j: distributionOf(finished),
    per_output_token_j: distributionOf(perToken),
    idle_j: shares.idleJ,
    failed_j: failedJ,
    unattributed_j: shares.unattributedJ,
  }
}

/** Percentiles interpolate linearly between ranks, as those of the latencies do. */
function distributionOf(values: readonly number[]): RequestEnergy['per_request_j'] {
  if (values.length === 0) return null
  const sorted = Float64Array.from(values).sort()
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p50: quantileOf(sorted, 0.5),
    p95: quantileOf(sorted, 0.95),
    p99: quantileOf(sorted, 0.99),
    max: quantileOf(sorted, 1),
  }
}
