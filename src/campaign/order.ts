import type { Structure } from '../config/schema-campaign.js'
import { randomOf } from '../core/random.js'
import type { CampaignPlan } from './plan.js'

/** One run of an experiment: its place in the plan's list, and its cycle from 1. */
export interface PlannedRun {
  experiment: number
  cycle: number
}

/** All runs of a campaign in the order of its structure; the same on every machine. */
export function* runOrder({
  experiments,
  execution,
}: Pick<CampaignPlan, 'experiments' | 'execution'>): Generator<PlannedRun> {
  const { structure, cycles, seed } = execution
  const count = experiments.length
  if (structure === 'grouped') {
    for (let experiment = 0; experiment < count; experiment++)
      for (let cycle = 1; cycle <= cycles; cycle++) yield { experiment, cycle }
    return
  }
  for (let cycle = 1; cycle <= cycles; cycle++) {
    const order = Array.from({ length: count }, (_, experiment) => experiment)
    if (structure === 'shuffled') shuffle(order, randomOf(seed + cycle * 0x9e3779b9))
    for (const experiment of order) yield { experiment, cycle }
  }
}

/** Whether a cycle is over between two runs; a grouped campaign has all cycles of one experiment in a row. */
export function isCycleOver(structure: Structure, run: PlannedRun, next: PlannedRun): boolean {
  return structure === 'grouped' ? run.experiment !== next.experiment : run.cycle !== next.cycle
}

/** Fisher and Yates: every order is equally likely. */
function shuffle(order: number[], random: () => number): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] as number
    order[last] = order[other] as number
    order[other] = kept
  }
}
