// Two sides -> pairs of series -> the ratio of each metric -> what the gate says of them all.

import { z } from 'zod'
import { listedNames } from '../core/foreign-text.js'
import { CONFIDENCE, SEQUENTIAL_COVERAGE } from '../results/interval.js'
import type { Allowable } from './facts.js'
import { ALPHA, ANSWERS, gateOf, testsOf, together } from './gate.js'
import { holm } from './holm.js'
import { type MetricKey, metricKey } from './metrics.js'
import { type Pair, pairOf, pairSchema, refused } from './pair.js'
import type { Source } from './read-series.js'
import type { Series } from './series.js'

export const comparisonSchema = z.object({
  comparison_version: z.literal(1),
  a: z.string(),
  b: z.string(),
  answer: z.enum(ANSWERS),
  margin: z.number(),
  /** Of intervals; of a campaign that ended once its intervals were narrow it takes one of `coverage`. */
  confidence: z.number(),
  coverage: z.number(),
  /** One-sided level of the gate. */
  alpha: z.number(),
  /** Metrics that the gate looks at. */
  gated: z.array(metricKey),
  simulated: z.boolean(),
  pairs: z.array(pairSchema),
  /** Series that have no counterpart. */
  only_a: z.array(z.string()),
  only_b: z.array(z.string()),
  /** What could not be read, in sentences. */
  problems: z.array(z.string()),
})
export type Comparison = z.infer<typeof comparisonSchema>

export interface CompareOptions {
  /** What the gate looks at; empty: joules per output token, of a command its joules. */
  metrics?: readonly MetricKey[]
  /** Share by which B may be worse. */
  margin?: number
  /** Differences that are meant. */
  allow?: readonly Allowable[]
}

export const DEFAULT_MARGIN = 0.03

/** Compares two sides. Throws COMPARE_REFUSED where they are not alike, or nothing of them belongs together. */
export function compare(a: Source, b: Source, options: CompareOptions = {}): Comparison {
  const { margin = DEFAULT_MARGIN, allow = [] } = options
  refuseSame(a, b)
  const { matched, onlyA, onlyB } = matchedSeries(a, b)
  const isSequential = matched.flat().some(({ sequential }) => sequential)
  const level = isSequential
    ? { coverage: SEQUENTIAL_COVERAGE, alpha: 1 - SEQUENTIAL_COVERAGE }
    : { coverage: CONFIDENCE, alpha: ALPHA }
  const pairs = matched.map(([left, right]) => pairOf(left, right, { allow, coverage: level.coverage }))
  const gated = gatedMetrics(pairs, options.metrics ?? [])
  const answers = judge(pairs, gated, { margin, alpha: level.alpha })
  return {
    comparison_version: 1,
    a: a.name,
    b: b.name,
    // What B has lost is not shown to be no worse.
    answer: onlyA.length > 0 ? together([...answers, 'undecided']) : together(answers),
    margin,
    confidence: CONFIDENCE,
    ...level,
    gated: [...gated],
    simulated: pairs.some((pair) => pair.a.simulated),
    pairs,
    only_a: onlyA,
    only_b: onlyB,
    problems: [...a.problems, ...b.problems],
  }
}

function refuseSame(a: Source, b: Source): void {
  const own = new Set(resultsOf(a))
  const shared = resultsOf(b).filter((result) => own.has(result))
  if (shared.length > 0)
    throw refused(
      `${a.name} and ${b.name} are of the same runs`,
      'Name two results, or two experiments of the campaign as CAMPAIGN/NAME.',
    )
}

function resultsOf({ series }: Source): string[] {
  return series.flatMap(({ runs }) => runs.map(({ result }) => result))
}

/** By the hash of the configuration, else by name; of one on a side that has no such counterpart, with all of the other. */
function matchedSeries(
  a: Source,
  b: Source,
): { matched: [Series, Series][]; onlyA: string[]; onlyB: string[] } {
  const [first, second] = [a.series.filter(hasRuns), b.series.filter(hasRuns)]
  for (const [source, found] of [
    [a, first],
    [b, second],
  ] as const)
    if (found.length === 0)
      throw refused(`${source.name} has no run that ended well`, 'See `llem campaign status` of its folder.')
  const left = new Set(second)
  const onlyA: string[] = []
  const matched = first.flatMap((one): [Series, Series][] => {
    const rest = [...left]
    const other =
      rest.find(({ hash }) => hash !== null && hash === one.hash) ??
      rest.find(({ name }) => name === one.name)
    if (other === undefined) onlyA.push(one.name)
    else left.delete(other)
    return other === undefined ? [] : [[one, other]]
  })
  if (matched.length > 0) return { matched, onlyA, onlyB: [...left].map(({ name }) => name) }
  // One of each, or one against all: whoever names it alone means it, whatever it is called.
  if (first.length === 1 || second.length === 1)
    return {
      matched: first.flatMap((one) => second.map((other): [Series, Series] => [one, other])),
      onlyA: [],
      onlyB: [],
    }
  throw refused(
    `no experiment of ${a.name} (${listedNames(first.map(({ name }) => name))}) is one of ${b.name} (${listedNames(second.map(({ name }) => name))})`,
    'Name one of each, as in `llem compare CAMPAIGN/NAME OTHER/NAME`.',
  )
}

function hasRuns({ runs }: Series): boolean {
  return runs.length > 0
}

/** Throws COMPARE_REFUSED for a metric that no pair can be judged by. */
function gatedMetrics(pairs: readonly Pair[], asked: readonly MetricKey[]): MetricKey[] {
  const has = (key: MetricKey) => pairs.some(({ metrics }) => metrics.some(({ metric }) => metric === key))
  const gated =
    asked.length > 0
      ? [...new Set(asked)]
      : ([has('duration_s') ? 'energy_j' : 'energy_per_output_token_j'] as const)
  for (const key of gated)
    for (const { a, b, metrics } of pairs) {
      const found = metrics.find(({ metric }) => metric === key)
      if (found?.ratio != null) continue
      const others = metrics.filter(({ ratio }) => ratio !== null).map(({ metric }) => metric)
      const meant = found?.reason?.includes('differs') === true ? ' Or, where that is meant, --allow it.' : ''
      throw refused(
        `${a.name} and ${b.name} cannot be compared by ${key}: ${found?.reason ?? 'neither has it'}`,
        `${others.length === 0 ? 'There is nothing else to compare.' : `Compare by another with --metric: ${others.join(', ')}.`}${meant}`,
      )
    }
  return [...gated]
}

/** Fills in the gate of each metric that it looks at; one correction for all of them. */
function judge(
  pairs: readonly Pair[],
  gated: readonly MetricKey[],
  { margin, alpha }: { margin: number; alpha: number },
) {
  const asked = pairs.flatMap(({ metrics }) => metrics.filter(({ metric }) => gated.includes(metric)))
  const tests = asked.map(({ ratio, better }) => (ratio === null ? null : testsOf(ratio, better, margin)))
  const decided = tests.filter((test) => test !== null)
  const holms = holm(decided.map(({ p_regression }) => p_regression))
  let place = 0
  return asked.map((each, index) => {
    const correctedP = tests[index] === null ? null : (holms[place++] ?? null)
    if (each.ratio === null) return 'undecided' as const
    each.gate = gateOf(each.ratio, each.better, { margin, alpha, corrected: correctedP })
    return each.gate.answer
  })
}
