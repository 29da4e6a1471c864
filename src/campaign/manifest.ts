import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeJsonAtomically } from '../results/files.js'
import { isRunning, readClaim } from './claim.js'
import { readDaemon } from './daemon-file.js'
import { readPlan } from './folder.js'
import { restartsIn } from './health.js'
import { roundOf } from './order.js'
import { keepPause, keptPause, reservePause } from './pause-file.js'
import type { CampaignPlan } from './plan.js'
import { type RunRecord, RunRecords, STATUSES, type Status } from './records.js'
import { type CampaignState, campaignStateSchema } from './state.js'
import { campaignStatistics, STATISTICS_FILE } from './statistics.js'

/** One run, as the manifest tells it. */
export interface ManifestEntry extends Omit<RunRecord, 'summary'> {
  name: string
  hash: string
  cycle: number
  /** Of a daemon; otherwise 1. */
  round: number
  /** What Slurm says of its task; absent where it has none. */
  slurm?: SlurmEntry
}

/** A run's task in Slurm. */
export interface SlurmEntry {
  /** "array job_index". */
  task: string
  /** "PENDING", "RUNNING", "TIMEOUT", ...; null where Slurm does not know it any more. */
  state: string | null
  /** Why it waits. */
  reason: string | null
  node: string | null
  /** Seconds since something was heard of a run that runs; null where that is not known. */
  silent_s: number | null
}

export interface Manifest extends CampaignState {
  manifest_version: 1
  campaign_name: string
  campaign_hash: string
  as_of: string
  /** Rounds that were begun; the entries are those of all of them. */
  rounds: number
  counts: Record<Status, number>
  /** Completed runs whose energy was asked for and is not known. */
  without_energy: number
  /** Why the latest of them has none; null where all have one. */
  without_energy_reason: string | null
  /** Of what runs the experiments, after health checks; health.jsonl says why. */
  restarts: number
  entries: ManifestEntry[]
}

/** The manifest of a campaign's folder as it is at this moment, and what is wrong with its files. */
export async function manifestOf(dir: string): Promise<{ manifest: Manifest; problems: string[] }> {
  const plan = readPlan(dir)
  const isLive = await isRunning(dir)
  const records = new RunRecords(dir, plan, { isLive })
  const claimed = isLive && readClaim(dir) !== null
  const statuses = [...records.runs()].map((run) => records.of(run).status)
  const state = claimed ? liveState(dir, statuses) : restingState(dir, statuses)
  return { manifest: viewOf(plan, records, state, restartsIn(dir)), problems: records.problems }
}

function liveState(dir: string, statuses: readonly Status[]): CampaignState {
  const last = lastState(dir)
  // The manifest is not written anew when a round begins: that would make it late.
  const waits = last?.state === 'waiting' && readDaemon(dir)?.state === 'waiting'
  return waits && !statuses.includes('running') ? last : { state: 'running', reason: null }
}

function restingState(dir: string, statuses: readonly Status[]): CampaignState {
  const last = lastState(dir)
  const daemon = readDaemon(dir)
  const wasAtEnd = last?.state === 'completed' || last?.state === 'paused'
  // Between two rounds nothing is left to run, and yet a daemon has not come to its end.
  if (daemon !== null && daemon.state !== 'ended' && !wasAtEnd) return { state: 'interrupted', reason: null }
  if (statuses.every((status) => status === 'completed')) return { state: 'completed', reason: null }
  if (last?.state === 'paused') return last
  return { state: last?.state === 'completed' ? 'completed' : 'interrupted', reason: null }
}

/** Plan and records as one manifest. */
export function viewOf(
  plan: CampaignPlan,
  records: RunRecords,
  state: CampaignState,
  restarts: number,
): Manifest {
  let without_energy = 0
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  const entries = [...records.runs()].map((run): ManifestEntry => {
    const { summary, ...record } = records.of(run)
    const { name = '', hash = '' } = plan.experiments[run.experiment] ?? {}
    const round = roundOf(plan, run.cycle)
    // A round that was followed by another has ended, whatever it left.
    const status = record.status === 'pending' && round < records.rounds ? 'skipped' : record.status
    counts[status] += 1
    if (status === 'completed' && summary?.lacks_energy) without_energy += 1
    return { name, hash, cycle: run.cycle, round, ...record, status }
  })
  const { campaign_name, campaign_hash } = plan
  const as_of = new Date().toISOString()
  const { rounds } = records
  const head = { manifest_version: 1 as const, campaign_name, campaign_hash, ...state, as_of, rounds }
  const without_energy_reason = without_energy === 0 ? null : records.energyReason
  return { ...head, counts, without_energy, without_energy_reason, restarts, entries }
}

/**
 * Keeps manifest.json up to date. Writing it takes time that grows with the campaign, so it is written at most so
 * often that this is 2 % of the time; `llem campaign status` never looks at it.
 */
export class ManifestFile {
  readonly #dir: string
  readonly #plan: CampaignPlan
  readonly #records: RunRecords
  #notBeforeMs = 0
  /** Tells the restarts so far. */
  restarts: () => number = () => 0

  constructor(dir: string, plan: CampaignPlan, records: RunRecords) {
    this.#dir = dir
    this.#plan = plan
    this.#records = records
  }

  /** After a run. */
  async refresh(): Promise<void> {
    if (performance.now() >= this.#notBeforeMs) await this.write({ state: 'running', reason: null })
  }

  /** At the start. */
  async begin(): Promise<void> {
    reservePause(this.#dir)
    await this.write({ state: 'running', reason: null })
  }

  /** At the end. Where the disk has no room for a manifest, the state alone is kept; resolves with that error, or null. */
  async end(state: CampaignState): Promise<Error | null> {
    try {
      await this.write(state)
      return null
    } catch (error) {
      try {
        keepPause(this.#dir, state)
      } catch {
        // The first cause says more than that this could not be written either.
      }
      return error as Error
    }
  }

  async write(state: CampaignState): Promise<void> {
    const startMs = performance.now()
    await writeJsonAtomically(
      join(this.#dir, 'manifest.json'),
      viewOf(this.#plan, this.#records, state, this.restarts()),
    )
    // At a rest alone: the intervals take their time.
    if (state.state !== 'running') await this.#writeStatistics()
    const endMs = performance.now()
    this.#notBeforeMs = endMs + 50 * (endMs - startMs)
  }

  async #writeStatistics(): Promise<void> {
    const statistics = campaignStatistics(this.#plan, this.#records)
    await writeJsonAtomically(join(this.#dir, STATISTICS_FILE), statistics)
  }
}

function lastState(dir: string): CampaignState | null {
  const kept = keptPause(dir)
  if (kept !== null) return kept
  const path = join(dir, 'manifest.json')
  if (!existsSync(path)) return null
  try {
    return campaignStateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}
