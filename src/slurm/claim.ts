// Which task does a run. Claims are numbered files in the run's folder, each made once and never changed: the latest counts. A
// later one is made only once Slurm says that the task of the one before is over, so no clock and no lock decides anything.

import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { type RunPlace, runPlaceSchema } from '../campaign/records.js'
import { LlemError } from '../core/errors.js'
import { callSlurm } from './programs.js'
import { isAlive, isWaiting } from './queue.js'

const claimSchema = runPlaceSchema.extend({ host: z.string(), pid: z.int(), begun_at: z.string() })
export type RunClaim = z.infer<typeof claimSchema>

/** Who this task is, by its environment. Throws SLURM_NO_TASK outside of one. */
export function ownPlace(env: NodeJS.ProcessEnv = process.env): RunPlace {
  const { SLURM_JOB_ID: job_id, SLURM_ARRAY_JOB_ID, SLURM_ARRAY_TASK_ID } = env
  if (job_id === undefined || SLURM_ARRAY_TASK_ID === undefined)
    throw new LlemError('this is no task of an array of Slurm', {
      code: 'SLURM_NO_TASK',
      hint: 'Submit the campaign: llem campaign FILE --executor slurm',
      kind: 'usage',
    })
  return {
    node: env.SLURMD_NODENAME ?? hostname(),
    job_id,
    array_job_id: SLURM_ARRAY_JOB_ID ?? null,
    array_task_id: Number(SLURM_ARRAY_TASK_ID),
    restarts: Number(env.SLURM_RESTART_COUNT ?? 0),
  }
}

/** The latest claim in a run's folder; null where there is none. */
export function latestClaim(folder: string): (RunClaim & { number: number }) | null {
  const number = numbersIn(folder).at(-1)
  if (number === undefined) return null
  return { number, ...claimSchema.parse(JSON.parse(readFileSync(nameOf(folder, number), 'utf8'))) }
}

/**
 * Makes a run this task's. Resolves with null, or the claim of the task that is doing it. Throws SLURM_SILENT where Slurm
 * cannot tell whether that one is over.
 */
export async function claimRun(folder: string, place: RunPlace): Promise<RunClaim | null> {
  for (;;) {
    const latest = latestClaim(folder)
    // One that was requeued has the number of its earlier self, which Slurm has ended before.
    if (latest !== null && latest.job_id !== place.job_id && !(await isOver(latest.job_id))) return latest
    if (makeClaim(folder, (latest?.number ?? 0) + 1, place)) return null
  }
}

/** False where somebody else was faster. */
function makeClaim(folder: string, number: number, place: RunPlace): boolean {
  const begun_at = new Date().toISOString()
  const claim: RunClaim = { ...place, host: hostname(), pid: process.pid, begun_at }
  const path = nameOf(folder, number)
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`
  writeFileSync(partial, `${JSON.stringify(claim)}\n`, { flag: 'wx', flush: true })
  try {
    // Whole from the first moment on, which a file that is made and then written is not.
    linkSync(partial, path)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // NFS may lose the answer to a link that was made.
    if (code === 'EEXIST') return statSync(partial).nlink === 2
    if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'ENOSYS' && code !== 'EOPNOTSUPP') throw error
    return makeWithoutLinks(path, claim)
  } finally {
    rmSync(partial, { force: true })
  }
}

/** On file systems that have no hard links. */
function makeWithoutLinks(path: string, claim: RunClaim): boolean {
  try {
    writeFileSync(path, `${JSON.stringify(claim)}\n`, { flag: 'wx', flush: true })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Whether a job computes no more. One that waits in the queue again does not. */
async function isOver(jobId: string): Promise<boolean> {
  const args = ['--noheader', '--states=all', `--jobs=${jobId}`, '--format=%T']
  const { code, stdout, stderr } = await callSlurm('squeue', args)
  if (code !== 0) {
    if (/Invalid job id/i.test(stderr)) return true
    throw new LlemError(`squeue does not tell whether job ${jobId} is over: ${stderr.trim()}`, {
      code: 'SLURM_SILENT',
      hint: 'Submit the campaign again once Slurm answers.',
    })
  }
  const states = stdout.split('\n').filter((line) => line !== '')
  return states.every((state) => !isAlive({ state }) || isWaiting({ state }))
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const number = /^claim-(\d+)\.json$/.exec(name)?.[1]
      return number === undefined ? [] : [Number(number)]
    })
    .sort((a, b) => a - b)
}

function nameOf(folder: string, number: number): string {
  return join(folder, `claim-${number}.json`)
}
