// Each command beside the first, round by round, as `llem compare` does it.

import { join } from 'node:path'
import { type Comparison, compare } from '../compare/compare.js'
import { holm } from '../compare/holm.js'
import type { MetricKey } from '../compare/metrics.js'
import type { Pair } from '../compare/pair.js'
import { ROUNDS, seriesRunOf } from '../compare/read-series.js'
import { NONE_MISSING, type Series } from '../compare/series.js'
import { headline } from '../compare/words.js'
import { LlemError } from '../core/errors.js'
import { SCHEMA_VERSION } from '../results/experiment.js'
import type { RoundsPlan, Run } from './run-rounds.js'

export interface AgainstFirst {
  metric: MetricKey
  ratio: number
  low: number | null
  high: number | null
  /** Two-sided, and corrected for all commands (Holm). */
  p: number | null
  p_holm: number | null
  sentence: string
}

export interface Compared {
  comparison: Comparison | null
  reason: string | null
  against: Map<number, AgainstFirst>
}

/** By joules where all commands have some, else by time. `of`: the runs of each command. */
export function comparedWithFirst({ commands }: RoundsPlan, of: readonly Run[][]): Compared {
  const none = (reason: string): Compared => ({ comparison: null, reason, against: new Map() })
  if (commands.length < 2) return none('there is one command only')
  const measured = commands.flatMap(({ name }, place) => {
    const runs = of[place] ?? []
    return runs.length === 0 ? [] : [{ place, series: seriesOf(name, runs) }]
  })
  const [first, ...others] = measured
  if (first === undefined || first.place !== 0 || others.length === 0)
    return none('the first command and another one have to be measured')
  const hasEnergy = measured.every(({ series }) => series.runs.some(({ values }) => values.energy_j != null))
  const metric = hasEnergy ? 'energy_j' : 'duration_s'
  try {
    const comparison = compare(
      { name: first.series.name, series: [first.series], problems: [] },
      { name: 'the others', series: others.map(({ series }) => series), problems: [] },
      { metrics: [metric] },
    )
    return {
      comparison,
      reason: null,
      against: againstFirst(
        comparison,
        metric,
        others.map(({ place }) => place),
      ),
    }
  } catch (error) {
    if (error instanceof LlemError) return none([error.message, error.hint].filter(Boolean).join('. '))
    throw error
  }
}

function againstFirst(
  { pairs }: Comparison,
  metric: MetricKey,
  places: readonly number[],
): Map<number, AgainstFirst> {
  const found = pairs.map((pair) => pair.metrics.find((each) => each.metric === metric))
  const known = found.flatMap((each) => each?.p ?? [])
  const corrected = holm(known)
  let at = 0
  return new Map(
    found.flatMap((each, index): [number, AgainstFirst][] => {
      const p_holm = each?.p == null ? null : (corrected[at++] ?? null)
      if (each?.ratio == null) return []
      const pair = pairs[index] as Pair
      const { value: ratio, low, high } = each.ratio
      const sentence = headline(each, pair, { a: pair.a.name, b: pair.b.name, by: 'round' })
      return [[places[index] as number, { metric, ratio, low, high, p: each.p, p_holm, sentence }]]
    }),
  )
}

/** All commands are of one campaign, of which a round is a cycle. */
const CAMPAIGN = 'rounds'

function seriesOf(name: string, runs: readonly Run[]): Series {
  return {
    ...{ name, hash: null, campaign: CAMPAIGN, structure: ROUNDS, sequential: false },
    runs: seriesRuns(runs),
    missing: { ...NONE_MISSING },
  }
}

/** The runs of one command as those of a series. */
export function seriesRuns(runs: readonly Run[]): Series['runs'] {
  return runs.map(({ result, command, round, folder, tookS }) => {
    const read = { kind: 'exec', content: result, writtenAs: SCHEMA_VERSION } as const
    const run = seriesRunOf(read, folder ?? join(`${command}`, `${round}`), round)
    // The command's own time is known also where nothing could be measured beside it.
    const duration_s = { value: tookS, uncertainty: null, absolute_uncertainty: null }
    return { ...run, values: { ...run.values, duration_s } }
  })
}
