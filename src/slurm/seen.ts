// The tasks of a campaign's runs, and what Slurm says of each.

import type { RunPlace, Status } from '../campaign/records.js'
import { LlemError } from '../core/errors.js'
import { readTaskFile, type SubmissionState, submissionsIn, taskFile } from './folder.js'
import { askQueue, isAlive, type TaskState, taskKey } from './queue.js'

/** A task that is to do a run. */
export interface TaskOfRun {
  job_id: string
  index: number
  /** Other runs are done by the same task. */
  isShared: boolean
  /** Of its submission: jobs of one that was never finished are held, and shall be. */
  submission: SubmissionState
  /** Null where Slurm does not know it any more, or could not be asked. */
  state: TaskState | null
}

export interface SeenTasks {
  /** By "experiment/cycle", in the order in which they were submitted. */
  ofRun: ReadonlyMap<string, readonly TaskOfRun[]>
  problem: string | null
  /** A file that says which tasks do which runs and cannot be read: what these do is not known. */
  damaged: LlemError | null
  /** Of submissions whose process was killed before their jobs were released. */
  unfinished: number
}

/** Slurm's own commands give up on a controller that does not answer after about as long. */
const LIMIT_MS = 60_000

/** Asks Slurm once of all that a campaign has there. */
export async function seenTasks(dir: string, limitMs = LIMIT_MS): Promise<SeenTasks> {
  const submissions = submissionsIn(dir).filter(({ state }) => state !== 'withdrawn')
  let damaged: LlemError | null = null
  const files = submissions.flatMap((submission) =>
    submission.chunks.flatMap((chunk) => {
      const name = `${submission.job_name}-${chunk.number}`
      try {
        return [{ submission, chunk, name, ...readTaskFile(taskFile(submission.folder, chunk.number)) }]
      } catch (error) {
        if (!(error instanceof LlemError)) throw error
        damaged = error
        return []
      }
    }),
  )
  const queue = await askQueue({
    jobs: files.map(({ name, chunk, tasks }) => ({ name, id: chunk.job_id, tasks: tasks.length })),
    clusters: [...new Set(files.flatMap(({ chunk }) => chunk.cluster ?? []))],
    hasAccounting: submissions.some(({ has_accounting }) => has_accounting),
    limitMs,
  })
  const ofRun = new Map<string, TaskOfRun[]>()
  for (const { submission, chunk, name, tasks } of files) {
    const job_id = chunk.job_id ?? queue.jobsByName.get(name)
    if (job_id === undefined) continue
    for (const [index, runs] of tasks.entries()) {
      const state = queue.tasks.get(taskKey(name, index)) ?? null
      const task = { job_id, index, isShared: runs.length > 1, submission: submission.state, state }
      for (const { experiment, cycle } of runs) {
        const key = `${experiment}/${cycle}`
        const known = ofRun.get(key)
        if (known === undefined) ofRun.set(key, [task])
        else known.push(task)
      }
    }
  }
  return {
    ofRun,
    problem: queue.problem,
    damaged,
    unfinished: submissions.filter(({ state }) => state === 'submitting').length,
  }
}

/** Of the tasks of a run the one that tells what becomes of it: who did it, who is to do it, who was the last. */
export function tellingTask(
  tasks: readonly TaskOfRun[],
  { status, place }: { status: Status; place?: RunPlace | undefined },
): TaskOfRun | null {
  const doer = tasks.findLast(
    ({ job_id, index }) => job_id === place?.array_job_id && index === place.array_task_id,
  )
  const alive = tasks.findLast(({ state }) => state !== null && isAlive(state))
  return (status === 'completed' ? (doer ?? alive) : (alive ?? doer)) ?? tasks.at(-1) ?? null
}

/** The same. Throws SLURM_SILENT or SLURM_FILE_DAMAGED where it is not told: what Slurm has would be submitted twice. */
export async function certainTasks(dir: string): Promise<SeenTasks> {
  const seen = await seenTasks(dir)
  if (seen.damaged !== null) throw seen.damaged
  if (seen.problem !== null)
    throw new LlemError(`Slurm does not tell what of the campaign is in its queue: ${seen.problem}`, {
      code: 'SLURM_SILENT',
      hint: 'Look with `scontrol ping` whether the controller is up, and try again.',
    })
  return seen
}

/** Runs with a task that waits or runs, and that task. */
export function aliveIn({ ofRun }: SeenTasks): Map<string, TaskOfRun> {
  const alive = [...ofRun].flatMap(([key, tasks]): [string, TaskOfRun][] => {
    const task = tasks.findLast(({ state }) => state !== null && isAlive(state))
    return task === undefined ? [] : [[key, task]]
  })
  return new Map(alive)
}
