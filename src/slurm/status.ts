// How far a campaign on Slurm is: what is in the folders of its runs, and what Slurm says of their tasks, as one manifest.

import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { readPlan } from '../campaign/folder.js'
import { type Manifest, type ManifestEntry, type SlurmEntry, viewOf } from '../campaign/manifest.js'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { RunRecords, STATUSES, type Status } from '../campaign/records.js'
import type { CampaignState } from '../campaign/state.js'
import { ENDED_ADVICE, HOPELESS_REASONS } from './advice.js'
import { stopReason } from './breaker.js'
import { latestClaim } from './claim.js'
import { logsFolder, slurmFolder } from './folder.js'
import { isAlive, isWaiting } from './queue.js'
import { seenTasks, type TaskOfRun } from './seen.js'
import { HEARD_FILE } from './watchdog.js'

export interface SlurmStatus {
  manifest: Manifest
  plan: CampaignPlan
  records: RunRecords
  problems: string[]
  /** Tasks that wait or run. */
  alive: number
  /** Slurm has answered. */
  isAsked: boolean
}

/** Looks at the folders, and asks Slurm at most twice. Changes nothing. */
export async function slurmStatus(dir: string): Promise<SlurmStatus> {
  const plan = readPlan(dir)
  // Slurm first: what ends meanwhile has written its record by then.
  const seen = await seenTasks(dir)
  const records = new RunRecords(dir, plan, { isLive: true })
  const nowMs = nowBy(slurmFolder(dir))
  const view = viewOf(plan, records, { state: 'running', reason: null }, 0)
  const entries = [...records.runs()].map((run, place): ManifestEntry => {
    const entry = view.entries[place] as ManifestEntry
    const task = seen.byRun.get(keyOf(run)) ?? null
    return folded(entry, task, {
      folder: join(dir, 'runs', entry.name, `cycle-${run.cycle}`),
      dir,
      nowMs,
      isAsked: seen.problem === null,
    })
  })
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  for (const { status } of entries) counts[status] += 1
  const state = seen.problem === null ? stateOf(entries, records, plan) : UNASKED
  const problems = [
    ...records.problems,
    ...(seen.problem === null ? [] : [`Slurm could not be asked: ${seen.problem}`]),
  ]
  if (seen.held > 0)
    problems.push(
      'a submission was ended before its jobs were released: they are held. Submit again, or cancel.',
    )
  const alive = entries.filter(({ slurm }) => slurm?.state != null && isAlive({ state: slurm.state })).length
  return {
    manifest: { ...view, ...state, counts, entries },
    plan,
    records,
    problems,
    alive,
    isAsked: seen.problem === null,
  }
}

/** Nothing is known of what runs. */
const UNASKED: CampaignState = { state: 'running', reason: 'as far as the folders tell' }

function keyOf({ experiment, cycle }: PlannedRun): string {
  return `${experiment}/${cycle}`
}

