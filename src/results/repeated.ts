// A quantity that was measured over and over: its mean and spread, and the interval that holds the true value 95 times
// of 100, by Student's t, which is quoted, and by the bootstrap, which some reviewers ask for.

import { z } from 'zod'
import { commonUncertainty } from './confidence.js'
import {
  bootstrapInterval,
  CONFIDENCE,
  type Interval,
  RESAMPLES,
  SEQUENTIAL_COVERAGE,
  studentInterval,
} from './interval.js'

/** Energies, speeds and times are positive and spread by factors: their interval is of the geometric mean. */
export type Scale = 'log' | 'linear'

export const repeatedIntervalSchema = z.object({
  /** What the interval is of. */
  of: z.enum(['geometric_mean', 'mean']),
  /** Where of one measurement alone, that one. */
  value: z.number(),
  /** Null where one value tells nothing of the spread. */
  low: z.number().nullable(),
  high: z.number().nullable(),
  method: z.enum(['t', 'bootstrap']),
  confidence: z.number(),
  /** What it was computed for, where measuring went on until it was narrow: 0.97, which then holds the truth 95 times of 100. */
  coverage: z.number().optional(),
  /**
   * How far the measurement itself may be off (k = 2), however often it is repeated: it is in the interval, beside the spread.
   * Of Student's t; null where no measurement tells it.
   */
  measurement_uncertainty: z.number().nullable().optional(),
  /** Of the bootstrap, which tells the spread alone. */
  resamples: z.number().int().optional(),
  seed: z.number().int().optional(),
  /** Why there are no ends; null where there are. */
  reason: z.string().nullable(),
})
export type RepeatedInterval = z.infer<typeof repeatedIntervalSchema>

export const repeatedSchema = z.object({
  unit: z.string(),
  /** Measurements that have the quantity. */
  n: z.number().int().positive(),
  mean: z.number(),
  /** Standard deviation of the sample (n - 1); null for one value. */
  sd: z.number().nullable(),
  median: z.number(),
  min: z.number(),
  max: z.number(),
  /** Null where the quantity may be negative. */
  geometric_mean: z.number().nullable(),
  /** By Student's t, at every n. */
  quoted: repeatedIntervalSchema,
  /** Absent of one value, of which nothing can be drawn anew, and in `llem campaign status`, which is to be quick. */
  bootstrap: repeatedIntervalSchema.optional(),
})
export type Repeated = z.infer<typeof repeatedSchema>

interface Quoting {
  scale: Scale
  /** Measuring went on until the interval was narrow. */
  isSequential?: boolean
  /** How far each value may be off (k = 2), in `unit`; null where that is not known. */
  uncertainties?: readonly (number | null)[]
}

interface Repeating extends Quoting {
  unit: string
  /** Of the bootstrap; null where nobody wants it. */
  seed: number | null
}

/** Null for no values. */
export function repeated(values: readonly number[], { unit, seed, ...quoting }: Repeating): Repeated | null {
  const n = values.length
  if (n === 0) return null
  if (n === 1) return single(values[0] as number, unit, quotedInterval(values, quoting))
  const sorted = [...values].sort((a, b) => a - b)
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const { scale } = quoting
  const quoted = quotedInterval(values, quoting)
  const bootstrap = seed === null ? null : intervalOf(values, scale, (each) => bootstrapInterval(each, seed))
  return {
    unit,
    n,
    mean,
    sd: Math.sqrt(squares / (n - 1)),
    median: ((sorted[(n - 1) >> 1] as number) + (sorted[n >> 1] as number)) / 2,
    min: sorted[0] as number,
    max: sorted[n - 1] as number,
    geometric_mean: scale === 'log' && quoted.of === 'geometric_mean' ? quoted.value : null,
    quoted,
    ...(bootstrap === null || seed === null
      ? {}
      : { bootstrap: { ...bootstrap, resamples: RESAMPLES, seed } }),
  }
}

function single(value: number, unit: string, quoted: RepeatedInterval): Repeated {
  const geometric_mean = quoted.of === 'geometric_mean' ? value : null
  return { unit, n: 1, mean: value, sd: null, median: value, min: value, max: value, geometric_mean, quoted }
}

/** By Student's t, of at least one value. */
export function quotedInterval(
  values: readonly number[],
  { scale, isSequential = false, uncertainties = [] }: Quoting,
): RepeatedInterval {
  const coverage = isSequential ? SEQUENTIAL_COVERAGE : CONFIDENCE
  const measurement = standardUncertainty(values, uncertainties, isLogarithmic(values, scale))
  const found = intervalOf(values, scale, (each) => studentInterval(each, coverage, measurement ?? 0))
  const unit = found.of === 'mean' ? 1 : found.value
  return {
    ...found,
    ...(isSequential ? { coverage } : {}),
    measurement_uncertainty: measurement === null ? null : 2 * measurement * unit,
  }
}

/**
 * Of one value, taken not to average out over them: the root mean square of those that are known, of a logarithm where the
 * values spread by factors; null where none is.
 */
function standardUncertainty(
  values: readonly number[],
  uncertainties: readonly (number | null)[],
  isLog: boolean,
): number | null {
  const known = uncertainties.flatMap((expanded, index) =>
    expanded === null ? [] : [expanded / 2 / (isLog ? (values[index] as number) : 1)],
  )
  return commonUncertainty(known)
}

/** The one value that several stand for: equal ones are that very number, to the last digit. Null for no values. */
export function centreOf(values: readonly number[], scale: Scale): number | null {
  const [first] = values
  if (first === undefined || values.every((each) => each === first)) return first ?? null
  const isLog = isLogarithmic(values, scale)
  const mean = values.reduce((sum, value) => sum + (isLog ? Math.log(value) : value), 0) / values.length
  return isLog ? Math.exp(mean) : mean
}

function isLogarithmic(values: readonly number[], scale: Scale): boolean {
  return scale === 'log' && values.every((value) => value > 0)
}

const SINGLE = 'one value tells nothing of the spread'
const NO_LOGARITHM = 'a value of 0 or less has no logarithm, and the quantity cannot be below 0'

function intervalOf(
  values: readonly number[],
  scale: Scale,
  estimate: (values: readonly number[]) => Interval | null,
): RepeatedInterval {
  const isLog = isLogarithmic(values, scale)
  const found = estimate(isLog ? values.map(Math.log) : values)
  const value = centreOf(values, scale)
  if (found === null || value === null) throw new Error('no values')
  const back = (end: number) => (isLog ? Math.exp(end) : end)
  const impossible = scale === 'log' && !isLog
  const [low, high] =
    impossible || found.low === null || found.high === null
      ? [null, null]
      : [back(found.low), back(found.high)]
  return {
    of: isLog ? 'geometric_mean' : 'mean',
    value,
    low,
    high,
    method: found.method,
    confidence: CONFIDENCE,
    reason: values.length === 1 ? SINGLE : impossible ? NO_LOGARITHM : null,
  }
}
