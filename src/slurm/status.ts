// How far a campaign on Slurm is: what is in the folders of its runs, and what Slurm says of their tasks, as one manifest.

import { join } from 'node:path'
import { readPlan } from '../campaign/folder.js'
import { type Manifest, type ManifestEntry, type SlurmEntry, viewOf } from '../campaign/manifest.js'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { RunRecords, STATUSES, type Status } from '../campaign/records.js'
import type { CampaignState } from '../campaign/state.js'
import { type Observer, silentObserver } from '../progress/observer.js'
import { shownWhileWaiting } from '../progress/wait.js'
import { HOPELESS_REASONS } from './advice.js'
import { HEARD_FILE, nowBy, secondsSince } from './alive.js'
import { stopReason } from './breaker.js'
import { endedBy } from './ends.js'
import { slurmFolder } from './folder.js'
import { isForgotten } from './forgotten.js'
import { isAlive, isHeld, isWaiting } from './queue.js'
import { seenTasks, type TaskOfRun, tellingTask } from './seen.js'

export interface SlurmStatus {
  manifest: Manifest
  plan: CampaignPlan
  records: RunRecords
  problems: string[]
  /** Tasks that wait or run, without those that wait until somebody releases them. */
  alive: number
  /** Slurm has answered. */
  isAsked: boolean
}

/** A look shall not take longer where the controller hangs: what is in the folders is worth something too. */
const PATIENCE_MS = 10_000

/** Looks at the folders, and asks Slurm at most twice. Changes nothing. */
export async function slurmStatus(
  dir: string,
  observer: Observer = silentObserver,
  patienceMs = PATIENCE_MS,
): Promise<SlurmStatus> {
  const plan = readPlan(dir)
  // Slurm first: what ends meanwhile has written its record by then.
  const seen = await shownWhileWaiting('Asking Slurm', patienceMs / 1000, observer, () =>
    seenTasks(dir, patienceMs),
  )
  const isAsked = seen.problem === null
  const records = new RunRecords(dir, plan, { isLive: true })
  const nowMs = nowBy(slurmFolder(dir))
  const view = viewOf(plan, records, { state: 'running', reason: null }, 0)
  const alive: TaskOfRun[] = []
  const entries = [...records.runs()].map((run, place): ManifestEntry => {
    const entry = view.entries[place] as ManifestEntry
    const tasks = seen.ofRun.get(keyOf(run)) ?? []
    const folder = join(dir, 'runs', entry.name, `cycle-${run.cycle}`)
    const now = folded(entry, tellingTask(tasks, entry), { folder, dir, nowMs, isAsked })
    alive.push(...tasks.filter(({ state }) => state !== null && isToCome(state, now.status)))
    return now
  })
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  for (const { status } of entries) counts[status] += 1
  const state = isAsked ? stateOf(entries, alive, records, plan) : UNASKED
  const problems = [
    ...records.problems,
    ...(isAsked ? [] : [`Slurm could not be asked: ${seen.problem}`]),
    ...(seen.damaged === null ? [] : [`${seen.damaged.message}: what its tasks do is not known`]),
    ...(seen.unfinished === 0
      ? []
      : ['a submission was ended before its jobs were released: they are held. Submit again, or cancel.']),
    ...heldText(alive),
  ]
  return {
    manifest: { ...view, ...state, counts, entries },
    plan,
    records,
    problems,
    alive: alive.filter((task) => !isStuck(task)).length,
    isAsked,
  }
}

/** Whether a task has something to do yet: one that waits for a run that is completed would only find that out. */
function isToCome(state: NonNullable<TaskOfRun['state']>, status: Status): boolean {
  return isAlive(state) && !(isWaiting(state) && status === 'completed')
}

/** Whether a task will not start by itself, though llem has released it. */
function isStuck({ submission, state }: TaskOfRun): boolean {
  return submission === 'submitted' && state !== null && isHeld(state)
}

function heldText(alive: readonly TaskOfRun[]): string[] {
  const held = alive.filter(isStuck)
  if (held.length === 0) return []
  const reasons = [...new Set(held.flatMap(({ state }) => state?.reason ?? []))].join(', ')
  const jobs = [...new Set(held.map(({ job_id }) => job_id))].join(',')
  return [
    `${held.length} ${held.length === 1 ? 'task is' : 'tasks are'} held (${reasons}), as after a crash of Slurm's controller, and will not start by themselves: submit again, which releases them, or type \`scontrol release ${jobs}\`. Where it is "launch failed", their nodes knew the numbers already: look with \`sinfo -R\`, and wait two minutes before.`,
  ]
}