/** Twice as long as the file that tells it is written anew at the latest while something goes on. */
const HEARD_S = 30

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
  // Who hides jobs, or asks another cluster, sees no task; a run of which something was heard just now is not over.
  const isHeard = state === null && (silentSeconds(around) ?? Number.POSITIVE_INFINITY) < HEARD_S
  const isOpen = entry.status === 'running' || entry.status === 'pending'
  const status = isHeard && isOpen ? 'running' : statusOf(entry.status, task, around.isAsked)
  const slurm: SlurmEntry = {
    task: `${job_id}_${index}`,
    state: state?.state ?? null,
    reason: state?.reason ?? null,
    // By the record where Slurm has forgotten.
    node: state?.node ?? entry.place?.node ?? null,
    silent_s: status === 'running' && (isRunning || isHeard) ? silentSeconds(around) : null,
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

/** A run whose task is over without a record of its end. */
function endedBy(
  { task, state, node }: SlurmEntry,
  exit: string | null,
  entry: ManifestEntry,
  { folder, dir }: Around,
): Pick<ManifestEntry, 'status' | 'error'> {
  const hasBegun = entry.status === 'running' || (existsSync(folder) && latestClaim(folder) !== null)
  const log = join(logsFolder(dir), `${task}.log`)
  const why = state ?? reasonInLog(log)
  if (!hasBegun && (why === null || why === 'COMPLETED') && hasNotReached(log)) {
    const message = `its task ${task} ended before it started llem: look into slurm/logs/${task}.log, and whether a line of slurm.setup ends the script`
    return { status: 'failed', error: { code: 'SLURM_NOT_STARTED', message } }
  }
  // It was not needed, or somebody else did it; or it was cancelled while it waited.
  if (why === 'COMPLETED' || (why === 'CANCELLED' && !hasBegun)) return { status: 'pending', error: null }
  if (why === null && !hasBegun) return { status: 'pending', error: null }
  const where = node === null ? '' : ` on ${node}`
  if (why === null) {
    const message = `its task ${task}${where} is gone, and Slurm no longer tells why`
    return { status: 'failed', error: { code: 'SLURM_GONE', message } }
  }
  const advice = ENDED_ADVICE[why] ?? 'its log says more'
  const ended = exit === null ? '' : `, exit code ${exit}`
  const message = `Slurm ended task ${task}${where} with ${why}${ended}: ${advice} (slurm/logs/${task}.log)`
  return { status: 'failed', error: { code: `SLURM_${why}`, message } }
}

/** The last lines that slurmstepd and the kernel's helper leave in the log of a task, where there is no accounting. */
const IN_LOG: readonly [RegExp, string][] = [
  [/oom.kill event/i, 'OUT_OF_MEMORY'],
  [/DUE TO TIME LIMIT/, 'TIMEOUT'],
  [/DUE TO PREEMPTION/, 'PREEMPTED'],
  [/DUE TO NODE FAILURE/, 'NODE_FAIL'],
  [/\*\*\* (JOB|STEP) \S+ ON \S+ CANCELLED AT/, 'CANCELLED'],
]
const TAIL_BYTES = 4096

function reasonInLog(path: string): string | null {
  if (!existsSync(path)) return null
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const tail = Buffer.alloc(Math.min(size, TAIL_BYTES))
    readSync(file, tail, 0, tail.length, size - tail.length)
    // What a task that was started anew says comes after what ended it before.
    const text =
      tail
        .toString('utf8')
        .split(/^Task \d+_\d+ on /m)
        .at(-1) ?? ''
    return IN_LOG.find(([matches]) => matches.test(text))?.[1] ?? null
  } finally {
    closeSync(file)
  }
}

/** Whether a task has a log in which llem says nothing, as it does first of all. */
function hasNotReached(path: string): boolean {
  return existsSync(path) && !/^Task \d+_\d+ on /m.test(readFileSync(path, 'utf8'))
}

function silentSeconds({ folder, nowMs }: Around): number | null {
  try {
    return Math.max(0, Math.round((nowMs - statSync(join(folder, HEARD_FILE)).mtimeMs) / 1000))
  } catch {
    return null
  }
}

/** The time of the file system's own clock, which is that of the times of files there; else this machine's. */
function nowBy(folder: string): number {
  const path = join(folder, `.now-${process.pid}`)
  try {
    writeFileSync(path, '')
    return statSync(path).mtimeMs
  } catch {
    return Date.now()
  } finally {
    rmSync(path, { force: true })
  }
}

function stateOf(entries: readonly ManifestEntry[], records: RunRecords, plan: CampaignPlan): CampaignState {
  const alive = entries.flatMap(({ slurm }) =>
    slurm?.state != null && isAlive({ state: slurm.state }) ? [slurm] : [],
  )
  if (alive.length > 0) {
    if (alive.some(({ state }) => !isWaiting({ state: state ?? '' })))
      return { state: 'running', reason: null }
    return { state: 'waiting', reason: waitingFor(alive) }
  }
  const open = entries.filter(({ status }) => status !== 'completed' && status !== 'skipped').length
  if (open === 0) return { state: 'completed', reason: null }
  const stopped = stopReason(records, plan)
  if (stopped !== null) return { state: 'paused', reason: stopped }
  return {
    state: 'interrupted',
    reason: `${open} runs are not completed and have no task: submit them again`,
  }
}

/** Why nothing runs, by the reason that most tasks have. */
function waitingFor(alive: readonly SlurmEntry[]): string {
  const counts = new Map<string, number>()
  for (const { reason } of alive) if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const [most] = [...counts].sort((a, b) => b[1] - a[1])
  if (most === undefined) return "in Slurm's queue"
  const hopeless = HOPELESS_REASONS[most[0]]
  return `in Slurm's queue: ${most[0]}${hopeless === undefined ? '' : `, so it will never start: ${hopeless}`}`
}
