import { bootstrapInterval, type Interval, studentInterval } from '../results/interval.js'
import type { CampaignPlan } from './plan.js'
import type { KeptSummary, RunRecords } from './records.js'

/** What a campaign compares, the most important first. */
export const MEASURES = [
  { key: 'energy_per_output_token_j', title: 'J/output token', unit: 'J' },
  { key: 'energy_j', title: 'energy', unit: 'J' },
  { key: 'tokens_per_second', title: 'throughput', unit: 'tokens/s' },
  { key: 'e2e_p50_ms', title: 'latency p50', unit: 'ms' },
  { key: 'load_energy_j', title: 'load', unit: 'J' },
] as const satisfies readonly { key: keyof KeptSummary; title: string; unit: string }[]
export type MeasureKey = (typeof MEASURES)[number]['key']

/** A mean over cycles by Student's t, which is quoted, and by the bootstrap, which some reviewers ask for. */
export interface Measure extends Interval {
  bootstrap: Interval
}

/** One experiment over its cycles. Null where no cycle has the number. */
export interface ExperimentStatistics extends Record<MeasureKey, Measure | null> {
  name: string
  hash: string
  /** Cycles that are completed. */
  cycles: number
}

/** Mean and interval of each experiment over its own cycles: different experiments are no repetitions of each other. */
export function statisticsOf(plan: CampaignPlan, records: RunRecords): ExperimentStatistics[] {
  const summaries = plan.experiments.map((): KeptSummary[] => [])
  for (const run of records.runs()) {
    const { status, summary } = records.of(run)
    if (status === 'completed' && summary !== null) summaries[run.experiment]?.push(summary)
  }
  return plan.experiments.map(({ name, hash }, index) => {
    const own = summaries[index] ?? []
    const measure = (key: MeasureKey): Measure | null => {
      const values = own.map((summary) => summary[key]).filter((value) => value !== null)
      const [student, bootstrap] = [
        studentInterval(values),
        bootstrapInterval(values, plan.execution.seed + index),
      ]
      return student === null || bootstrap === null ? null : { ...student, bootstrap }
    }
    return {
      name,
      hash,
      cycles: own.length,
      energy_per_output_token_j: measure('energy_per_output_token_j'),
      energy_j: measure('energy_j'),
      tokens_per_second: measure('tokens_per_second'),
      e2e_p50_ms: measure('e2e_p50_ms'),
      load_energy_j: measure('load_energy_j'),
    }
  })
}
