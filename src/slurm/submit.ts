// What of a campaign is missing -> jobs in Slurm's queue: held until all of them are there, so that nothing half-submitted runs,
// whatever ends this process meanwhile.

import { join } from 'node:path'
import { claimCampaign } from '../campaign/claim.js'
import type { PlannedRun } from '../campaign/order.js'
import type { CampaignPlan } from '../campaign/plan.js'
import { RunRecords } from '../campaign/records.js'
import type { SlurmKeys } from '../config/schema-slurm.js'
import { LlemError, messageOf } from '../core/errors.js'
import { secretsIn } from '../core/redact.js'
import { mask } from '../core/secrets.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { badNodes } from './breaker.js'
import { cancelSubmission, where } from './cancel.js'
import {
  beginSubmission,
  jobNameOf,
  type KeptSubmission,
  logsFolder,
  slurmFolder,
  submissionsIn,
  type TaskFile,
  taskFile,
  writeOnce,
  writeSubmission,
} from './folder.js'
import { untilForgottenEnd } from './forgotten.js'
import { type ClusterLimits, clusterLimits } from './limits.js'
import { callSlurm, mustCallSlurm, refused } from './programs.js'
import { isHeld } from './queue.js'
import { sbatchEnvironment, scriptOf } from './script.js'
import { aliveIn, certainTasks, type TaskOfRun } from './seen.js'
import { type Chunk, chunksOf } from './tasks.js'

export interface SubmitOptions {
  dir: string
  slurm: SlurmKeys
  simulate: boolean | string
  coldStart: boolean
  observer: Observer
  signal: AbortSignal | undefined
}

export interface Submitted {
  /** Array jobs, and what they have in them. */
  jobs: string[]
  tasks: number
  runs: number
  /** Runs that had a task before, which still waits or runs. */
  queued: number
}

/**
 * Submits what is neither completed nor in the queue. Throws SLURM_SECRET, SLURM_MISSING, SLURM_SILENT and SLURM_REFUSED; then
 * nothing of it is left in the queue.
 */
export async function submitCampaign(plan: CampaignPlan, options: SubmitOptions): Promise<Submitted> {
  const { dir, slurm, observer } = options
  refuseSecrets(plan, slurm)
  const limits = await clusterLimits()
  const claim = await claimCampaign(dir)
  try {
    await withdrawUnfinished(dir)
    const seen = await certainTasks(dir)
    const { runs: before } = missingIn(dir, plan)
    const lost = await untilForgottenEnd(dir, plan, before, seen, { observer, signal: options.signal })
    const alive = aliveIn(lost === 0 ? seen : await certainTasks(dir))
    const { records, runs: missing } = missingIn(dir, plan)
    for (const problem of records.problems) observer.note(`Note: ${problem}`)
    const runs = missing.filter((run) => !alive.has(keyOf(run)))
    const queued = missing.length - runs.length
    await releaseHeld(
      missing.flatMap((run) => alive.get(keyOf(run)) ?? []),
      observer,
    )
    if (runs.length === 0) return { jobs: [], tasks: 0, runs: 0, queued }
    const excluded = badNodes(records, slurm.max_node_failures)
    if (excluded.length > 0)
      observer.note(`Excluded: ${excluded.join(', ')}, where the last ${slurm.max_node_failures} runs failed`)
    const chunks = chunksOf(runs, plan, slurm.pair_on, limits.maxArraySize)
    const jobs = await submitChunks(plan, chunks, { ...options, limits, excluded })
    const tasks = chunks.reduce((sum, chunk) => sum + chunk.tasks.length, 0)
    return { jobs, tasks, runs: runs.length, queued }
  } finally {
    claim.release()
  }
}

/** What is not completed, by the records. */
function missingIn(dir: string, plan: CampaignPlan): { records: RunRecords; runs: PlannedRun[] } {
  const records = new RunRecords(dir, plan, { isLive: true })
  return { records, runs: [...records.runs()].filter((run) => records.of(run).status !== 'completed') }
}

export function keyOf({ experiment, cycle }: PlannedRun): string {
  return `${experiment}/${cycle}`
}

