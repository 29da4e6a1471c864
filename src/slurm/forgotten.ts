// Tasks that Slurm's controller has forgotten, after a crash that took its latest state: on their nodes they go on. What is started
// meanwhile may get their numbers, and Slurm drains a node that has a number twice ("Duplicate jobid").

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { nowBy, showsLife } from './alive.js'
import { slurmFolder } from './folder.js'
import { isHeld } from './queue.js'
import type { TaskOfRun } from './seen.js'

const LOOK_EVERY_MS = 1000

/** Whether Slurm says that nobody does a run, though it shows life. */
export function isForgotten(task: Pick<TaskOfRun, 'state'> | null, folder: string, nowMs: number): boolean {
  const { state } = task ?? { state: null }
  return (state === null || isHeld(state)) && showsLife(folder, nowMs)
}

/** Waits until none of these runs is done by a task that Slurm has forgotten. Resolves with how many were. */
export async function untilForgottenEnd(
  dir: string,
  { experiments }: CampaignPlan,
  runs: readonly PlannedRun[],
  taskOf: (run: PlannedRun) => TaskOfRun | null,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<number> {
  const left = () => {
    const nowMs = nowBy(slurmFolder(dir))
    return runs.filter((run) => {
      const folder = join(dir, 'runs', experiments[run.experiment]?.name ?? '', `cycle-${run.cycle}`)
      return isForgotten(taskOf(run), folder, nowMs)
    }).length
  }
  const first = left()
  if (first > 0)
    observer.note(`Slurm has forgotten ${first} tasks that show life: waiting until they are over`)
  while (left() > 0) {
    await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    stopIfInterrupted(signal)
  }
  return first
}
