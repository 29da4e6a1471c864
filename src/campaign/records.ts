// What is on disk about each run of a campaign. A run's folder has one writer, its record is replaced whole, and a
// result.json in it means that it is done, whatever else the record says.

import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { messageOf } from '../core/errors.js'
import { type RunSummary, runSummarySchema } from '../executors/protocol.js'
import { summaryOf } from '../executors/summary.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'
import { readResult } from '../results/read.js'
import { type PlannedRun, roundOf, runOrder } from './order.js'
import type { CampaignPlan } from './plan.js'

export const STATUSES = ['pending', 'running', 'completed', 'failed', 'skipped'] as const
export type Status = (typeof STATUSES)[number]

/** The state of a daemon, in the campaign's folder. */
export const DAEMON_FILE = 'daemon.json'

export const runRecordSchema = z.object({
  status: z.enum(STATUSES),
  started_at: z.string().nullable(),
  completed_at: z.string().nullable(),
  /** From the campaign's folder, so that it may be moved; null where there is no result. */
  result_path: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  attempts: z.number().int(),
  /** Null where there is no result, or none that can be read. */
  summary: runSummarySchema.nullable(),
})
export type RunRecord = z.infer<typeof runRecordSchema>

/** What of a run's summary is used once it is over. */
export interface KeptSummary
  extends Pick<
    RunSummary,
    | 'energy_j'
    | 'energy_per_output_token_j'
    | 'tokens_per_second'
    | 'e2e_p50_ms'
    | 'load_energy_j'
    | 'output_tokens'
    | 'disk_bytes'
  > {
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
  error: null,
  attempts: 0,
  summary: null,
}

/** The records of a campaign's runs, in its folder. */
export class RunRecords {
  readonly #dir: string
  readonly #plan: CampaignPlan
  /** Runs whose folder exists. */
  readonly #known = new Map<string, KeptRecord>()
  /** Why the latest run that lacks an energy has none. */
  energyReason: string | null = null
  /** What was wrong with files, in words. */
  readonly problems: string[] = []
  /** Rounds that were begun. A campaign that is no daemon has one; a daemon says when it begins another. */
  rounds: number

  /**
   * Reads what there is. `isLive`: somebody runs the campaign, so that "running" is true. `isDaemon`: before its first
   * round there is none.
   */
  constructor(
    dir: string,
    plan: CampaignPlan,
    { isLive, isDaemon = existsSync(join(dir, DAEMON_FILE)) }: { isLive: boolean; isDaemon?: boolean },
  ) {
    this.#dir = dir
    this.#plan = plan
    let lastCycle = 0
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

  /** The runs of all rounds that were begun, in their order. */
  runs(): Generator<PlannedRun> {
    return runOrder(this.#plan, this.rounds)
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
    const round = roundOf(this.#plan, run.cycle)
    await writeJsonAtomically(join(this.folder(run), 'run.json'), { round, ...record })
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

  #key({ experiment, cycle }: PlannedRun): string {
    return `${this.#plan.experiments[experiment]?.name}/cycle-${cycle}`
  }

  #read(folder: string): RunRecord {
    const record = this.#recordIn(folder)
    if (record.status === 'failed') return record
    // A result beside a record that says "running": the campaign was killed between the two.
    const result = record.result_path === null ? resultIn(folder) : join(this.#dir, record.result_path)
    if (result !== null && existsSync(result)) {
      const found = record.summary === null ? this.#recovered(record, dirname(result)) : record
      return { ...found, status: 'completed', result_path: this.fromCampaign(result) }
    }
    if (record.status !== 'completed') return record
    this.problems.push(`${result ?? folder} is gone; its experiment is run again.`)
    return { ...PENDING, attempts: record.attempts }
  }

  /** What the record would have said, so that the run counts in the statistics as all others do. */
  #recovered(record: RunRecord, runDir: string): RunRecord {
    try {
      const { kind, content } = readResult(runDir)
      if (kind !== 'run') return record
      return {
        ...record,
        started_at: record.started_at ?? content.started_at,
        completed_at: record.completed_at ?? content.completed_at,
        summary: summaryOf(content, runDir),
      }
    } catch (error) {
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
      const aside = setAside(path)
      this.problems.push(`${path} cannot be read (${messageOf(error).split('\n')[0]}); it is now ${aside}.`)
      return PENDING
    }
  }
}

function kept({
  energy_j,
  energy_per_output_token_j,
  tokens_per_second,
  e2e_p50_ms,
  load_energy_j,
  output_tokens,
  disk_bytes,
  energy_problem,
  energy_reason,
}: RunSummary): KeptSummary {
  return {
    energy_j,
    energy_per_output_token_j,
    tokens_per_second,
    e2e_p50_ms,
    load_energy_j,
    output_tokens,
    disk_bytes,
    lacks_energy: energy_problem !== null || energy_reason !== null,
  }
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

/** The result of an experiment in the folder of its run; there is one folder for each attempt. */
function resultIn(folder: string): string | null {
  const paths = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => join(folder, name, 'result.json'))
  return paths.find((path) => existsSync(path)) ?? null
}
