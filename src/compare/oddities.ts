// What a reader of a comparison should know of one side.

import type { Meanings } from '../core/meanings.js'
import { type Finding, warning } from '../results/findings.js'
import { studentQuantile } from '../results/student.js'
import { METRICS } from './metrics.js'
import { metricsOf, type Series, type SeriesRun } from './series.js'

/** Of 100 series of normal values, one is told to have an outlier. */
const ODD = 0.01
/** From so many on, one value matters little for the interval. */
const MANY_RUNS = 10

/** Few runs of which one lies apart, and runs that are not in the numbers. */
export function findingsOf(series: Series, used: readonly SeriesRun[]): Finding[] {
  const { name, missing, runs } = series
  const throttled = runs.length - used.length
  const lost = missing.failed + missing.unreadable
  return [
    ...(throttled === 0
      ? []
      : [
          warning(
            'throttled_runs_apart',
            `${throttled} of ${runs.length} runs of ${name} were throttled and are told apart.`,
          ),
        ]),
    ...(lost === 0
      ? []
      : [
          warning(
            'failed_runs_left_out',
            `${lost} runs of ${name} failed or cannot be read and are in no number.`,
          ),
        ]),
    ...outliers(name, used),
  ]
}

function outliers(name: string, runs: readonly SeriesRun[]): Finding[] {
  return metricsOf(runs).flatMap((key) => {
    const values = runs.flatMap(({ values: own }) => own[key]?.value ?? [])
    if (!hasOutlier(values)) return []
    const title = METRICS.find((metric) => metric.key === key)?.title
    return [
      warning(
        'outlier_in_few_runs',
        `one of ${values.length} runs of ${name} lies apart in ${title}; with so few the interval may be too short.`,
      ),
    ]
  })
}

/** Grubbs' test on logarithms, for 3 to 9 positive values (Procedures for detecting outlying observations, 1969). */
export function hasOutlier(values: readonly number[]): boolean {
  const n = values.length
  if (n < 3 || n >= MANY_RUNS || values.some((value) => !(value > 0))) return false
  const logs = values.map(Math.log)
  const mean = logs.reduce((sum, value) => sum + value, 0) / n
  const sd = Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const furthest = Math.max(...logs.map((value) => Math.abs(value - mean)))
  const t = studentQuantile(1 - ODD / (2 * n), n - 2)
  return sd > 0 && furthest / sd > ((n - 1) / Math.sqrt(n)) * Math.sqrt(t ** 2 / (n - 2 + t ** 2))
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  throttled_runs_apart: {
    meaning: 'Runs were slowed down by the GPU. They are another state of the board, and in no number.',
    evidence: '`thermal_throttle.detected` of a run: thermal slowdown or power brake, not the power limit.',
    advice: 'Cool the GPUs or lower their power limit. The comparison says what they would change.',
  },
  failed_runs_left_out: {
    meaning: 'Runs have no result that can be read, and are in no number.',
    evidence: 'The records of the campaign.',
    advice: 'See `llem campaign status`. Where one side fails more often, that is a difference too.',
  },
  outlier_in_few_runs: {
    meaning: 'One of fewer than 10 runs lies apart from the others. The interval may be too short.',
    evidence: "Grubbs' test on the logarithms at 1 %.",
    advice: 'Look what happened in that run, and measure more cycles.',
  },
}
