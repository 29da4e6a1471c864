// plan -> for each run: gap, experiment in a process of its own, record, until nothing is left or something says stop.

import { createWriteStream, type WriteStream } from 'node:fs'
import { join } from 'node:path'
import { mergeTrees, nest, type Tree } from '../config/tree.js'
import { LlemError, messageOf } from '../core/errors.js'
import type { Executor } from '../executors/executor.js'
import type { RunnerEvent, RunSummary } from '../executors/protocol.js'
import type { Observer, Progress } from '../experiment/observer.js'
import { stopIfInterrupted } from '../experiment/wait.js'
import { claimCampaign } from './claim.js'
import { gapSeconds, waitInGap } from './gaps.js'
import { type Manifest, ManifestFile, viewOf } from './manifest.js'
import type { PlannedRun } from './order.js'
import { breaker } from './pauses.js'
import type { CampaignPlan } from './plan.js'
import { type RunRecord, RunRecords } from './records.js'

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
  observer: Observer
  signal: AbortSignal | undefined
  warmestC: () => Promise<number | null>
}

/**
 * Runs what is left of a campaign. Resolves with the manifest; its state says whether it was paused. Throws
 * CAMPAIGN_RUNNING, and INTERRUPTED after everything that is known was written.
 */
export async function runCampaign(plan: CampaignPlan, options: CampaignOptions): Promise<Manifest> {
  const { dir, executor, observer, signal } = options
  const claim = await claimCampaign(dir)
  const records = new RunRecords(dir, plan, { isLive: false })
  records.rounds = Math.max(1, records.rounds)
  const manifest = new ManifestFile(dir, plan, records)
  try {
    for (const problem of records.problems) observer.note(`Note: ${problem}`)
    await executor.begin?.({ observer, signal })
    await manifest.write({ state: 'running', reason: null })
    tellResumed(records, observer)
    const reason = await runThese([...records.runs()], plan, records, manifest, options)
    const state = reason === null ? ('completed' as const) : ('paused' as const)
    if (reason !== null) observer.note(`Paused: ${reason}. Run it again to go on.`)
    await manifest.write({ state, reason })
    return viewOf(plan, records, { state, reason })
  } catch (error) {
    if (signal?.aborted) await manifest.write({ state: 'interrupted', reason: null }).catch(() => undefined)
    throw error
  } finally {
    await executor.close()
    await executor.end?.(observer)
    claim.release()
  }
}

/** Runs what of these is left, and what failed once more where it shall. Resolves with why it ended early, or null. */
export async function runThese(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  records: RunRecords,
  manifest: ManifestFile,
  options: CampaignOptions,
): Promise<string | null> {
  const reason = await runAll(runs, plan, records, manifest, options)
  if (reason !== null || !options.retryFailed) return reason
  return await runAll(runs, plan, records, manifest, options)
}

/** One pass over all that are not completed. */
async function runAll(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  records: RunRecords,
  manifest: ManifestFile,
  options: CampaignOptions,
): Promise<string | null> {
  const { observer, signal, warmestC } = options
  const left = runs.filter((run) => records.of(run).status !== 'completed')
  const stop = breaker(plan.execution.max_equal_failures)
  const bar = campaignProgress(left.length, observer)
  let before: PlannedRun | null = null
  try {
    for (const run of left) {
      stopIfInterrupted(signal)
      await waitInGap(gapSeconds(plan.execution, before, run), plan.execution, {
        observer: bar.below,
        signal,
        warmestC,
      }).finally(() => undefined)
      before = run
      const record = await runOne(plan, run, records, bar, options)
      await manifest.refresh()
      bar.ended(record)
      const why = record.error === null ? null : stop.failed(record.error)
      if (record.error === null) stop.succeeded()
      if (why !== null) return why
    }
    return null
  } finally {
    bar.stop()
  }
}

