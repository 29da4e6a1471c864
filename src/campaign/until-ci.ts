// When a campaign has measured enough: once the intervals of all its experiments are narrow.

import { FIRST_CYCLES } from '../config/schema-campaign.js'
import { quotedInterval } from '../results/repeated.js'
import type { PlannedRun } from './order.js'
import type { CampaignPlan } from './plan.js'
import type { KeptRecord } from './records.js'

/** Joules per output token of a run, and how far they may be off (k = 2). */
interface Known {
  value: number
  uncertainty: number | null
}

/** Looks after each cycle, and remembers where it has looked. */
export class UntilNarrow {
  readonly #plan: CampaignPlan
  readonly #of: (run: PlannedRun) => KeptRecord
  /** Experiments that end together, with the last cycle after which they did not. */
  readonly #groups: { places: readonly number[]; looked: number; enough: number | null }[]

  constructor(plan: CampaignPlan, of: (run: PlannedRun) => KeptRecord) {
    this.#plan = plan
    this.#of = of
    const places = plan.experiments.map((_, place) => place)
    // Beside one another they stay pairs only as long as all go on.
    const groups = plan.execution.structure === 'grouped' ? places.map((place) => [place]) : [places]
    this.#groups = groups.map((each) => ({ places: each, looked: FIRST_CYCLES - 1, enough: null }))
  }

  /** Whether a run is past the cycle after which its experiment was known well enough. */
  isBeyond({ experiment, cycle }: PlannedRun): boolean {
    if ((this.#plan.execution.until_ci_pct ?? null) === null || cycle <= FIRST_CYCLES) return false
    const group = this.#groups.find(({ places }) => places.includes(experiment))
    if (group === undefined) return false
    while (group.enough === null && group.looked + 1 < cycle) {
      if (!this.#isOver(group.places, group.looked + 1)) return false
      if (this.#isNarrow(group.places, group.looked + 1)) group.enough = group.looked + 1
      else group.looked += 1
    }
    return group.enough !== null && cycle > group.enough
  }

  /** A record has changed: what was seen of its cycle and those after it may not be so any more. */
  forget(cycle: number): void {
    for (const group of this.#groups) {
      group.looked = Math.max(FIRST_CYCLES - 1, Math.min(group.looked, cycle - 1))
      if (group.enough !== null && cycle <= group.enough) group.enough = null
    }
  }

  /** Cycles that were enough; null where there is no such number yet, or experiments have their own. */
  get cycles(): number | null {
    const [group, ...others] = this.#groups
    return others.length > 0 ? null : (group?.enough ?? null)
  }

  #isOver(places: readonly number[], cycle: number): boolean {
    return places.every((experiment) => {
      const { status } = this.#of({ experiment, cycle })
      return status === 'completed' || status === 'failed' || status === 'skipped'
    })
  }

  /** Experiments of which nothing can be known do not keep the others going. */
  #isNarrow(places: readonly number[], cycles: number): boolean {
    const all = places.map((experiment) => this.#measured(experiment, cycles))
    const measured = all.filter(({ length }) => length > 0)
    return measured.length > 0 && measured.every((runs) => this.#reachPct(runs) <= this.#limitPct())
  }

  #limitPct(): number {
    return this.#plan.execution.until_ci_pct ?? Number.POSITIVE_INFINITY
  }

  /** Half the interval that is then quoted, in which the measurement's own uncertainty is too: repeating does not lower that. */
  #reachPct(runs: readonly Known[]): number {
    if (runs.length < FIRST_CYCLES) return Number.POSITIVE_INFINITY
    const { value, high } = quotedInterval(
      runs.map((run) => run.value),
      { scale: 'log', isSequential: true, uncertainties: runs.map(({ uncertainty }) => uncertainty) },
    )
    return high === null ? Number.POSITIVE_INFINITY : 100 * (high / value - 1)
  }

  #measured(experiment: number, cycles: number): Known[] {
    return Array.from({ length: cycles }, (_, index) => {
      const { status, summary } = this.#of({ experiment, cycle: index + 1 })
      const value = status === 'completed' ? (summary?.energy_per_output_token_j ?? null) : null
      if (value === null || !(value > 0)) return []
      const share = summary?.quoted_uncertainty_share ?? null
      return [{ value, uncertainty: share === null ? null : share * value }]
    }).flat()
  }
}
