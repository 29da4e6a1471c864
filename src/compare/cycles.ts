// How many cycles tell a difference of so much, by what the cycles so far have spread.

import { z } from 'zod'
import { LlemError } from '../core/errors.js'
import { ALPHA, leastOf, MOST_CYCLES, POWER, tells } from './gate.js'
import { METRICS, type Measured, type MetricKey, metricKey } from './metrics.js'
import { pairsOf } from './pair.js'
import { type Ratio, ratioOf } from './ratio.js'
import type { Source } from './read-series.js'
import { isPaired, type Series, sortedRuns } from './series.js'

const cyclesSchema = z.object({
  /** Standard deviation of the logarithm, about the share by which cycles differ: of one experiment, or of a ratio of two. */
  spread: z.number(),
  /** Standard uncertainty that the measurement leaves, however often it is repeated. */
  measurement: z.number(),
  /** Cycles that tell the difference 4 times of 5; null where 1000 do not. */
  cycles: z.number().int().nullable(),
  /** Why there is no number. */
  reason: z.string().nullable(),
})

export const cyclePlanSchema = z.object({
  cycle_plan_version: z.literal(1),
  source: z.string(),
  metric: metricKey,
  title: z.string(),
  /** Share that is to be told: 0.02 is 2 %. */
  detect: z.number(),
  /** Two-sided level of the test, and the chance that it sees the difference. */
  alpha: z.number(),
  power: z.number(),
  /** Each experiment against another campaign of it: so many cycles of both. */
  apart: z.array(z.object({ name: z.string(), n: z.number().int(), ...cyclesSchema.shape })),
  /** Two experiments of one campaign, cycle by cycle: of all pairs the one that needs most; null where there are none. */
  paired: z.object({ a: z.string(), b: z.string(), n: z.number().int(), ...cyclesSchema.shape }).nullable(),
  problems: z.array(z.string()),
})
export type CyclePlan = z.infer<typeof cyclePlanSchema>

/** With more experiments than these only pairs with the first are looked at. */
const ALL_PAIRS = 40

/** Throws CYCLES_TOO_FEW where nothing has been measured twice. */
export function planCycles(
  source: Source,
  { detect, metric }: { detect: number; metric: MetricKey },
): CyclePlan {
  const apart = source.series.flatMap((series) => {
    const values = sortedRuns(series).used.flatMap(({ values: own }) => own[metric] ?? [])
    const ratio = spreadOf(values)
    return ratio === null ? [] : [{ name: series.name, n: values.length, ...cyclesOf(ratio, detect, false) }]
  })
  if (apart.length === 0)
    throw new LlemError(`no experiment of ${source.name} has ${metric} of two cycles`, {
      code: 'CYCLES_TOO_FEW',
      hint: 'Measure at least 3 cycles, better 5: how far cycles differ is what the plan rests on.',
      kind: 'usage',
    })
  return {
    cycle_plan_version: 1,
    source: source.name,
    metric,
    title: METRICS.find(({ key }) => key === metric)?.title ?? metric,
    detect,
    alpha: ALPHA,
    power: POWER,
    apart,
    paired: worstPair(source.series, { detect, metric }),
    problems: source.problems,
  }
}

/** One series against itself: twice its variance, as of two campaigns that spread alike. */
function spreadOf(values: readonly Measured[]): Ratio | null {
  if (values.length < 2) return null
  return ratioOf({ a: values, b: values, isPaired: false, isAbsolute: false }, { coverage: 1 - ALPHA })
}

function worstPair(
  series: readonly Series[],
  { detect, metric }: { detect: number; metric: MetricKey },
): CyclePlan['paired'] {
  const firsts = series.length > ALL_PAIRS ? series.slice(0, 1) : series
  const pairs = firsts.flatMap((a, place) =>
    series.slice(place + 1).flatMap((b) => {
      if (!isPaired(a, b)) return []
      const both = pairsOf(metric, sortedRuns(a).used, sortedRuns(b).used)
      if (both.a.length < 2) return []
      const ratio = ratioOf({ ...both, isPaired: true, isAbsolute: false }, { coverage: 1 - ALPHA })
      return ratio?.spread == null ? [] : [{ a: a.name, b: b.name, n: both.a.length, ratio }]
    }),
  )
  const [first] = pairs.sort((x, y) => (y.ratio.spread as number) - (x.ratio.spread as number))
  if (first === undefined) return null
  const { ratio, ...names } = first
  return { ...names, ...cyclesOf(ratio, detect, true) }
}

function cyclesOf({ spread, measurement }: Ratio, detect: number, paired: boolean) {
  const design = { spread: spread ?? 0, measurement, isPaired: paired, alpha: ALPHA / 2 }
  const cycles = leastOf(2, MOST_CYCLES, (n) => tells(n, Math.log1p(detect), design))
  const alone = !tells(MOST_CYCLES ** 2, Math.log1p(detect), { ...design, spread: 0 })
  const reason = alone
    ? 'the uncertainty of the measurement alone is as large'
    : `${MOST_CYCLES} cycles are too few`
  // Of one experiment its own spread is told, of which the ratio has two.
  const told = paired ? design.spread : design.spread / Math.SQRT2
  return { spread: told, measurement, cycles, reason: cycles === null ? reason : null }
}
