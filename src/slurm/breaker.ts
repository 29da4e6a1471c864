// What many failures say: of one node, that it is bad; of all, that going on makes no sense. Both follow from the records alone,
// so that every task and whoever looks comes to the same.

import type { PlannedRun } from '../campaign/order.js'
import { breaker } from '../campaign/pauses.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { KeptRecord, RunRecords } from '../campaign/records.js'

/** Records of runs that ended on a node, in the order of their ends. */
function endedOf(records: RunRecords): KeptRecord[] {
  return [...records.runs()]
    .map((run: PlannedRun) => records.of(run))
    .filter(({ status, place }) => place !== undefined && (status === 'completed' || status === 'failed'))
    .sort((a, b) => Date.parse(a.completed_at ?? '') - Date.parse(b.completed_at ?? ''))
}

/** Nodes whose last runs, so many, all failed, while another node has completed its latest. */
export function badNodes(records: RunRecords, most: number): string[] {
  const byNode = new Map<string, KeptRecord[]>()
  for (const record of endedOf(records)) {
    const node = record.place?.node ?? ''
    byNode.set(node, [...(byNode.get(node) ?? []), record])
  }
  const isWell = ([, ended]: [string, KeptRecord[]]) => ended.at(-1)?.status === 'completed'
  if (![...byNode].some(isWell)) return []
  return [...byNode]
    .filter(
      ([, ended]) => ended.length >= most && ended.slice(-most).every(({ status }) => status === 'failed'),
    )
    .map(([node]) => node)
    .sort()
}

/** Why the campaign should not go on: its latest runs failed for one reason, wherever they were. Null where it should. */
export function stopReason(records: RunRecords, { execution }: CampaignPlan): string | null {
  const stop = breaker(execution.max_equal_failures)
  let reason: string | null = null
  for (const { error } of endedOf(records))
    reason = error === null ? stop.completed(null) : stop.failed(error)
  return reason
}
