// How many times as much: the ratio of two geometric means with its interval, on the scale of logarithms, where factors
// are sums. By pairs where both were measured in one cycle, else by Welch's two samples.

import { z } from 'zod'
import {
  commonUncertainty,
  type Estimate,
  MANY,
  probabilityBelow,
  reachOf,
  type Variance,
  welch,
} from '../results/confidence.js'
import { CONFIDENCE } from '../results/interval.js'
import type { Measured } from './metrics.js'

export const ratioSchema = z.object({
  /** Geometric mean of B over that of A. */
  value: z.number(),
  /** Null where nothing tells how far it may be off, and `reason` says why. */
  low: z.number().nullable(),
  high: z.number().nullable(),
  confidence: z.number(),
  /** By Student's t of pairs, by Welch's of two samples, or by the uncertainty of two single measurements. */
  method: z.enum(['paired_t', 'welch_t', 'measurement']),
  /** Runs on each side; pairs where it is paired. */
  n: z.object({ a: z.number().int(), b: z.number().int() }),
  /** Standard deviation of the logarithms: of the ratios of pairs, or of both sides together. Null for single runs. */
  spread: z.number().nullable(),
  /** Standard uncertainty of the logarithm that the measurement leaves, however often it is repeated. */
  measurement: z.number(),
  /** Of the logarithm: spread and measurement together. */
  standard_error: z.number().nullable(),
  /** Of the spread, effective ones (Welch and Satterthwaite); null is none too few, as where the measurement alone tells. */
  degrees_of_freedom: z.number().nullable(),
  reason: z.string().nullable(),
})
export type Ratio = z.infer<typeof ratioSchema>

/** The geometric mean of runs and the interval of what is known of it; null ends where that is nothing. */
export const levelSchema = z.object({
  value: z.number(),
  low: z.number().nullable(),
  high: z.number().nullable(),
})
export type Level = z.infer<typeof levelSchema>

/** Of one side alone; null where it has no value, or one without a logarithm. */
export function levelOf(
  runs: readonly Measured[],
  { isAbsolute, coverage }: { isAbsolute: boolean; coverage: number },
): Level | null {
  if (runs.length === 0 || runs.some(({ value }) => !(value > 0))) return null
  const own = logs(runs)
  const part = ofMean(own)
  const measurement = relative(runs, { isAbsolute })
  const value = Math.exp(mean(own))
  if (part === null && measurement === 0) return { value, low: null, high: null }
  const log = mean(own)
  const reach = reachOf(known(part === null ? [] : [part], measurement), (1 + coverage) / 2)
  return { value, low: Math.exp(log - reach), high: Math.exp(log + reach) }
}

export interface Sides {
  /** Of the same length, cycle by cycle, where they are paired. */
  a: readonly Measured[]
  b: readonly Measured[]
  isPaired: boolean
  /** Other boards: their gains do not cancel. */
  isAbsolute: boolean
}

/**
 * What two sides tell of their ratio; null where a value has no logarithm. The measurement's own uncertainty is taken not
 * to average out over runs, and enters beside the spread: where it is small against that, it changes nothing.
 */
export function ratioOf(sides: Sides, { coverage }: { coverage: number }): Ratio | null {
  const { a, b, isPaired } = sides
  if ([...a, ...b].some(({ value }) => !(value > 0)) || a.length === 0 || b.length === 0) return null
  const n = { a: a.length, b: b.length }
  const [logsA, logsB] = [logs(a), logs(b)]
  const log = mean(logsB) - mean(logsA)
  const measurement = Math.hypot(relative(a, sides), relative(b, sides))
  const single = n.a === 1 && n.b === 1
  const parts = isPaired
    ? [ofMean(logsB.map((value, place) => value - (logsA[place] as number)))]
    : [ofMean(logsA), ofMean(logsB)]
  const method = single ? 'measurement' : isPaired ? 'paired_t' : 'welch_t'
  const base = { value: Math.exp(log), confidence: CONFIDENCE, method, n, measurement } as const
  const spreads = parts.filter((part) => part !== null)
  const none = { low: null, high: null, spread: null, standard_error: null, degrees_of_freedom: null }
  if (single && measurement === 0)
    return { ...base, ...none, reason: 'one run each, and the measurement has no uncertainty of its own' }
  if (!single && spreads.length < parts.length)
    return { ...base, ...none, reason: 'one run on a side tells nothing of how runs differ' }
  const told = known(single ? [] : spreads, measurement)
  const reach = reachOf(told, (1 + coverage) / 2)
  return {
    ...base,
    low: Math.exp(log - reach),
    high: Math.exp(log + reach),
    spread: single ? null : Math.sqrt(spreads.reduce((sum, part) => sum + part.spread ** 2, 0)),
    standard_error: Math.hypot(told.spreadError, measurement),
    degrees_of_freedom: told.degreesOfFreedom >= MANY ? null : told.degreesOfFreedom,
    reason: single ? 'one run each: only what the measurement may be off, not how runs differ' : null,
  }
}

function known(parts: readonly Variance[], measurement: number): Omit<Estimate, 'value'> {
  const { variance, degreesOfFreedom } = welch(parts)
  return { spreadError: Math.sqrt(variance), degreesOfFreedom, measurement }
}

/** The estimate that a ratio stands for; null where nothing tells how far it may be off. */
export function estimateOf(ratio: Ratio): Estimate | null {
  const { value, standard_error, degrees_of_freedom, measurement } = ratio
  if (standard_error === null) return null
  return {
    value: Math.log(value),
    spreadError: Math.sqrt(Math.max(0, standard_error ** 2 - measurement ** 2)),
    degreesOfFreedom: degrees_of_freedom ?? MANY,
    measurement,
  }
}

/** Two-sided: how odd the estimate would be if there were no difference. */
export function probabilityOfNoDifference(estimate: Estimate): number {
  const below = probabilityBelow(estimate, 0)
  return Math.min(1, 2 * Math.min(below, 1 - below))
}

function ofMean(values: readonly number[]): (Variance & { spread: number }) | null {
  const n = values.length
  if (n < 2) return null
  const centre = mean(values)
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (n - 1))
  return { variance: spread ** 2 / n, degreesOfFreedom: n - 1, spread }
}

/** The relative standard uncertainty of one side: root mean square over its runs, of those that know theirs. */
function relative(runs: readonly Measured[], { isAbsolute }: Pick<Sides, 'isAbsolute'>): number {
  const shares = runs.flatMap(({ value, uncertainty, absolute_uncertainty }) => {
    const expanded = isAbsolute ? (absolute_uncertainty ?? uncertainty) : uncertainty
    return expanded === null ? [] : [expanded / 2 / value]
  })
  return commonUncertainty(shares) ?? 0
}

function logs(runs: readonly Measured[]): number[] {
  return runs.map(({ value }) => Math.log(value))
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
