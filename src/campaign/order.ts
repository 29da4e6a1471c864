import type { Structure } from '../config/schema-campaign.js'
import { randomOf } from '../core/random.js'
import type { CampaignPlan } from './plan.js'

/** One run of an experiment: its place in the plan's list, and its cycle from 1, which goes on counting over rounds. */
export interface PlannedRun {
  experiment: number
  cycle: number
}

type Ordered = Pick<CampaignPlan, 'experiments' | 'execution'>

/** All runs of a campaign's rounds, one after the other; a campaign that is no daemon has one. */
export function* runOrder(plan: Ordered, rounds = 1): Generator<PlannedRun> {
  for (let round = 1; round <= rounds; round++) yield* roundOrder(plan, round)
}

/** The round of a cycle, from 1. */
export function roundOf({ execution }: Pick<CampaignPlan, 'execution'>, cycle: number): number {
  return Math.ceil(cycle / execution.cycles)
}

/** All runs of one round in the order of the campaign's structure; the same on every machine. */
export function* roundOrder({ experiments, execution }: Ordered, round: number): Generator<PlannedRun> {
  const { structure, cycles, seed } = execution
  const count = experiments.length
  const [first, last] = [(round - 1) * cycles + 1, round * cycles]
  if (structure === 'grouped') {
    for (let experiment = 0; experiment < count; experiment++)
      for (let cycle = first; cycle <= last; cycle++) yield { experiment, cycle }
    return
  }
  for (let cycle = first; cycle <= last; cycle++) {
    const order = Array.from({ length: count }, (_, experiment) => experiment)
    if (structure === 'shuffled') shuffle(order, randomOf(seed + cycle * 0x9e3779b9))
    const row = structure === 'latin_square' ? squareRow(count, cycle) : order
    for (const experiment of row) yield { experiment, cycle }
  }
}

/** Whether a cycle is over between two runs; a grouped campaign has all cycles of one experiment in a row. */
export function isCycleOver(structure: Structure, run: PlannedRun, next: PlannedRun): boolean {
  return structure === 'grouped' ? run.experiment !== next.experiment : run.cycle !== next.cycle
}

/**
 * A row of a Latin square in which each follows each other one equally often: after as many cycles as there are
 * experiments, of an odd number after twice as many (Williams, Experimental designs balanced for the estimation of residual
 * effects of treatments, 1949).
 */
export function squareRow(count: number, cycle: number): number[] {
  // 0, last, 1, last but one, ...: each distance once.
  const first = Array.from({ length: count }, (_, place) =>
    place % 2 === 0 ? place / 2 : count - (place + 1) / 2,
  )
  const isMirrored = count % 2 === 1 && Math.floor((cycle - 1) / count) % 2 === 1
  return (isMirrored ? first.reverse() : first).map((each) => (each + cycle - 1) % count)
}

/** Fisher and Yates: every order is equally likely. */
export function shuffle(order: number[], random: () => number): void {
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = order[last] as number
    order[last] = order[other] as number
    order[other] = kept
  }
}
