// Comparisons for programs: what `llem compare`, `llem plan-cycles` and the front of a campaign say.

import { type CompareOptions, type Comparison, compare } from '../compare/compare.js'
import { type CyclePlan, planCycles as plan } from '../compare/cycles.js'
import { type Front, frontOf, type Objective } from '../compare/front.js'
import type { MetricKey } from '../compare/metrics.js'
import { readSide } from '../compare/reference.js'

/**
 * Compares B with A: folders of results or campaigns, CAMPAIGN/NAME, or references. Throws COMPARE_REFUSED where they are not
 * alike.
 */
export function compareResults(a: string, b: string, options: CompareOptions = {}): Comparison {
  return compare(readSide(a), readSide(b), options)
}

/** All experiments of a campaign: joules per output token against throughput, TTFT and ITL, and what keeps the objectives. */
export function campaignFront(path: string, objectives: readonly Objective[] = []): Front {
  return frontOf(readSide(path), objectives)
}

/** How many cycles tell a difference of a share such as 0.02. Throws CYCLES_TOO_FEW. */
export function planCycles(
  path: string,
  { detect, metric = 'energy_per_output_token_j' }: { detect: number; metric?: MetricKey },
): CyclePlan {
  return plan(readSide(path), { detect, metric })
}
