// plan -> for each run: gap, experiment in a process of its own, record, until nothing is left or something says stop.

import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import type { CampaignKeys } from '../config/schema-campaign.js'
import { mergeTrees, nest, type Tree } from '../config/tree.js'
import { LlemError, messageOf } from '../core/errors.js'
import { mask } from '../core/secrets.js'
import { systemFault } from '../core/system-fault.js'
import type { Executor } from '../executors/executor.js'
import type { RunnerEvent, RunSummary } from '../executors/protocol.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import { digestOf } from '../results/kept-result.js'
import { claimCampaign } from './claim.js'
import { enoughOf, spentBy } from './ends.js'
import { gapSeconds, waitInGap } from './gaps.js'
import { type GpusToWatch, HealthChecks } from './health.js'
import { sweepLeftovers } from './leftovers.js'
import { type Manifest, ManifestFile, viewOf } from './manifest.js'
import { fetchModels } from './models.js'
import { isCycleOver, type PlannedRun } from './order.js'
import { explained, oomKills } from './out-of-memory.js'
import { breaker, hopelessBy } from './pauses.js'
import type { CampaignPlan } from './plan.js'
import { type CampaignProgress, campaignProgress } from './progress.js'
import { type RunPlace, type RunRecord, RunRecords } from './records.js'
import { unservedPoints } from './unserved.js'

export interface CampaignOptions {
  /** The campaign's folder, with its plan. */
  dir: string
  executor: Executor
  simulate: boolean | string
  /** End what ran an experiment after each one. */
  coldStart: boolean
  /** After each one, start anew what stays up between them too. */
  restartContainer: boolean
  /** Once all have run, run those that failed once more. */
  retryFailed: boolean
  /** The most energy of the GPUs that its measured windows and loads may take, in joules; absent: no limit. */
  maxEnergyJ?: number | null | undefined
  observer: Observer
  signal: AbortSignal | undefined
  warmestC: () => Promise<number | null>
  healthCheck: CampaignKeys['health_check']
  /** What is looked at between runs; the caller closes it. */
  gpus: GpusToWatch
}

/**
 * Runs what is left of a campaign. Resolves with the manifest; its state says whether it was paused. Throws
 * CAMPAIGN_RUNNING, and INTERRUPTED after everything that is known was written.
 */
export async function runCampaign(plan: CampaignPlan, options: CampaignOptions): Promise<Manifest> {
  const { dir, executor, observer, signal } = options
  const claim = await claimCampaign(dir)
  const swept = sweepLeftovers(dir)
  if (swept > 0) observer.detail(`${swept} files that a killed llem had not finished were removed`)
  const records = new RunRecords(dir, plan, { isLive: false, isRunner: true })
  records.rounds = Math.max(1, records.rounds)
  const manifest = new ManifestFile(dir, plan, records)
  try {
    for (const problem of records.problems) observer.note(`Note: ${problem}`)
    await manifest.begin()
    tellResumed(records, observer)
    const health = new HealthChecks({ ...options, config: options.healthCheck })
    const reason = await runThese([...records.runs()], plan, { ...options, records, manifest, health })
    const state = reason === null ? ('completed' as const) : ('paused' as const)
    const told = reason ?? enoughOf(records, plan)
    if (reason !== null) observer.note(`Paused: ${reason}. Run it again to go on.`)
    const unwritten = await manifest.end({ state, reason: told })
    if (unwritten !== null) observer.note(`${unwritten.message} (non-fatal)`)
    return viewOf(plan, records, { state, reason: told }, health.restarts)
  } catch (error) {
    if (!signal?.aborted) throw error
    await manifest.write({ state: 'interrupted', reason: null }).catch(() => undefined)
    throw new LlemError('the campaign was interrupted', {
      code: 'INTERRUPTED',
      hint: 'Run it again to go on: what is completed is kept.',
      cause: error,
    })
  } finally {
    await executor.close()
    await executor.end?.(observer)
    claim.release()
  }
}

/** What a pass over runs needs beside the campaign's options. */
export interface RunContext extends CampaignOptions {
  records: RunRecords
  manifest: ManifestFile
  health: HealthChecks
}

/** What one run needs of that. */
export interface OneRunContext
  extends Pick<
    RunContext,
    'records' | 'executor' | 'simulate' | 'coldStart' | 'restartContainer' | 'observer' | 'signal'
  > {
  /** Where it runs, where that is not this machine alone. */
  place?: RunPlace
}

