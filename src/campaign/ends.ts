// Why a campaign ends before its last cycle: it knows enough, or has taken as much energy as it may.

import type { CampaignPlan } from './plan.js'
import type { RunRecords } from './records.js'

/** Why a campaign has ended before its last cycle; null where it has not. */
export function enoughOf({ enoughCycles }: RunRecords, { execution }: CampaignPlan): string | null {
  if (enoughCycles === null) return null
  return `enough after ${enoughCycles} cycles: no interval reaches further than ${execution.until_ci_pct} %`
}

/** Why the next run would take more energy than there is to be; null where it would not. */
export function spentBy(records: RunRecords, maxEnergyJ: number | null): string | null {
  if (maxEnergyJ === null) return null
  const taken = [...records.runs()].flatMap((run) => {
    const { energy_j = null, load_energy_j = null } = records.of(run).summary ?? {}
    return energy_j === null ? [] : [energy_j + (load_energy_j ?? 0)]
  })
  const total = taken.reduce((sum, each) => sum + each, 0)
  const next = taken.length === 0 ? 0 : total / taken.length
  if (total + next <= maxEnergyJ) return null
  const kwh = (joules: number) => `${Number((joules / 3.6e6).toPrecision(3))} kWh`
  return `${taken.length} runs took ${kwh(total)}, and one more would go beyond ${kwh(maxEnergyJ)}`
}
