// What is on disk about each run of a campaign. A run's folder has one writer, its record is replaced whole, and a
// result.json in it that is as it was written means that it is done, whatever else the record says.

import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../core/errors.js'
import { type RunSummary, runSummarySchema } from '../executors/protocol.js'
import { summaryOf } from '../executors/summary.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'
import { damageOf, digestOf } from '../results/kept-result.js'
import type { Quoted } from '../results/quoted.js'
import { readResult } from '../results/read.js'
import { type PlannedRun, roundOf, runOrder } from './order.js'
import type { CampaignPlan } from './plan.js'
import { UntilNarrow } from './until-ci.js'

export const STATUSES = ['pending', 'running', 'completed', 'failed', 'skipped'] as const
export type Status = (typeof STATUSES)[number]

/** The state of a daemon, in the campaign's folder. */
export const DAEMON_FILE = 'daemon.json'

/** Where a run was on a cluster. */
export const runPlaceSchema = z.object({
  /** The node's name in Slurm. */
  node: z.string(),
  /** The task's own number, and that of its array with its place there. */
  job_id: z.string(),
  array_job_id: z.string().nullable(),
  array_task_id: z.number().int().nullable(),
  /** How often Slurm had started the task anew. */
  restarts: z.number().int(),
})
export type RunPlace = z.infer<typeof runPlaceSchema>

export const runRecordSchema = z.object({
  status: z.enum(STATUSES),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  /** From the campaign's folder, so that it may be moved; null where there is no result. */
  result_path: z.string().nullable(),
  /** SHA-256 of that file, in hex, as it was written; null where it is not known. */
  result_sha256: z.string().nullable().default(null),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  attempts: z.number().int(),
  /** Null where there is no result, or none that can be read. */
  summary: runSummarySchema.nullable(),
  /** Absent where it ran on the machine of the campaign. */
  place: runPlaceSchema.optional(),
})
export type RunRecord = z.infer<typeof runRecordSchema>

/** What of a run's summary is used once it is over. */
export interface KeptSummary
  extends Pick<
    RunSummary,
    | 'energy_j'
    | 'energy_per_output_token_j'
    | 'energy_per_request_j'
    | 'output_tokens_per_j'
    | 'good_output_tokens_per_j'
    | 'mean_power_w'
    | 'active_energy_j'
    | 'active_energy_per_output_token_j'
    | 'active_energy_uncertainty_j'
    | 'active_energy_per_output_token_uncertainty_j'
    | 'tokens_per_second'
    | 'output_tokens_per_second'
    | 'ttft_p50_ms'
    | 'itl_p50_ms'
    | 'tpot_p50_ms'
    | 'e2e_p50_ms'
    | 'load_energy_j'
    | 'output_tokens'
    | 'disk_bytes'
  > {
  /** Whose joules they are, where not GPUs'. */
  energy_of?: string | null | undefined
  /** Of the GPUs that were measured; absent where it is not known. */
  gpu_uuids?: string[] | undefined
  /** How far the quoted joules per output token and the quoted joules may be off (k = 2), as shares of them. */
  quoted_uncertainty_share: number | null
  energy_uncertainty_share: number | null
  /** An energy was asked for and is not known. */
  lacks_energy: boolean
}

/** A record as it is remembered: a daemon has a run more for each round, and its file has the rest. */
export interface KeptRecord extends Omit<RunRecord, 'summary'> {
  summary: KeptSummary | null
}

export const PENDING: Readonly<RunRecord & { summary: null }> = {
  status: 'pending',
  started_at: null,
  completed_at: null,
  result_path: null,
  result_sha256: null,
  error: null,
  attempts: 0,
  summary: null,
}

/** The records of a campaign's runs, in its folder. */
export class RunRecords {
  readonly #dir: string
  readonly #plan: CampaignPlan
  readonly #isLive: boolean
  readonly #isRunner: boolean
  readonly #until: UntilNarrow
  /** Runs whose folder exists. */
  readonly #known = new Map<string, KeptRecord>()
  /** Why the latest run that lacks an energy has none. */
  energyReason: string | null = null
  /** What was wrong with files, in words. */
  readonly problems: string[] = []
  /** Rounds that were begun. A campaign that is no daemon has one; a daemon says when it begins another. */
  rounds: number

