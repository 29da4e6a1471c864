// Series as if they were read: what is not said is the same for all.

import type { Facts } from '../../dist/compare/facts.js'
import type { Values } from '../../dist/compare/metrics.js'
import type { Source } from '../../dist/compare/read-series.js'
import { NONE_MISSING, type Series, type SeriesRun } from '../../dist/compare/series.js'

const FACTS: Facts = {
  ...{ command: 'run', simulated: false, domain: 'gpu', scope: 'whole_run', tokens: 'usage', workload: 'w1' },
  ...{ model: 'm', boards: ['GPU-1'], estimator: 'nvml counter', baseline: null, mean_output_tokens: 40 },
}

export interface MadeRun {
  joules: number
  /** Shares of the joules, k = 2. */
  uncertainty?: number
  absolute?: number
  throttled?: boolean
  values?: Values
}

export function runsOf(
  name: string,
  runs: readonly (number | MadeRun)[],
  facts: Partial<Facts> = {},
): SeriesRun[] {
  return runs.map((each, index): SeriesRun => {
    const {
      joules,
      uncertainty,
      absolute,
      throttled = false,
      values,
    } = typeof each === 'number' ? ({ joules: each } as MadeRun) : each
    const of = (share: number | undefined) => (share === undefined ? null : share * joules)
    return {
      ...{ cycle: index + 1, result: `/${name}/${index + 1}`, throttled, facts: { ...FACTS, ...facts } },
      values: {
        energy_per_output_token_j: {
          value: joules,
          uncertainty: of(uncertainty),
          absolute_uncertainty: of(absolute),
        },
        ...values,
      },
    }
  })
}

export interface Made {
  campaign?: string | null
  structure?: string
  facts?: Partial<Facts>
  sequential?: boolean
  missing?: Partial<Series['missing']>
}

export function seriesOf(
  name: string,
  runs: readonly (number | MadeRun)[],
  { campaign = '/c', structure = 'interleaved', facts, sequential = false, missing }: Made = {},
): Series {
  return {
    ...{ name, hash: name, campaign, structure, sequential, runs: runsOf(name, runs, facts) },
    missing: { ...NONE_MISSING, ...missing },
  }
}

export function sourceOf(name: string, runs: readonly (number | MadeRun)[], made: Made = {}): Source {
  return { name, series: [seriesOf(name, runs, made)], problems: [] }
}
