// How long a campaign will take, and what it will cost in energy and disk, by runs of it that are done already.

import { gapSeconds } from './gaps.js'
import type { PlannedRun } from './order.js'
import type { CampaignPlan } from './plan.js'
import type { KeptRecord, RunRecords } from './records.js'

export interface Estimate {
  runs: number
  /** Runs whose experiment has run before; the others are taken to be like the mean. */
  known: number
  /** Gaps alone where nothing has run yet. */
  gaps_s: number
  /** Null where nothing has run yet. */
  runs_s: number | null
  energy_j: number | null
  disk_bytes: number | null
}

/** Of those runs that are left, by all that are done. */
export function estimateOf(
  plan: CampaignPlan,
  records: RunRecords,
  runs: Iterable<PlannedRun> = records.runs(),
): Estimate {
  const left: PlannedRun[] = []
  const seen = new Map<number, KeptRecord[]>()
  for (const run of runs) if (records.of(run).status !== 'completed') left.push(run)
  for (const run of records.runs()) {
    const record = records.of(run)
    if (record.status === 'completed') seen.set(run.experiment, [...(seen.get(run.experiment) ?? []), record])
  }
  const all = [...seen.values()].flat()
  const sum = (of: (record: KeptRecord) => number | null): number | null => {
    const overall = meanOf(all.map(of))
    if (overall === null) return null
    return left.reduce((total, { experiment }) => {
      return total + (meanOf((seen.get(experiment) ?? []).map(of)) ?? overall)
    }, 0)
  }
  let before: PlannedRun | null = null
  let gaps_s = 0
  for (const run of left) {
    gaps_s += plan.execution.gap_until === null ? gapSeconds(plan.execution, before, run) : 0
    before = run
  }
  return {
    runs: left.length,
    known: left.filter(({ experiment }) => seen.has(experiment)).length,
    gaps_s,
    runs_s: sum(secondsOf),
    energy_j: sum(({ summary }) => summary?.energy_j ?? null),
    disk_bytes: sum(({ summary }) => summary?.disk_bytes ?? null),
  }
}

function secondsOf({ started_at, completed_at }: KeptRecord): number | null {
  return started_at === null || completed_at === null
    ? null
    : (Date.parse(completed_at) - Date.parse(started_at)) / 1000
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((a, b) => a + b, 0) / known.length
}