async function runOne(
  plan: CampaignPlan,
  run: PlannedRun,
  records: RunRecords,
  bar: CampaignProgress,
  { executor, simulate, coldStart, restartContainer, observer, signal }: CampaignOptions,
): Promise<RunRecord> {
  const experiment = plan.experiments[run.experiment]
  if (experiment === undefined) throw new Error(`the plan has no experiment ${run.experiment}`)
  const folder = records.folder(run)
  const started_at = new Date().toISOString()
  const attempts = records.of(run).attempts + 1
  const base = { started_at, attempts, completed_at: null, result_path: null, error: null, summary: null }
  await records.write(run, { ...base, status: 'running' })
  const log = logOf(join(folder, 'run.log'))
  bar.begun(`${experiment.name}, cycle ${run.cycle}`)
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
    return await settle(run, records, { ...base, ...completedBy(summary, records) })
  } catch (error) {
    // What was interrupted has not failed: the next run of the campaign repeats it.
    stopIfInterrupted(signal)
    const { code, message } = error instanceof LlemError ? error : { code: 'BUG', message: messageOf(error) }
    observer.note(`${experiment.name}, cycle ${run.cycle} failed: ${message} [${code}]`)
    const completed_at = new Date().toISOString()
    return await settle(run, records, { ...base, status: 'failed', completed_at, error: { code, message } })
  } finally {
    log.end()
    if (restartContainer && !signal?.aborted)
      await executor.restart().catch((error: unknown) => {
        // The next run needs it and fails for a reason of its own where it does not come up.
        observer.note(`The restart failed (non-fatal): ${messageOf(error)}`)
      })
    else if (coldStart) await executor.close()
  }
}

function completedBy(summary: RunSummary, records: RunRecords): Partial<RunRecord> & { status: 'completed' } {
  return {
    status: 'completed',
    completed_at: new Date().toISOString(),
    result_path: records.fromCampaign(summary.result_path),
    summary,
  }
}

async function settle(run: PlannedRun, records: RunRecords, record: RunRecord): Promise<RunRecord> {
  await records.write(run, record)
  return record
}

/** What is written for an experiment: what all share, its own, and what the campaign says of every warmup. */
function configOf({ shared, execution }: CampaignPlan, own: Tree): Tree {
  const { warmup_prompts: prompts, warmup_timeout_seconds: limitS } = execution
  const fixed: Tree =
    prompts === null ? {} : nest(['warmup'], { n_warmup: prompts, convergence_detection: false })
  const limited: Tree = limitS === null ? {} : nest(['warmup', 'max_seconds'], limitS)
  return [own, fixed, limited].reduce(mergeTrees, shared)
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
      if (event.event === 'said') stream.write(`${new Date().toISOString()} ${event.text}\n`)
    },
    end: () => stream.end(),
  }
}

interface CampaignProgress {
  begun(name: string): void
  tell(event: RunnerEvent): void
  ended(record: RunRecord): void
  /** For what happens between two runs: the bar goes on below it. */
  below: Observer
  stop(): void
}

function campaignProgress(total: number, observer: Observer): CampaignProgress {
  const progress: Progress = observer.progress({ label: 'Campaign', total, unit: 'run' })
  const startMs = performance.now()
  let done = 0
  let name = ''
  let last = ''
  const show = (now: string) => {
    const restS = done === 0 ? null : ((performance.now() - startMs) / 1000 / done) * (total - done)
    const eta = restS === null ? null : `ETA ${durationText(restS)}`
    progress.update(done, [name, now, last, eta].filter((part) => part !== null && part !== '').join(', '))
  }
  return {
    begun(text) {
      name = text
      show('')
    },
    tell(event) {
      if (event.event === 'progress')
        show(`${event.label} ${event.done}/${event.total}${event.detail === '' ? '' : ` (${event.detail})`}`)
    },
    ended({ summary }) {
      done += 1
      const joules = summary?.energy_per_output_token_j ?? null
      last = joules === null ? last : `last ${joules.toPrecision(3)} J/output token`
      show('')
    },
    below: {
      note: (text) => observer.note(text),
      detail: (text) => observer.detail(text),
      progress: ({ label, total: all, unit }) => ({
        update: (reached, detail = '') => show(`${label} ${reached}/${all} ${unit} ${detail}`.trimEnd()),
        stop: () => undefined,
      }),
    },
    stop: () => progress.stop(),
  }
}

/** "45s", "12m", "3h20m" */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)}s`
  const minutes = Math.round(seconds / 60)
  return minutes < 60
    ? `${minutes}m`
    : `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, '0')}m`
}