/** The scripts that would be submitted, without asking what is in the queue: text for people, as it would lie on the disk. */
export async function scriptsOf(
  plan: CampaignPlan,
  { dir, slurm }: Pick<SubmitOptions, 'dir' | 'slurm'>,
): Promise<{ text: string; maxArraySize: number; isKnown: boolean }> {
  const limits = await clusterLimits().catch(() => null)
  const maxArraySize = limits?.maxArraySize ?? 1001
  const records = new RunRecords(dir, plan, { isLive: true })
  const runs = [...records.runs()].filter((run) => records.of(run).status !== 'completed')
  const number = submissionsIn(dir).length + 1
  const folder = join(slurmFolder(dir), `submission-${number}`)
  const jobName = jobNameOf(plan, number)
  const excluded = badNodes(records, slurm.max_node_failures)
  const texts = chunksOf(runs, plan, slurm.pair_on, maxArraySize).map((chunk) => {
    const context = { slurm, jobName: `${jobName}-${chunk.number}`, dir, logs: logsFolder(dir), excluded }
    const script = scriptOf(chunk, {
      ...context,
      tasks: taskFile(folder, chunk.number),
      workDir: process.cwd(),
    })
    const after = chunk.after.map((each) => `<job of chunk ${each}>`)
    const args = sbatchArgs(slurm, after, scriptPath(folder, chunk.number))
    return `# sbatch ${args.join(' ')}\n${script}`
  })
  return { text: texts.join('\n'), maxArraySize, isKnown: limits !== null }
}

interface ChunkContext extends SubmitOptions {
  limits: ClusterLimits
  excluded: readonly string[]
}

async function submitChunks(
  plan: CampaignPlan,
  chunks: readonly Chunk[],
  context: ChunkContext,
): Promise<string[]> {
  const { dir, slurm, limits, observer, signal } = context
  const { folder, number } = beginSubmission(dir)
  const submission: KeptSubmission = {
    folder,
    state: 'submitting',
    job_name: jobNameOf(plan, number),
    has_accounting: limits.hasAccounting,
    chunks: chunks.map((chunk) => ({ number: chunk.number, job_id: null, cluster: null })),
  }
  for (const chunk of chunks) writeChunk(chunk, submission, context)
  // Written before the first sbatch: whoever comes after a kill finds the jobs by their names.
  await writeSubmission(submission)
  const progress = observer.progress({
    label: 'Submitting',
    total: chunks.reduce((sum, { tasks }) => sum + tasks.flat().length, 0),
    unit: 'run',
  })
  let submitted = 0
  try {
    await refuseImpossible(submission, chunks, context)
    for (const [place, chunk] of chunks.entries()) {
      stopIfInterrupted(signal)
      const after = chunk.after.map((each) => submission.chunks[each - 1]?.job_id ?? '')
      const path = scriptPath(folder, chunk.number)
      const env = sbatchEnvironment(process.env, scriptTextOf(chunk, submission, context))
      const answer = await mustCallSlurm('sbatch', sbatchArgs(slurm, after, path), { env })
      // "123", and of a federation "123;cluster".
      const [, job_id, cluster = null] =
        /^(\d+)(?:;(.+))?$/.exec(answer.trim().split('\n').at(-1) ?? '') ?? []
      if (job_id === undefined)
        throw refused('sbatch', [path], `it answered ${JSON.stringify(answer.trim())}`)
      submission.chunks[place] = { number: chunk.number, job_id, cluster }
      await writeSubmission(submission)
      submitted += chunk.tasks.flat().length
      progress.update(submitted)
    }
    await release(submission)
    submission.state = 'submitted'
    await writeSubmission(submission)
  } catch (error) {
    await withdraw(submission, error)
    throw error
  } finally {
    progress.stop()
  }
  return submission.chunks.map(({ job_id }) => job_id ?? '')
}

/** Slurm does not look at a held job, so that it would take what no node can run. */
async function refuseImpossible(
  submission: KeptSubmission,
  [first]: readonly Chunk[],
  context: ChunkContext,
): Promise<void> {
  if (first === undefined) return
  const env = sbatchEnvironment(process.env, scriptTextOf(first, submission, context))
  const path = scriptPath(submission.folder, first.number)
  await mustCallSlurm('sbatch', ['--test-only', ...context.slurm.sbatch_args, path], { env })
}

