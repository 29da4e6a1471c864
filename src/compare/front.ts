// Which of many experiments to choose: joules per token against throughput, TTFT and ITL, and what meets an objective.

import { z } from 'zod'
import { CONFIDENCE, SEQUENTIAL_COVERAGE } from '../results/interval.js'
import { ALLOWABLE, differencesOf } from './facts.js'
import { METRICS, type MetricKey, metricKey } from './metrics.js'
import { refused } from './pair.js'
import { type Level, levelOf, levelSchema } from './ratio.js'
import type { Source } from './read-series.js'
import { factsIn, type Series, sortedRuns } from './series.js'

/** What joules per output token are weighed against. */
export const AGAINST = ['output_tokens_per_second', 'ttft_p50_ms', 'itl_p50_ms'] as const
export type Against = (typeof AGAINST)[number]

/**
 * front: none is better in both; behind: one is better in both, beyond both intervals; perhaps: one is better in both, and
 * that is not shown.
 */
const STANDINGS = ['front', 'perhaps', 'behind'] as const
export type Standing = (typeof STANDINGS)[number]

const pointSchema = z.object({
  name: z.string(),
  runs: z.number().int(),
  throttled: z.number().int(),
  failed: z.number().int(),
  /** Joules per output token; null where there are none. */
  energy: levelSchema.nullable(),
  against: z.record(z.enum(AGAINST), levelSchema.nullable()),
  standing: z.record(z.enum(AGAINST), z.enum(STANDINGS).nullable()),
  /** Whether it keeps each objective: null where that is not shown either way. */
  keeps: z.array(z.boolean().nullable()),
})
export type Point = z.infer<typeof pointSchema>

const objectiveSchema = z.object({ metric: metricKey, limit: z.number() })
/** A service level objective: at most so many ms or J, at least so much throughput. */
export type Objective = z.infer<typeof objectiveSchema>

export const frontSchema = z.object({
  front_version: z.literal(1),
  source: z.string(),
  simulated: z.boolean(),
  confidence: z.number(),
  slo: z.array(objectiveSchema),
  /** By joules per output token, the least first. */
  points: z.array(pointSchema),
  /** Of those that are shown to keep all objectives, the one that uses least; null where there is none, or no objective. */
  cheapest: z.string().nullable(),
  /** In what the experiments differ beside their configuration, in sentences. */
  notes: z.array(z.string()),
  problems: z.array(z.string()),
})
export type Front = z.infer<typeof frontSchema>

/** Throws COMPARE_REFUSED for fewer than two experiments, and where none has joules per token. */
export function frontOf(source: Source, slo: readonly Objective[] = []): Front {
  const measured = source.series.filter((series) => sortedRuns(series).used.length > 0)
  if (measured.length < 2)
    throw refused(
      `${source.name} has ${measured.length === 0 ? 'no experiment' : 'one experiment'} with runs that ended well`,
      'Give what to compare it with, as in `llem compare A B`.',
    )
  const facts = measured.flatMap((series) => factsIn(sortedRuns(series).used))
  const differences = differencesOf(facts, [], ALLOWABLE)
  const unlike = differences.find(({ verdict }) => verdict === 'refused')
  if (unlike !== undefined)
    throw refused(
      `the results in ${source.name} are not alike: ${unlike.title}: ${unlike.a.join(', ')}`,
      'Compare folders with results of one kind.',
    )
  const isAbsolute = differences.some(({ fact }) => fact === 'boards')
  const all = measured.map((series) => levelsOf(series, { isAbsolute, slo }))
  const points = all
    .map((point) => ({ ...point, standing: standingOf(point, all) }))
    .sort((a, b) => (a.energy?.value ?? Infinity) - (b.energy?.value ?? Infinity))
  if (points.every(({ energy }) => energy === null))
    throw refused(
      `no experiment of ${source.name} has joules per output token`,
      'See why in `llem show` of a run.',
    )
  const keeping = points.filter(
    ({ keeps, energy }) => energy !== null && keeps.every((kept) => kept === true),
  )
  return {
    front_version: 1,
    source: source.name,
    simulated: facts.some(({ simulated }) => simulated),
    confidence: CONFIDENCE,
    slo: [...slo],
    points,
    cheapest: slo.length === 0 ? null : (keeping[0]?.name ?? null),
    notes: [
      ...new Set(facts.flatMap(({ energy_of }) => (energy_of == null ? [] : [`Energy: ${energy_of}`]))),
      ...differences.map(({ title, a }) => `${title} differs: ${a.length} kinds`),
    ],
    problems: source.problems,
  }
}

function levelsOf(
  series: Series,
  { isAbsolute, slo }: { isAbsolute: boolean; slo: readonly Objective[] },
): Omit<Point, 'standing'> {
  const { used, throttled } = sortedRuns(series)
  const coverage = series.sequential ? SEQUENTIAL_COVERAGE : CONFIDENCE
  const level = (key: MetricKey) =>
    levelOf(
      used.flatMap(({ values }) => values[key] ?? []),
      { isAbsolute, coverage },
    )
  return {
    name: series.name,
    runs: used.length,
    throttled: throttled.length,
    failed: series.missing.failed + series.missing.unreadable,
    energy: level('energy_per_output_token_j'),
    against: Object.fromEntries(AGAINST.map((key) => [key, level(key)])) as Point['against'],
    keeps: slo.map(({ metric, limit }) => keeps(level(metric), limit, isLower(metric))),
  }
}

function standingOf(
  point: Omit<Point, 'standing'>,
  all: readonly Omit<Point, 'standing'>[],
): Point['standing'] {
  const standings = AGAINST.map((key) => {
    const [energy, other] = [point.energy, point.against[key] ?? null]
    if (energy === null || other === null) return [key, null]
    const rivals = all.flatMap((rival) => {
      const value = rival.against[key] ?? null
      return rival === point || rival.energy === null || value === null
        ? []
        : [{ energy: rival.energy, value }]
    })
    const ahead = rivals.filter(
      (rival) => isBetter(rival.energy, energy, true) && isBetter(rival.value, other, isLower(key)),
    )
    const isShown = ahead.some(
      (rival) => isShownBetter(rival.energy, energy, true) && isShownBetter(rival.value, other, isLower(key)),
    )
    return [key, isShown ? 'behind' : ahead.length > 0 ? 'perhaps' : 'front']
  })
  return Object.fromEntries(standings) as Point['standing']
}

function isLower(key: MetricKey): boolean {
  return METRICS.find((metric) => metric.key === key)?.better === 'lower'
}

function isBetter(a: Level, b: Level, lower: boolean): boolean {
  return lower ? a.value < b.value : a.value > b.value
}

/** Intervals that do not meet: more careful than a test of the two. */
function isShownBetter(a: Level, b: Level, lower: boolean): boolean {
  const [better, worse] = lower ? [a.high, b.low] : [b.high, a.low]
  return better !== null && worse !== null && better < worse
}

function keeps(level: Level | null, limit: number, lower: boolean): boolean | null {
  if (level === null || level.low === null || level.high === null) return null
  const [kept, broken] = lower
    ? [level.high <= limit, level.low > limit]
    : [level.low >= limit, level.high < limit]
  return kept ? true : broken ? false : null
}