/** Runs what of these is left, and what failed once more where it shall. Resolves with why it ended early, or null. */
export async function runThese(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  context: RunContext,
): Promise<string | null> {
  const { records, manifest, health, executor, observer, signal, retryFailed } = context
  if (runs.every((run) => isCompleted(records.of(run)))) return null
  manifest.restarts = () => health.restarts
  const { served, reason: nothing } = await leaveOutUnserved(runs, plan, context)
  if (nothing !== null) return nothing
  await fetchModels(served, plan, context)
  const unwell = await health.begin()
  if (unwell !== null) return unwell
  await executor.begin?.({ observer, signal })
  const reason = await runAll(served, plan, context, null)
  return reason === null && retryFailed ? await runAll(served, plan, context, served.at(-1) ?? null) : reason
}

/** Skips the runs whose model a server does not answer as, and says so. Resolves with the others, and why there are none. */
async function leaveOutUnserved(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  { records, manifest, observer, signal }: RunContext,
): Promise<{ served: readonly PlannedRun[]; reason: string | null }> {
  const unserved = await unservedPoints(plan, { observer, signal })
  for (const [place, { code, message }] of unserved)
    observer.note(`Filtered: ${plan.experiments[place]?.name}: ${message} [${code}]`)
  for (const run of runs) {
    const error = unserved.get(run.experiment)
    const known = records.of(run)
    if (error === undefined || isCompleted(known)) continue
    const at = new Date().toISOString()
    const { attempts } = known
    await records.write(run, {
      ...NO_RESULT,
      status: 'skipped',
      started_at: at,
      completed_at: at,
      error,
      attempts,
    })
  }
  if (unserved.size > 0) await manifest.refresh()
  const served = runs.filter(({ experiment }) => !unserved.has(experiment))
  const [first] = unserved.values()
  return { served, reason: served.length === 0 && first !== undefined ? first.message : null }
}

/** One pass over all that are not completed. `last`: what ran just before, from which the first one keeps its distance. */
async function runAll(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  context: RunContext,
  last: PlannedRun | null,
): Promise<string | null> {
  const { records, manifest, health, observer, signal, warmestC } = context
  const left = runs.filter((run) => !isCompleted(records.of(run)))
  const done = [...records.runs()]
    .filter((run) => isCompleted(records.of(run)))
    .map((run) => ({ experiment: run.experiment, summary: records.of(run).summary }))
  const hadEnergy = done.some(({ summary }) => summary?.energy_j != null)
  const stop = breaker(plan.execution.max_equal_failures, { hadEnergy })
  const bar = campaignProgress(left.length, done, observer)
  let before: PlannedRun | null = last
  try {
    for (const [index, run] of left.entries()) {
      stopIfInterrupted(signal)
      if (!records.isNeeded(run)) continue
      const spent = spentBy(records, context.maxEnergyJ ?? null)
      if (spent !== null) return spent
      await waitInGap(gapSeconds(plan.execution, before, run), plan.execution, {
        observer: bar.below,
        signal,
        warmestC,
      })
      before = run
      const record = await runOne(plan, run, bar, context)
      await manifest.refresh()
      bar.ended(record)
      const why = record.error === null ? stop.completed(record.summary) : stop.failed(record.error)
      const next = left[index + 1]
      // A GPU that is lost shows here before it has cost more runs, and says more than their failures.
      const unwell = await health.afterRun({
        ended: next === undefined || isCycleOver(plan.execution.structure, run, next),
        troubled: record.error !== null || record.summary?.energy_problem != null,
        last: next === undefined || why !== null,
        name: `${plan.experiments[run.experiment]?.name}, cycle ${run.cycle}`,
      })
      if (unwell !== null || why !== null) return unwell ?? why
    }
    return null
  } catch (error) {
    // A disk that is full keeps the campaign's own records from being written too.
    const why = signal?.aborted ? null : hopelessBy(messageOf(error))
    if (why === null) throw error
    observer.note(messageOf(error))
    return why
  } finally {
    bar.stop()
  }
}