/** Nothing is known of what runs. */
const UNASKED: CampaignState = { state: 'running', reason: 'as far as the folders tell' }

function keyOf({ experiment, cycle }: PlannedRun): string {
  return `${experiment}/${cycle}`
}

interface Around {
  folder: string
  dir: string
  nowMs: number
  /** Slurm has answered. */
  isAsked: boolean
}

function folded(entry: ManifestEntry, task: TaskOfRun | null, around: Around): ManifestEntry {
  if (task === null)
    return around.isAsked && entry.status === 'running' ? { ...entry, status: 'pending' } : entry
  const { state, job_id, index } = task
  const isRunning = state !== null && isAlive(state) && !isWaiting(state)
  // Who hides jobs, or has lost them, shows no task; a run that shows life is not over.
  const isHeard = isForgotten(task, around.folder, around.nowMs)
  const isOpen = entry.status === 'running' || entry.status === 'pending'
  const status = isHeard && isOpen ? 'running' : statusOf(entry.status, task, around.isAsked)
  const slurm: SlurmEntry = {
    task: `${job_id}_${index}`,
    state: state?.state ?? null,
    reason: state?.reason ?? null,
    // By the record where Slurm has forgotten.
    node: state?.node ?? entry.place?.node ?? null,
    silent_s:
      status === 'running' && (isRunning || isHeard)
        ? secondsSince(join(around.folder, HEARD_FILE), around.nowMs)
        : null,
  }
  if (status === 'ended') return { ...entry, ...endedBy(slurm, state?.exit ?? null, entry, around), slurm }
  return { ...entry, status, error: status === 'failed' || status === 'skipped' ? entry.error : null, slurm }
}

/** "ended": Slurm has ended it, or nobody knows what became of it, and no record says how. */
function statusOf(own: Status, { state, isShared }: TaskOfRun, isAsked: boolean): Status | 'ended' {
  if (own === 'completed') return 'completed'
  if (!isAsked) return own
  if (state !== null && isAlive(state)) {
    // Submitted again after a failure, or requeued.
    if (isWaiting(state)) return 'pending'
    // Of several runs one at a time; the record says which.
    return isShared && own !== 'running' ? own : 'running'
  }
  return own === 'failed' || own === 'skipped' ? own : 'ended'
}

function stateOf(
  entries: readonly ManifestEntry[],
  alive: readonly TaskOfRun[],
  records: RunRecords,
  plan: CampaignPlan,
): CampaignState {
  const open = entries.filter(({ status }) => status !== 'completed' && status !== 'skipped')
  if (open.length === 0 && alive.length === 0) return { state: 'completed', reason: null }
  // Cancelled while they waited, or lost by Slurm: nobody will do them.
  const left = open.filter(({ status, slurm }) => status === 'pending' && !isInQueue(slurm)).length
  const submit = 'submit again: llem campaign FILE --executor slurm'
  const leftText = left === 0 ? null : `${left} pending runs have no task: ${submit}`
  if (alive.length > 0 || open.some(({ status }) => status === 'running')) {
    const isGoing =
      open.some(({ status }) => status === 'running') || alive.some(({ state }) => !isQueued(state))
    if (isGoing) return { state: 'running', reason: leftText }
    return {
      state: 'waiting',
      reason: [waitingFor(alive), leftText].filter((text) => text !== null).join('; '),
    }
  }
  const stopped = stopReason(records, plan)
  if (stopped !== null) return { state: 'paused', reason: stopped }
  return { state: 'interrupted', reason: `${open.length} runs are not completed and have no task: ${submit}` }
}

function isInQueue(slurm: SlurmEntry | undefined): boolean {
  return slurm?.state != null && isAlive({ state: slurm.state })
}

function isQueued(state: TaskOfRun['state']): boolean {
  return state !== null && isWaiting(state)
}

/** Why nothing runs, by the reason that most tasks have. */
function waitingFor(alive: readonly TaskOfRun[]): string {
  const counts = new Map<string, number>()
  for (const { state } of alive)
    if (state?.reason != null) counts.set(state.reason, (counts.get(state.reason) ?? 0) + 1)
  const [most] = [...counts].sort((a, b) => b[1] - a[1])
  if (most === undefined) return "in Slurm's queue"
  // No administrator is needed for anything else here.
  if (/DRAINED|ReqNodeNotAvail/.test(most[0]))
    return `in Slurm's queue: ${most[0]}; \`sinfo -R\` says why, and an administrator returns a node by \`scontrol update NodeName=NODE State=RESUME\``
  const hopeless = HOPELESS_REASONS[most[0]]
  return `in Slurm's queue: ${most[0]}${hopeless === undefined ? '' : `, so it will never start: ${hopeless}`}`
}