  /**
   * Reads what there is. `isLive`: somebody runs the campaign, so that "running" is true. `isRunner`: it
   * is this process, which moves aside what cannot be trusted; whoever only looks changes nothing. `isDaemon`: before its first
   * round there is none. `only`: these runs alone, of which this process has to know.
   */
  constructor(
    dir: string,
    plan: CampaignPlan,
    {
      isLive,
      isRunner = false,
      isDaemon = existsSync(join(dir, DAEMON_FILE)),
      only,
    }: { isLive: boolean; isRunner?: boolean; isDaemon?: boolean; only?: readonly PlannedRun[] },
  ) {
    this.#dir = dir
    this.#plan = plan
    this.#isLive = isLive
    this.#isRunner = isRunner
    this.#until = new UntilNarrow(plan, (run) => this.of(run))
    let lastCycle = 0
    if (only !== undefined) {
      for (const run of only) {
        const folder = join(dir, 'runs', this.#key(run))
        if (existsSync(folder)) this.#keep(this.#key(run), this.#read(folder))
      }
      this.rounds = 1
      return
    }
    const runs = join(dir, 'runs')
    const present = new Set(existsSync(runs) ? readdirSync(runs) : [])
    for (const { name } of plan.experiments) {
      if (!present.has(name)) continue
      for (const cycle of readdirSync(join(runs, name))) {
        const number = /^cycle-(\d+)$/.exec(cycle)?.[1]
        // Of a person, or of a file system such as NFS.
        if (number === undefined) continue
        const record = this.#read(join(runs, name, cycle))
        const isDead = record.status === 'running' && !isLive
        this.#keep(`${name}/${cycle}`, isDead ? { ...record, status: 'pending' } : record)
        lastCycle = Math.max(lastCycle, Number(number))
      }
    }
    this.rounds = Math.max(roundOf(plan, lastCycle), isDaemon ? 0 : 1)
  }

  /** The runs of all rounds that were begun, in their order, without those that nobody needs any more. */
  *runs(): Generator<PlannedRun> {
    for (const run of runOrder(this.#plan, this.rounds)) if (this.isNeeded(run)) yield run
  }

  /** Whether what was measured before it leaves something to know (`execution.until_ci_pct`). */
  isNeeded(run: PlannedRun): boolean {
    return !this.#until.isBeyond(run)
  }

  /** The cycles after which every interval was narrow; null where they are not, or nobody asked. */
  get enoughCycles(): number | null {
    return this.#until.cycles
  }

  of(run: PlannedRun): KeptRecord {
    return this.#known.get(this.#key(run)) ?? PENDING
  }

  /** The folder of a run, made if need be. */
  folder(run: PlannedRun): string {
    const folder = join(this.#dir, 'runs', this.#key(run))
    makeFolder(folder)
    return folder
  }

  /**
   * Replaces the record of a run. Which round it is of is written for others: here its cycle tells. Where it cannot be
   * written, it is known here all the same.
   */
  async write(run: PlannedRun, record: RunRecord): Promise<void> {
    this.#keep(this.#key(run), record)
    this.#until.forget(run.cycle)
    const round = roundOf(this.#plan, run.cycle)
    await writeJsonAtomically(join(this.folder(run), 'run.json'), { round, ...record })
  }

  /** The record of a run that failed when its result was in its place already; null where there is none. */
  finished(run: PlannedRun, record: RunRecord): RunRecord | null {
    for (const result of resultsIn(this.folder(run))) {
      const found = damageOf(result, null) === null ? this.#completed(record, result) : null
      if (found !== null && typeof found !== 'string') return found
    }
    return null
  }

  /** A path as it stands in a record. */
  fromCampaign(path: string): string {
    return relative(this.#dir, path)
  }

  #keep(key: string, { summary, ...record }: RunRecord): void {
    this.#known.set(key, { ...record, summary: summary === null ? null : kept(summary) })
    const { energy_reason = null, energy_problem = null } = summary ?? {}
    this.energyReason = energy_reason ?? energy_problem ?? this.energyReason
  }

  /** What becomes of a result that is not trusted: whoever only looks runs nothing. */
  get #instead(): string {
    return this.#isLive ? 'it does not count' : 'its experiment is run again'
  }

  #key({ experiment, cycle }: PlannedRun): string {
    return `${this.#plan.experiments[experiment]?.name}/cycle-${cycle}`
  }

  #read(folder: string): RunRecord {
    const record = this.#recordIn(folder)
    // A result beside a record that says "running" or "failed": what ran it, or the campaign, was killed between the two.
    const paths = record.result_path === null ? resultsIn(folder) : [join(this.#dir, record.result_path)]
    for (const result of paths) {
      const why = isBelow(folder, result) ? damageOf(result, record.result_sha256) : 'is of another run'
      const found = why === null ? this.#completed(record, result) : why
      if (typeof found !== 'string') return found
      this.problems.push(`${result} ${found}${this.#asideOf(folder, result)}; ${this.#instead}.`)
    }
    if (paths.length === 0) return record.status === 'completed' ? this.#lost(record, folder) : record
    return { ...PENDING, attempts: record.attempts }
  }

  #lost(record: RunRecord, folder: string): RunRecord {
    this.problems.push(`the result in ${folder} is gone; ${this.#instead}.`)
    return { ...PENDING, attempts: record.attempts }
  }

  /** Where a result that is not trusted went, in words. Only what is of this run is moved. */
  #asideOf(folder: string, result: string): string {
    if (!existsSync(result) || !isBelow(folder, result)) return ''
    // Whoever runs the campaign has written it a moment ago, or will find it.
    if (this.#isLive || !this.#isRunner) return ''
    try {
      return `; it is now ${setAside(result)}`
    } catch (error) {
      return ` and cannot be renamed (${messageOf(error)})`
    }
  }

  /** The record with what the result says, or why the result is none. */
  #completed(record: RunRecord, result: string): RunRecord | string {
    // An older record kept other joules per token than those that are quoted.
    const isOld = record.summary !== null && record.summary.quoted === null
    const recovered = record.summary === null || isOld ? this.#recovered(record, dirname(result)) : record
    const found = isOld && typeof recovered === 'string' ? record : recovered
    if (typeof found === 'string') return found
    return { ...found, status: 'completed', error: null, result_path: this.fromCampaign(result) }
  }

  /** What the record would have said, so that the run counts in the statistics as all others do. */
  #recovered(record: RunRecord, runDir: string): RunRecord | string {
    try {
      const { kind, content } = readResult(runDir)
      if (kind !== 'run') return 'is of another command'
      return {
        ...record,
        started_at: record.started_at ?? content.started_at,
        completed_at: record.completed_at ?? content.completed_at,
        result_sha256: digestOf(join(runDir, 'result.json')),
        summary: summaryOf(content, runDir),
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'RESULT_NEWER') return `cannot be read (${messageOf(error)})`
      // It is whole, and of a llem that knows more.
      this.problems.push(messageOf(error))
      return record
    }
  }

  #recordIn(folder: string): RunRecord {
    const path = join(folder, 'run.json')
    if (!existsSync(path)) return PENDING
    try {
      return runRecordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    } catch (error) {
      const why = messageOf(error).split('\n')[0]
      this.problems.push(`${path} cannot be read (${why})${this.#asideOf(folder, path)}.`)
      return PENDING
    }
  }
}