/** Runs one experiment, whatever is known of it, and keeps its record up to date. */
export async function runOne(
  plan: CampaignPlan,
  run: PlannedRun,
  bar: Pick<CampaignProgress, 'begun' | 'tell'>,
  { records, executor, simulate, coldStart, restartContainer, observer, signal, place }: OneRunContext,
): Promise<RunRecord> {
  const experiment = plan.experiments[run.experiment]
  if (experiment === undefined) throw new Error(`the plan has no experiment ${run.experiment}`)
  const folder = records.folder(run)
  const started_at = new Date().toISOString()
  const attempts = records.of(run).attempts + 1
  const base = { started_at, attempts, ...NO_RESULT, ...(place === undefined ? {} : { place }) }
  await records.write(run, { ...base, status: 'running' })
  const killsBefore = oomKills()
  const log = logOf(join(folder, 'run.log'))
  bar.begun(`${experiment.name}, cycle ${run.cycle}`, run.experiment)
  let record: RunRecord
  try {
    const summary = await executor.run(
      {
        config: { ...configOf(plan, experiment.own) },
        output_dir: folder,
        simulate,
        keep_loaded: !coldStart && !restartContainer,
        service: null,
      },
      {
        timeoutMs: plan.execution.experiment_timeout_seconds * 1000,
        signal,
        onEvent: (event) => {
          log.write(event)
          bar.tell(event)
        },
      },
    )
    record = { ...base, ...completedBy(summary, records) }
  } catch (error) {
    // What was interrupted has not failed: the next run of the campaign repeats it.
    stopIfInterrupted(signal)
    const told = error instanceof LlemError ? error : systemFault(error)
    const failure = told ?? { code: 'BUG', message: messageOf(error) }
    const { code, message } = explained(failure, killsBefore)
    const finished = ifRead(() => records.finished(run, { ...base, status: 'failed' }))
    const how = finished === null ? 'failed' : 'has its result, though it ended badly'
    observer.note(`${experiment.name}, cycle ${run.cycle} ${how}: ${message} [${code}]`)
    const completed_at = new Date().toISOString()
    record = finished ?? { ...base, status: 'failed', completed_at, error: { code, message } }
  } finally {
    log.end()
  }
  // Not in the `try`: an experiment has not failed because its record cannot be written.
  await records.write(run, record)
  if (restartContainer && !signal?.aborted)
    await executor.restart().catch((error: unknown) => {
      // The next run needs it and fails for a reason of its own where it does not come up.
      observer.note(`The restart failed (non-fatal): ${messageOf(error)}`)
    })
  else if (coldStart) await executor.close()
  return record
}

/** Null where a disk cannot be read for a moment, which says nothing of what is on it. */
function ifRead<T>(read: () => T | null): T | null {
  try {
    return read()
  } catch {
    return null
  }
}

const NO_RESULT = { completed_at: null, result_path: null, result_sha256: null, error: null, summary: null }

function completedBy(summary: RunSummary, records: RunRecords): Partial<RunRecord> & { status: 'completed' } {
  const result_path = records.fromCampaign(summary.result_path)
  return {
    status: 'completed',
    completed_at: new Date().toISOString(),
    result_path,
    result_sha256: ifRead(() => digestOf(summary.result_path)),
    summary: { ...summary, result_path },
  }
}

/** What is written for an experiment: what all share, its own, and what the campaign says of every warmup. */
function configOf({ shared, execution }: CampaignPlan, own: Tree): Tree {
  const { warmup_prompts: prompts, warmup_timeout_seconds: limitS } = execution
  const fixed: Tree =
    prompts === null ? {} : nest(['warmup'], { n_warmup: prompts, convergence_detection: false })
  const limited: Tree = limitS === null ? {} : nest(['warmup', 'max_seconds'], limitS)
  return [own, fixed, limited].reduce(mergeTrees, shared)
}

function isCompleted({ status }: Pick<RunRecord, 'status'>): boolean {
  return status === 'completed'
}

function tellResumed(records: RunRecords, observer: Observer): void {
  const statuses = [...records.runs()].map((run) => records.of(run).status)
  const count = (status: string) => statuses.filter((each) => each === status).length
  const [completed, failed] = [count('completed'), count('failed')]
  if (completed + failed === 0) return
  const remaining = statuses.length - completed
  observer.note(`Resuming: ${remaining} remaining (${completed} completed, ${failed} failed)`)
}

/** The log of a run: what its experiment said, with the time. A full disk costs the log alone. */
function logOf(path: string): { write(event: RunnerEvent): void; end(): void } {
  const stream: WriteStream = createWriteStream(path, { flags: 'a' })
  stream.on('error', () => undefined)
  return {
    write(event) {
      if (event.event === 'said') stream.write(`${new Date().toISOString()} ${mask(event.text)}\n`)
    },
    end: () => stream.end(),
  }
}
