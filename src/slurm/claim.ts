// Which task does a run. Claims are numbered files in the run's folder, each made once and never changed: the latest counts. A
// later one is made only once Slurm says that the task of the one before is over, so no clock and no lock decides anything. Only
// where Slurm has forgotten that task, as after a crash of its controller, the run's own signs of life do.

import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { type RunPlace, runPlaceSchema } from '../campaign/records.js'
import { LlemError } from '../core/errors.js'
import { nowBy, showsLife } from './alive.js'
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
 * Makes a run this task's. Resolves with null, or the claim of the task that is doing it. Waits while a task that Slurm has
 * forgotten shows life. Throws SLURM_SILENT where Slurm cannot tell whether that one is over, and when aborted.
 */
export async function claimRun(
  folder: string,
  place: RunPlace,
  {
    note = () => undefined,
    signal,
  }: { note?: (text: string) => void; signal?: AbortSignal | undefined } = {},
): Promise<RunClaim | null> {
  for (;;) {
    const latest = latestClaim(folder)
    if (latest !== null) {
      const fate = await fateOf(latest, place)
      if (fate === 'goes on') return latest
      if (fate === 'forgotten') await untilStill(folder, latest, { note, signal })
    }
    if (makeClaim(folder, (latest?.number ?? 0) + 1, place)) return null
  }
}

const LOOK_EVERY_MS = 1000

/** Slurm ends a task that it finds on a node and has forgotten; until then it measures. */
async function untilStill(
  folder: string,
  { job_id, node }: RunClaim,
  { note, signal }: { note: (text: string) => void; signal: AbortSignal | undefined },
): Promise<void> {
  if (!showsLife(folder, nowBy(folder))) return
  note(`Slurm has forgotten job ${job_id} on ${node}, which shows life: waiting until it is over`)
  while (showsLife(folder, nowBy(folder)))
    await sleep(LOOK_EVERY_MS, undefined, signal === undefined ? {} : { signal })
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

/** What became of the task of a claim, for a task that comes later. One that waits in the queue again computes no more. */
async function fateOf(claim: RunClaim, place: RunPlace): Promise<'goes on' | 'over' | 'forgotten'> {
  if (claim.job_id === place.job_id) {
    // One that was requeued has the number of its earlier self, which Slurm has ended before. Without that, the number was given
    // twice: the controller's state went back.
    return place.restarts > claim.restarts ? 'over' : 'forgotten'
  }
  const { job_id, array_job_id, array_task_id } = claim
  const args = ['--noheader', '--array', '--states=all', `--jobs=${job_id}`, '--format=%T|%F|%K']
  const { code, stdout, stderr } = await callSlurm('squeue', args)
  if (code !== 0) {
    if (/Invalid job id/i.test(stderr)) return 'forgotten'
    throw new LlemError(`squeue does not tell whether job ${job_id} is over: ${stderr.trim()}`, {
      code: 'SLURM_SILENT',
      hint: 'Submit the campaign again once Slurm answers.',
    })
  }
  const states = stdout.split('\n').flatMap((line) => {
    const [state = '', array, index] = line.split('|')
    // The number of an array is that of one of its tasks too, and may be another job's by now.
    const isOwn = array_job_id === null || (array === array_job_id && index === `${array_task_id}`)
    return state !== '' && isOwn ? [state] : []
  })
  if (states.length === 0) return 'forgotten'
  return states.every((state) => !isAlive({ state }) || isWaiting({ state })) ? 'over' : 'goes on'
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