function kept(summary: RunSummary): KeptSummary {
  const { energy_problem, energy_reason } = summary
  return {
    energy_j: summary.energy_j,
    energy_of: summary.energy_of ?? null,
    gpu_uuids: summary.gpu_uuids,
    energy_per_output_token_j: summary.energy_per_output_token_j,
    energy_per_request_j: summary.energy_per_request_j,
    output_tokens_per_j: summary.output_tokens_per_j,
    good_output_tokens_per_j: summary.good_output_tokens_per_j,
    mean_power_w: summary.mean_power_w,
    active_energy_j: summary.active_energy_j,
    active_energy_per_output_token_j: summary.active_energy_per_output_token_j,
    active_energy_uncertainty_j: summary.active_energy_uncertainty_j,
    active_energy_per_output_token_uncertainty_j: summary.active_energy_per_output_token_uncertainty_j,
    quoted_uncertainty_share: uncertaintyShare(summary.quoted),
    energy_uncertainty_share: uncertaintyShare(summary.quoted_total),
    tokens_per_second: summary.tokens_per_second,
    output_tokens_per_second: summary.output_tokens_per_second,
    ttft_p50_ms: summary.ttft_p50_ms,
    itl_p50_ms: summary.itl_p50_ms,
    tpot_p50_ms: summary.tpot_p50_ms,
    e2e_p50_ms: summary.e2e_p50_ms,
    load_energy_j: summary.load_energy_j,
    output_tokens: summary.output_tokens,
    disk_bytes: summary.disk_bytes,
    lacks_energy: energy_problem !== null || energy_reason !== null,
  }
}

function uncertaintyShare(quoted: Quoted | null): number | null {
  const { value, uncertainty } = quoted ?? { value: null, uncertainty: null }
  return value === null || uncertainty === null || value === 0 ? null : uncertainty / value
}

/** Gives a damaged file another name, so that nothing trips over it again. */
export function setAside(path: string): string {
  for (let number = 1; ; number++) {
    const aside = `${path}.damaged-${number}`
    if (existsSync(aside)) continue
    renameSync(path, aside)
    return aside
  }
}

/** The results in the folder of a run; there is one folder for each attempt. */
function resultsIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name, 'result.json'))
    .filter((path) => existsSync(path))
}

/** A record may have come from elsewhere, or been edited: what it names must be of its own run. */
function isBelow(folder: string, path: string): boolean {
  return resolve(path).startsWith(`${resolve(folder)}/`)
}
