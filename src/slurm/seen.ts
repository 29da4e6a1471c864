// The tasks of a campaign's runs, and what Slurm says of each.

import { LlemError } from '../core/errors.js'
import { type KeptSubmission, readTaskFile, submissionsIn, taskFile } from './folder.js'
import { askQueue, isAlive, type Queue, type TaskState, taskKey } from './queue.js'

/** The task that is to do a run. */
export interface TaskOfRun {
  job_id: string
  index: number
  /** Other runs are done by the same task. */
  isShared: boolean
  /** Null where Slurm does not know it any more, or could not be asked. */
  state: TaskState | null
}

export interface SeenTasks {
  /** By "experiment/cycle"; of each run the latest task, or the one that is alive. */
  byRun: ReadonlyMap<string, TaskOfRun>
  problem: string | null
  /** Of submissions whose process was killed before their jobs were released. */
  held: number
}

/** Asks Slurm once of all that a campaign has there. */
export async function seenTasks(dir: string): Promise<SeenTasks> {
  const submissions = submissionsIn(dir).filter(({ state }) => state !== 'withdrawn')
  const files = submissions.flatMap((submission) =>
    submission.chunks.map((chunk) => ({
      submission,
      chunk,
      ...readTaskFile(taskFile(submission.folder, chunk.number)),
    })),
  )
  const jobs = files.flatMap(({ chunk, tasks }) =>
    chunk.job_id === null ? [] : [{ id: chunk.job_id, tasks: tasks.length }],
  )
  const names = files.map(({ submission, chunk }) => `${submission.job_name}-${chunk.number}`)
  const cluster = files.find(({ chunk }) => chunk.cluster !== null)?.chunk.cluster ?? null
  const hasAccounting = submissions.some(({ has_accounting }) => has_accounting)
  const queue = await askQueue({ names, jobs, cluster, hasAccounting })
  const byRun = new Map<string, TaskOfRun>()
  for (const { submission, chunk, tasks } of files) {
    const job_id = chunk.job_id ?? jobByName(queue, submission, chunk.number)
    if (job_id === null) continue
    for (const [index, runs] of tasks.entries()) {
      const state = queue.tasks.get(taskKey(job_id, index)) ?? null
      for (const run of runs) {
        const key = `${run.experiment}/${run.cycle}`
        const before = byRun.get(key)?.state ?? null
        if (before !== null && isAlive(before) && (state === null || !isAlive(state))) continue
        byRun.set(key, { job_id, index, isShared: runs.length > 1, state })
      }
    }
  }
  return {
    byRun,
    problem: queue.problem,
    held: submissions.filter(({ state }) => state === 'submitting').length,
  }
}

function jobByName({ jobsByName }: Queue, { job_name }: KeptSubmission, chunk: number): string | null {
  return jobsByName.get(`${job_name}-${chunk}`) ?? null
}

/** Keys of runs whose task waits or runs. Throws SLURM_SILENT where Slurm does not tell: they would be submitted twice. */
export async function aliveRuns(dir: string): Promise<Set<string>> {
  const { byRun, problem } = await seenTasks(dir)
  if (problem !== null)
    throw new LlemError(`Slurm does not tell what of the campaign is in its queue: ${problem}`, {
      code: 'SLURM_SILENT',
      hint: 'Look with `scontrol ping` whether the controller is up, and try again.',
    })
  return new Set([...byRun].filter(([, { state }]) => state !== null && isAlive(state)).map(([key]) => key))
}
