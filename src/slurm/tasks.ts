// The runs of a campaign -> array tasks, in chunks that one sbatch takes. Pure.

import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { FIRST_CYCLES } from '../config/schema-campaign.js'
import type { SlurmKeys } from '../config/schema-slurm.js'

/** The runs of one array task, which it does one after the other. */
export type TaskRuns = PlannedRun[]

/** What one sbatch submits: an array whose index is the place in `tasks`. */
export interface Chunk {
  /** From 1. */
  number: number
  /** Numbers of the chunks of which all must have ended before. */
  after: number[]
  tasks: TaskRuns[]
}

/**
 * Tasks in the order of the plan, in which Slurm starts those of an array. A cycle waits for those before it only where it
 * may turn out not to be needed: waiting for the last task of each cycle would leave nodes idle for nothing.
 */
export function chunksOf(
  runs: readonly PlannedRun[],
  { execution }: Pick<CampaignPlan, 'execution'>,
  pairOn: SlurmKeys['pair_on'],
  maxArraySize: number,
): Chunk[] {
  // Each after each other one says something only where they follow one another on the same board.
  const isPaired = pairOn !== null || execution.structure === 'latin_square'
  const chunks: Chunk[] = []
  let before: number[] = []
  for (const block of blocksOf(runs, execution.until_ci_pct !== null)) {
    const tasks = isPaired ? cyclesOf(block) : block.map((run) => [run])
    const own: number[] = []
    for (let start = 0; start < tasks.length; start += maxArraySize) {
      const number = chunks.length + 1
      own.push(number)
      chunks.push({ number, after: before, tasks: tasks.slice(start, start + maxArraySize) })
    }
    before = own
  }
  return chunks
}

/** Runs that may be done at the same time; each block is to wait for the one before it. */
function blocksOf(runs: readonly PlannedRun[], isUntilNarrow: boolean): PlannedRun[][] {
  if (!isUntilNarrow) return runs.length === 0 ? [] : [[...runs]]
  const blocks: PlannedRun[][] = []
  const last = Math.max(0, ...runs.map(({ cycle }) => cycle))
  for (let first = 1; first <= last; ) {
    // A quarter more each time: few blocks, and few cycles that nobody needed.
    const count = first === 1 ? FIRST_CYCLES : Math.max(1, Math.ceil((first - 1) / 4))
    const from = first
    const block = runs.filter(({ cycle }) => cycle >= from && cycle < from + count)
    if (block.length > 0) blocks.push(block)
    first += count
  }
  return blocks
}

/** The runs of each cycle together, in their order. */
function cyclesOf(runs: readonly PlannedRun[]): TaskRuns[] {
  const cycles = new Map<number, TaskRuns>()
  for (const run of runs) {
    const known = cycles.get(run.cycle)
    if (known === undefined) cycles.set(run.cycle, [run])
    else known.push(run)
  }
  return [...cycles.values()]
}
