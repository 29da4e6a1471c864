// What an array task does: `llem campaign task DIR FILE` on a compute node. It writes into the folders of its own runs alone.

import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { readPlan } from '../campaign/folder.js'
import { gapSeconds, waitInGap } from '../campaign/gaps.js'
import { sweepLeftovers } from '../campaign/leftovers.js'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { type RunPlace, RunRecords } from '../campaign/records.js'
import { runOne } from '../campaign/run.js'
import { unservedPoints } from '../campaign/unserved.js'
import { LlemError, messageOf } from '../core/errors.js'
import { ApptainerExecutor } from '../executors/apptainer.js'
import type { Executor } from '../executors/executor.js'
import { LocalExecutor } from '../executors/local.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { showAlive } from './alive.js'
import { badNodes, stopReason } from './breaker.js'
import { cancelWaiting, excludeNodes } from './cancel.js'
import { claimRun, ownPlace } from './claim.js'
import { readTaskFile, type TaskFile } from './folder.js'
import { watched } from './watchdog.js'

export interface TaskOptions {
  observer: Observer
  signal: AbortSignal | undefined
  /** The warmest GPU in C, of a simulated machine too; null where none tells. */
  warmestC: (simulate: boolean | string) => Promise<number | null>
}

/** Does the runs of this task. Resolves with how many of them failed. */
export async function runTask(dir: string, path: string, options: TaskOptions): Promise<number> {
  const { observer, signal } = options
  const place = ownPlace()
  const file = readTaskFile(path)
  const runs = file.tasks[place.array_task_id ?? -1]
  if (runs === undefined)
    throw new LlemError(`${path} has no task ${place.array_task_id}`, {
      code: 'SLURM_NO_TASK',
      hint: 'Submit the campaign again: llem campaign FILE --executor slurm',
    })
  const again = place.restarts === 0 ? '' : `, started anew for the ${place.restarts}. time`
  observer.note(`Task ${place.array_job_id}_${place.array_task_id} on ${place.node}${again}`)
  const plan = readPlan(dir)
  const lock = lockOfNode(dir, runs)
  const local = new LocalExecutor(lock)
  const inner = file.container === null ? local : new ApptainerExecutor(local, file.container)
  const executor = watched(inner, file.silent_minutes * 60_000)
  let failures = 0
  let before: PlannedRun | null = null
  try {
    for (const run of runs) {
      stopIfInterrupted(signal)
      const seconds = gapSeconds(plan.execution, before, run)
      const context = { dir, plan, run, place, file, executor, gapS: seconds, ...options }
      const status = await runOnce(context)
      if (status === null) continue
      before = run
      if (status === 'completed') continue
      failures += 1
      if (await isToStop(dir, plan, place, file, observer)) break
    }
    return failures
  } finally {
    await executor.close()
    rmSync(lock, { force: true })
  }
}

interface OneRun extends TaskOptions {
  dir: string
  plan: CampaignPlan
  run: PlannedRun
  place: RunPlace
  file: TaskFile
  executor: Executor
  gapS: number
}

/** Resolves with the run's status, or null where it was not to be done: it is done, not needed, or another task does it. */
async function runOnce({
  dir,
  plan,
  run,
  place,
  file,
  executor,
  gapS,
  ...options
}: OneRun): Promise<string | null> {
  const { observer, signal } = options
  const name = `${plan.experiments[run.experiment]?.name}, cycle ${run.cycle}`
  if (plan.execution.until_ci_pct !== null && !new RunRecords(dir, plan, { isLive: true }).isNeeded(run)) {
    observer.note(`${name} is not needed: the intervals are narrow`)
    return null
  }
  const folder = new RunRecords(dir, plan, { isLive: true, only: [] }).folder(run)
  const other = await claimRun(folder, place, { note: (text) => observer.note(text), signal })
  if (other !== null) {
    observer.note(`${name} is being done by job ${other.job_id} on ${other.node}`)
    return null
  }
  const hide = showAlive(folder)
  try {
    return await doRun({ dir, plan, run, place, file, executor, gapS, ...options }, name, folder)
  } finally {
    hide()
  }
}

/** The run is this task's. */
async function doRun(
  { dir, plan, run, place, file, executor, gapS, observer, signal, warmestC }: OneRun,
  name: string,
  folder: string,
): Promise<string | null> {
  sweepLeftovers(folder, 1)
  // Only now, as nobody else writes there any more.
  const records = new RunRecords(dir, plan, { isLive: false, isRunner: true, only: [run] })
  for (const problem of records.problems) observer.note(`Note: ${problem}`)
  if (records.of(run).status === 'completed') {
    observer.note(`${name} is done`)
    return null
  }
  const unserved = (
    await unservedPoints({ ...plan, experiments: [experimentOf(plan, run)] }, { observer, signal })
  ).get(0)
  if (unserved !== undefined) {
    const at = new Date().toISOString()
    const { attempts } = records.of(run)
    const none = { result_path: null, result_sha256: null, summary: null }
    const times = { started_at: at, completed_at: at }
    await records.write(run, { status: 'skipped', ...times, ...none, error: unserved, attempts, place })
    return null
  }
  await waitInGap(gapS, plan.execution, { observer, signal, warmestC: () => warmestC(file.simulate) })
  const record = await runOne(
    plan,
    run,
    { begun: () => undefined, tell: () => undefined },
    {
      ...{ records, executor, observer, signal, place },
      simulate: file.simulate,
      coldStart: file.cold_start,
      restartContainer: false,
    },
  )
  observer.note(`${name}: ${record.status}`)
  return record.status
}

function experimentOf(
  { experiments }: CampaignPlan,
  { experiment }: PlannedRun,
): CampaignPlan['experiments'][number] {
  const found = experiments[experiment]
  if (found === undefined) throw new Error(`the plan has no experiment ${experiment}`)
  return found
}

/** After a failure: what others have met says whether this node, or the whole campaign, is to get no more tasks. */
async function isToStop(
  dir: string,
  plan: CampaignPlan,
  { node }: RunPlace,
  file: TaskFile,
  observer: Observer,
): Promise<boolean> {
  try {
    const records = new RunRecords(dir, plan, { isLive: true })
    const why = stopReason(records, plan)
    if (why !== null) {
      observer.note(`Paused: ${why}. What waits in the queue is cancelled.`)
      await cancelWaiting(dir)
      return true
    }
    const bad = badNodes(records, file.max_node_failures)
    if (!bad.includes(node)) return false
    observer.note(`${file.max_node_failures} failures in a row on ${node}: it is excluded`)
    await excludeNodes(dir, [...file.excluded, ...bad])
    return true
  } catch (error) {
    observer.note(`Other failures could not be looked at (non-fatal): ${messageOf(error)}`)
    return false
  }
}

/** On the node's own disk: a runner that a killed task has left there is waited for. */
function lockOfNode(dir: string, runs: readonly PlannedRun[]): string {
  const key = createHash('sha256')
    .update(JSON.stringify([dir, runs]))
    .digest('hex')
    .slice(0, 16)
  return join(tmpdir(), `llem-runner-${userInfo().uid}-${key}.lock`)
}
