// Tasks that Slurm's controller has forgotten, after a crash that took its latest state: on their nodes they go on. What is started
// meanwhile would be measured beside them.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { nowBy, showsLife } from './alive.js'
import { slurmFolder } from './folder.js'
import { isHeld } from './queue.js'
import type { SeenTasks, TaskOfRun } from './seen.js'

const LOOK_EVERY_MS = 1000

/** Whether Slurm says that nobody does a run, though it shows life. */
export function isForgotten({ state }: Pick<TaskOfRun, 'state'>, folder: string, nowMs: number): boolean {
  return (state === null || isHeld(state)) && showsLife(folder, nowMs)
}

/** Waits until no run is done by a task that Slurm has forgotten. Resolves with how many there were. */
export async function untilForgottenEnd(
  dir: string,
  { experiments }: CampaignPlan,
  runs: readonly PlannedRun[],
  { ofRun }: SeenTasks,
  { observer, signal }: { observer: Observer; signal: AbortSignal | undefined },
): Promise<number> {
  let left = runs.flatMap(({ experiment, cycle }) => {
    const tasks = ofRun.get(`${experiment}/${cycle}`) ?? []
    const isLost = tasks.length > 0 && tasks.every(({ state }) => state === null || isHeld(state))
    return isLost ? [join(dir, 'runs', experiments[experiment]?.name ?? '', `cycle-${cycle}`)] : []
  })
  for (let lost = 0; ; ) {
    const nowMs = nowBy(slurmFolder(dir))
    left = left.filter((folder) => showsLife(folder, nowMs))
    if (left.length === 0) return lost
    if (lost === 0)
      observer.note(
        `Slurm has forgotten ${left.length} tasks that show life, as after a crash of its controller: waiting until they are over`,
      )
    lost ||= left.length
    await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined)
    stopIfInterrupted(signal)
  }
}