function writeChunk(chunk: Chunk, submission: KeptSubmission, context: ChunkContext): void {
  const { simulate, coldStart, slurm } = context
  const file: TaskFile = {
    tasks: chunk.tasks,
    simulate,
    cold_start: coldStart,
    container: slurm.container,
    silent_minutes: slurm.silent_minutes,
    max_node_failures: slurm.max_node_failures,
    excluded: slurm.exclude === null ? [] : [slurm.exclude],
  }
  writeOnce(taskFile(submission.folder, chunk.number), `${JSON.stringify(file)}\n`)
  writeOnce(scriptPath(submission.folder, chunk.number), scriptTextOf(chunk, submission, context))
}

function scriptTextOf(chunk: Chunk, { folder, job_name }: KeptSubmission, context: ChunkContext): string {
  const { slurm, dir, excluded } = context
  return scriptOf(chunk, {
    slurm,
    jobName: `${job_name}-${chunk.number}`,
    dir,
    logs: logsFolder(dir),
    tasks: taskFile(folder, chunk.number),
    workDir: process.cwd(),
    excluded,
  })
}

function scriptPath(folder: string, chunk: number): string {
  return join(folder, `chunk-${chunk}.sh`)
}

function sbatchArgs({ sbatch_args }: SlurmKeys, after: readonly string[], path: string): string[] {
  const dependency = after.length === 0 ? [] : [`--dependency=afterany:${after.join(':')}`]
  // They begin only once all are submitted.
  return ['--parsable', '--hold', ...dependency, ...sbatch_args, path]
}

async function release({ chunks }: KeptSubmission): Promise<void> {
  const clusters = new Set(chunks.map(({ cluster }) => cluster))
  for (const cluster of clusters) {
    const ids = chunks.filter((chunk) => chunk.cluster === cluster).map(({ job_id }) => job_id ?? '')
    await mustCallSlurm('scontrol', [...where(cluster), 'release', ids.join(',')])
  }
}

/** After a crash Slurm's controller may have lost their release, or holds what it finds on a node and has forgotten. */
async function releaseHeld(tasks: readonly TaskOfRun[], observer: Observer): Promise<void> {
  const held = tasks.filter(({ state }) => state !== null && isHeld(state))
  const jobs = [...new Set(held.map(({ job_id }) => job_id))]
  if (jobs.length === 0) return
  const { code, stderr } = await callSlurm('scontrol', ['release', jobs.join(',')])
  observer.note(
    code === 0
      ? `Released: ${held.length} tasks that were held (${held[0]?.state?.reason})`
      : `${held.length} tasks are held (${held[0]?.state?.reason}) and could not be released: ${stderr.trim()}`,
  )
}

/** Ends what of a submission is in the queue. Throws where that cannot be done: then its jobs are held, and told. */
async function withdraw(submission: KeptSubmission, cause: unknown): Promise<void> {
  try {
    await cancelSubmission(submission)
    await writeSubmission({ ...submission, state: 'withdrawn' })
  } catch (error) {
    throw new LlemError(
      `${messageOf(cause)}; and what was submitted before could not be ended: ${messageOf(error)}`,
      {
        code: 'SLURM_REFUSED',
        hint: `Its jobs are held and do nothing. End them: scancel ${submission.chunks.map(({ number }) => `--name=${submission.job_name}-${number}`).join('; scancel ')}`,
        cause,
      },
    )
  }
}

/** A submission whose process was killed: its jobs are held, and would be for ever. */
async function withdrawUnfinished(dir: string): Promise<void> {
  for (const submission of submissionsIn(dir))
    if (submission.state === 'submitting') {
      await cancelSubmission(submission)
      await writeSubmission({ ...submission, state: 'withdrawn' })
    }
}

/** Tasks read the plan in the campaign's folder, in which secrets are masked; scripts and options Slurm writes to its disk. */
function refuseSecrets({ shared, experiments }: CampaignPlan, { setup, sbatch_args }: SlurmKeys): void {
  const inPlan = secretsIn({ shared, own: experiments.map(({ own }) => own) }).length > 0
  const inLines = [...setup, ...sbatch_args].some((line) => mask(line) !== line)
  if (!inPlan && !inLines) return
  const where = inPlan ? 'the campaign has' : 'slurm.setup or slurm.sbatch_args have'
  throw new LlemError(`${where} a secret in it, which would lie on the disk of the cluster`, {
    code: 'SLURM_SECRET',
    hint: 'Take it out of the file, and read it in slurm.setup from a file that only you can read: export HF_TOKEN=$(cat ~/.hf-token)',
    kind: 'usage',
  })
}
