// Two series -> the ratio of each metric, and in what else they differ.

import { z } from 'zod'
import { LlemError } from '../core/errors.js'
import { listedNames } from '../core/foreign-text.js'
import { type Finding, findingSchema } from '../results/finding.js'
import { centreOf } from '../results/repeated.js'
import { type Allowable, type Difference, differencesOf } from './facts.js'
import { gateSchema } from './gate.js'
import { holm } from './holm.js'
import { METRICS, type Measured, type Metric, type MetricKey, metricKey } from './metrics.js'
import { findingsOf } from './oddities.js'
import { estimateOf, probabilityOfNoDifference, ratioOf, ratioSchema } from './ratio.js'
import { factsIn, isPaired, metricsOf, type Series, type SeriesRun, sortedRuns } from './series.js'

const count = z.number().int().nonnegative()

const sideSchema = z.object({
  name: z.string(),
  hash: z.string().nullable(),
  campaign: z.string().nullable(),
  /** Runs that are compared. */
  runs: count,
  /** Runs that are told apart, and runs without a result. */
  throttled: count,
  failed: count,
  skipped: count,
  pending: count,
  unreadable: count,
  simulated: z.boolean(),
  /** Whose joules they are, where not GPUs': "CPU package, by RAPL". */
  energy_of: z.string().nullable().optional(),
})
export type Side = z.infer<typeof sideSchema>

const comparedMetricSchema = z.object({
  metric: metricKey,
  title: z.string(),
  unit: z.string(),
  better: z.enum(['lower', 'higher']),
  /** Geometric means; null where the side has none, or some may be below 0. */
  a: z.number().nullable(),
  b: z.number().nullable(),
  /** Null where there is none, and `reason` says why. */
  ratio: ratioSchema.nullable(),
  reason: z.string().nullable(),
  /** Two-sided: how odd this would be without a difference; and corrected for all metrics of the pair (Holm). */
  p: z.number().nullable(),
  p_holm: z.number().nullable(),
  /** With the throttled runs of both sides; null where there are none. */
  ratio_with_throttled: ratioSchema.nullable(),
  /** Null where the gate does not look at it. */
  gate: gateSchema.nullable(),
})
export type ComparedMetric = z.infer<typeof comparedMetricSchema>

export const pairSchema = z.object({
  a: sideSchema,
  b: sideSchema,
  /** Cycle by cycle. */
  paired: z.boolean(),
  differences: z.array(
    z.object({
      fact: z.string(),
      title: z.string(),
      a: z.array(z.string()),
      b: z.array(z.string()),
      verdict: z.enum(['refused', 'flagged']),
      of: z.array(metricKey).nullable(),
    }),
  ),
  metrics: z.array(comparedMetricSchema),
  findings: z.array(findingSchema),
})
export type Pair = z.infer<typeof pairSchema>

/** Throws COMPARE_REFUSED where they are not alike, or nothing is left of a side. */
export function pairOf(
  a: Series,
  b: Series,
  { allow, coverage }: { allow: readonly Allowable[]; coverage: number },
): Pair {
  const [sortedA, sortedB] = [sortedRuns(a), sortedRuns(b)]
  for (const [series, { used, throttled }] of [
    [a, sortedA],
    [b, sortedB],
  ] as const)
    if (used.length === 0)
      throw refused(
        `all ${throttled.length} runs of ${series.name} were throttled`,
        'Cool the GPUs, or lower their power limit, and measure again.',
      )
  const differences = differencesOf(factsIn(sortedA.used), factsIn(sortedB.used), allow)
  refuseUnlike(a, b, differences)
  const paired = isPaired(a, b)
  const isAbsolute = differences.some(({ fact }) => fact === 'boards')
  const isThrottled = sortedA.throttled.length + sortedB.throttled.length > 0
  const metrics = METRICS.filter(({ key }) =>
    [...metricsOf(sortedA.used), ...metricsOf(sortedB.used)].includes(key),
  ).map((metric): ComparedMetric => {
    const sides = (left: readonly SeriesRun[], right: readonly SeriesRun[]) =>
      paired ? pairsOf(metric.key, left, right) : { a: known(metric.key, left), b: known(metric.key, right) }
    const ratio = (of: { a: Measured[]; b: Measured[] }) =>
      ratioOf({ ...of, isPaired: paired, isAbsolute }, { coverage })
    const used = sides(sortedA.used, sortedB.used)
    const isCommon =
      !paired ||
      used.a.length > 0 ||
      [sortedA, sortedB].some((each) => known(metric.key, each.used).length === 0)
    const unlike = differences.find(({ verdict, of }) => verdict === 'refused' && of?.includes(metric.key))
    const found = unlike === undefined ? ratio(used) : null
    const estimate = found === null ? null : estimateOf(found)
    return {
      metric: metric.key,
      title: metric.title,
      unit: metric.unit,
      better: metric.better,
      ...centres(used, { a: sortedA.used, b: sortedB.used }, metric.key),
      ratio: found,
      reason: found === null ? whyNone(metric, unlike, isCommon) : null,
      p: estimate === null ? null : probabilityOfNoDifference(estimate),
      p_holm: null,
      ratio_with_throttled: isThrottled && unlike === undefined ? ratio(sides(a.runs, b.runs)) : null,
      gate: null,
    }
  })
  const findings: Finding[] = [...findingsOf(a, sortedA.used), ...findingsOf(b, sortedB.used)]
  const pair = { a: sideOf(a), b: sideOf(b), paired, differences, metrics: corrected(metrics), findings }
  return pair
}

