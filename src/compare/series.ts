import { z } from 'zod'
import { type Facts, factsSchema } from './facts.js'
import { METRIC_KEYS, type MetricKey, measuredSchema, metricKey } from './metrics.js'

const count = z.number().int().nonnegative()

export const seriesRunSchema = z.object({
  /** Of the campaign; null where there is none. */
  cycle: z.number().int().nullable(),
  /** The folder of its result. */
  result: z.string(),
  /** Slowed down for a thermal reason or by the power brake. */
  throttled: z.boolean(),
  facts: factsSchema,
  values: z.partialRecord(metricKey, measuredSchema.nullable()),
})
export type SeriesRun = z.infer<typeof seriesRunSchema>

/** One configuration, measured once or over and over: never a pool of different ones. */
export const seriesSchema = z.object({
  /** For people: of the experiment in its campaign, else of its folder. */
  name: z.string(),
  /** Of its configuration; null for a command. */
  hash: z.string().nullable(),
  /** The campaign's folder; null where there is none. */
  campaign: z.string().nullable(),
  /** The order of that campaign's runs. */
  structure: z.string().nullable(),
  /** Whether the campaign went on until its intervals were narrow, so that 95 % takes an interval of 97 %. */
  sequential: z.boolean(),
  runs: z.array(seriesRunSchema),
  /** Runs that have no result. */
  missing: z.object({ failed: count, skipped: count, pending: count, unreadable: count }),
})
export type Series = z.infer<typeof seriesSchema>

export const NONE_MISSING = { failed: 0, skipped: 0, pending: 0, unreadable: 0 } as const

/** The runs of a series that are compared, and those that are told apart. */
export interface Sorted {
  used: SeriesRun[]
  throttled: SeriesRun[]
}

/** Throttled runs are another state of the board: they are no repetitions of the others. */
export function sortedRuns({ runs }: Series): Sorted {
  return {
    used: runs.filter(({ throttled }) => !throttled),
    throttled: runs.filter(({ throttled }) => throttled),
  }
}

/** Whether the runs of two series of one cycle were made beside one another, so that what drifts is the same for both. */
export function isPaired(a: Series, b: Series): boolean {
  return a.campaign !== null && a.campaign === b.campaign && a.structure !== 'grouped'
}

export function factsIn(runs: readonly SeriesRun[]): Facts[] {
  return runs.map(({ facts }) => facts)
}

/** The metrics that at least one run has. The whole run is one of its own only beside a steady state. */
export function metricsOf(runs: readonly SeriesRun[]): MetricKey[] {
  const hasSteady = runs.some(({ facts }) => facts.scope === 'steady_state')
  return METRIC_KEYS.filter(
    (key) =>
      (key !== 'whole_run_energy_per_output_token_j' || hasSteady) &&
      runs.some(({ values }) => values[key] != null),
  )
}
