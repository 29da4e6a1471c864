// Is B no worse than A, by more than a margin? Shown, shown otherwise, or not decided by so many runs.

import { z } from 'zod'
import { type Estimate, MANY, probabilityBelow, reachOf } from '../results/confidence.js'
import type { Metric } from './metrics.js'
import { estimateOf, type Ratio } from './ratio.js'

export const ANSWERS = ['not_worse', 'regression', 'undecided'] as const
export type Answer = (typeof ANSWERS)[number]

export const gateSchema = z.object({
  answer: z.enum(ANSWERS),
  /** Share by which B may be worse: 0.03 is 3 %. */
  margin: z.number(),
  /** One-sided: how odd this would be if B were worse by just the margin, towards better and towards worse. */
  p_not_worse: z.number().nullable(),
  p_regression: z.number().nullable(),
  /** The latter corrected for all metrics and pairs that the gate looks at (Holm). */
  p_regression_holm: z.number().nullable(),
  /** Cycles beyond those that would decide, with a chance of 4 in 5; null where decided, or where none would. */
  further_cycles: z.number().int().nullable(),
  /** Why there is no such number; null where there is, or where it is decided. */
  further_reason: z.string().nullable(),
})
export type Gate = z.infer<typeof gateSchema>

/** How sure a decision has to be: of 100 at the margin, so many are decided wrongly to each side. */
export const ALPHA = 0.05
/** How likely the further cycles are to decide. */
export const POWER = 0.8
/** What a campaign may have. */
export const MOST_CYCLES = 1000

/** A metric as "worse is more": the logarithm of how much worse B is, and of how much it may be. */
interface Worse {
  estimate: Estimate
  limit: number
}

/** Both one-sided tests of a ratio against the margin; null where nothing tells how runs differ. */
export function testsOf(
  ratio: Ratio,
  better: Metric['better'],
  margin: number,
): { p_not_worse: number; p_regression: number } | null {
  // One run of each: only what the measurement may be off, and nothing of how runs differ.
  const worse = ratio.method === 'measurement' ? null : worseOf(ratio, better, margin)
  if (worse === null) return null
  const p_not_worse = probabilityBelow(worse.estimate, worse.limit)
  return { p_not_worse, p_regression: 1 - p_not_worse }
}

function worseOf(ratio: Ratio, better: Metric['better'], margin: number): Worse | null {
  const estimate = estimateOf(ratio)
  if (estimate === null) return null
  // 3 % worse is 1.03 times the energy, and 0.97 times the tokens per second.
  return better === 'lower'
    ? { estimate, limit: Math.log1p(margin) }
    : { estimate: { ...estimate, value: -estimate.value }, limit: -Math.log1p(-margin) }
}

/** What a test of a metric says, once its p-value is corrected for the others. */
export function gateOf(
  ratio: Ratio,
  better: Metric['better'],
  { margin, alpha, corrected }: { margin: number; alpha: number; corrected: number | null },
): Gate {
  const tests = testsOf(ratio, better, margin)
  const p = {
    p_not_worse: tests?.p_not_worse ?? null,
    p_regression: tests?.p_regression ?? null,
    p_regression_holm: corrected,
  }
  if (tests !== null && tests.p_not_worse < alpha) return { answer: 'not_worse', margin, ...p, ...DECIDED }
  if (corrected !== null && corrected < alpha) return { answer: 'regression', margin, ...p, ...DECIDED }
  return { answer: 'undecided', margin, ...p, ...furtherCycles(ratio, better, { margin, alpha }) }
}

const DECIDED = { further_cycles: null, further_reason: null }

/** How many cycles more would decide, if the ratio and the spread are what they look like. */
export function furtherCycles(
  ratio: Ratio,
  better: Metric['better'],
  { margin, alpha }: { margin: number; alpha: number },
): Pick<Gate, 'further_cycles' | 'further_reason'> {
  const none = (further_reason: string) => ({ further_cycles: null, further_reason })
  const worse = worseOf(ratio, better, margin)
  const { spread, measurement, method } = ratio
  if (worse === null || spread === null)
    return none('one run tells nothing of how runs differ: measure at least 3 cycles of each')
  const distance = Math.abs(worse.estimate.value - worse.limit)
  // By normal quantiles, as if there were cycles without end: the measurement alone.
  if (distance <= decidable({ spreadError: 0, degreesOfFreedom: MANY, measurement }, alpha))
    return none('the uncertainty of the measurement alone is as large as what is to be decided')
  const now = Math.min(ratio.n.a, ratio.n.b)
  const design = { spread, measurement, isPaired: method === 'paired_t' }
  const needed = leastOf(Math.max(now + 1, 2), MOST_CYCLES, (n) => tells(n, distance, { ...design, alpha }))
  return needed === null
    ? none(`the two are so near to the margin that ${MOST_CYCLES} cycles would not decide`)
    : { further_cycles: needed - now, further_reason: null }
}

/** What so many cycles of each side would be. */
export interface Design {
  /** Of the logarithm of the ratio of one cycle. */
  spread: number
  measurement: number
  isPaired: boolean
  /** One-sided. */
  alpha: number
}

/** Whether so many cycles tell a distance on the scale of logarithms from none, 4 times of 5 (by quantiles of t). */
export function tells(
  n: number,
  distance: number,
  { spread, measurement, isPaired, alpha }: Design,
): boolean {
  const degreesOfFreedom = isPaired ? n - 1 : 2 * (n - 1)
  const known = { spreadError: spread / Math.sqrt(n), degreesOfFreedom, measurement }
  return distance >= decidable(known, alpha)
}

/** The least distance from a margin that is told to be none with this level, with a chance of 4 in 5. */
function decidable(known: Omit<Estimate, 'value'>, alpha: number): number {
  return reachOf(known, 1 - alpha) + reachOf(known, POWER)
}

/** The least number for which it holds, of a question that holds for all above it; null where it does not by `most`. */
export function leastOf(from: number, most: number, holds: (n: number) => boolean): number | null {
  if (from > most || !holds(most)) return null
  let [below, above] = [from - 1, most]
  while (above - below > 1) {
    const middle = (below + above) >> 1
    if (holds(middle)) above = middle
    else below = middle
  }
  return above
}

/** All of several: not worse where each is shown to be, a regression where one is. */
export function together(answers: readonly Answer[]): Answer {
  if (answers.includes('regression')) return 'regression'
  return answers.length > 0 && answers.every((each) => each === 'not_worse') ? 'not_worse' : 'undecided'
}