function corrected(metrics: readonly ComparedMetric[]): ComparedMetric[] {
  const asked = metrics.filter(({ p }) => p !== null)
  const holms = holm(asked.map(({ p }) => p as number))
  return metrics.map((metric) => {
    const place = asked.indexOf(metric)
    return place < 0 ? metric : { ...metric, p_holm: holms[place] ?? null }
  })
}

function refuseUnlike(a: Series, b: Series, differences: readonly Difference[]): void {
  const refusals = differences.filter(({ verdict, of }) => verdict === 'refused' && of === null)
  if (refusals.length === 0) return
  const told = refusals.map((each) => `${each.title}: ${listedNames(each.a)} and ${listedNames(each.b)}`)
  const meant = refusals.filter(({ fact }) => fact === 'workload').map(({ fact }) => `--allow ${fact}`)
  throw refused(
    `${a.name} and ${b.name} are not alike: ${told.join('; ')}`,
    meant.length === refusals.length
      ? `Where that is meant, add ${meant.join(' ')}.`
      : 'Numbers of different things are not compared.',
  )
}

function whyNone(metric: Metric, unlike: Difference | undefined, isCommon: boolean): string {
  if (unlike !== undefined)
    return `${unlike.title} differs (${listedNames(unlike.a)}; ${listedNames(unlike.b)})`
  if (!isCommon) return `no cycle has ${metric.title} of both`
  return `a side has no ${metric.title}, or one of 0 or less, which has no ratio`
}

/** What both sides have of the same cycles. */
export function pairsOf(
  key: MetricKey,
  a: readonly SeriesRun[],
  b: readonly SeriesRun[],
): { a: Measured[]; b: Measured[] } {
  const others = new Map(b.map(({ cycle, values }) => [cycle, values[key] ?? null]))
  const pairs = a.flatMap(({ cycle, values }): [Measured, Measured][] => {
    const [left, right] = [values[key] ?? null, others.get(cycle) ?? null]
    return left === null || right === null ? [] : [[left, right]]
  })
  return { a: pairs.map(([left]) => left), b: pairs.map(([, right]) => right) }
}

function known(key: MetricKey, runs: readonly SeriesRun[]): Measured[] {
  return runs.flatMap(({ values }) => values[key] ?? [])
}

/** Of the cycles that both have, so that they are what the ratio is of; where a side has none of those, of its own. */
function centres(
  used: { a: Measured[]; b: Measured[] },
  all: { a: readonly SeriesRun[]; b: readonly SeriesRun[] },
  key: MetricKey,
): { a: number | null; b: number | null } {
  const isBoth = used.a.length > 0 && used.b.length > 0
  const [a, b] = isBoth ? [used.a, used.b] : [known(key, all.a), known(key, all.b)]
  return { a: centre(a), b: centre(b) }
}

function centre(measured: readonly Measured[]): number | null {
  const values = measured.map(({ value }) => value)
  return values.some((value) => !(value > 0)) ? null : centreOf(values, 'log')
}

function sideOf(series: Series): Side {
  const { used, throttled } = sortedRuns(series)
  const { name, hash, campaign, missing } = series
  const simulated = used.some(({ facts }) => facts.simulated)
  const energy_of = used.find(({ facts }) => facts.energy_of != null)?.facts.energy_of ?? null
  return {
    ...{ name, hash, campaign, runs: used.length, throttled: throttled.length, ...missing },
    ...{ simulated, energy_of },
  }
}

export function refused(message: string, hint: string): LlemError {
  return new LlemError(message, { code: 'COMPARE_REFUSED', hint, kind: 'usage' })
}
