import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeJsonAtomically } from '../results/files.js'
import { isRunning, readClaim } from './claim.js'
import { readDaemon } from './daemon-file.js'
import { readPlan } from './folder.js'
import { roundOf } from './order.js'
import type { CampaignPlan } from './plan.js'
import { type RunRecord, RunRecords, STATUSES, type Status } from './records.js'

/** The state of a campaign as a whole. */
export const campaignStateSchema = z.object({
  /** Waiting: a daemon, for its next round. */
  state: z.enum(['running', 'waiting', 'paused', 'interrupted', 'completed']),
  /** Why it is paused, or what it waits for. */
  reason: z.string().nullable(),
})
export type CampaignState = z.infer<typeof campaignStateSchema>

/** One run, as the manifest tells it. */
export interface ManifestEntry extends Omit<RunRecord, 'summary'> {
  name: string
  hash: string
  cycle: number
  /** Of a daemon; otherwise 1. */
  round: number
}

export interface Manifest extends CampaignState {
  manifest_version: 1
  campaign_name: string
  campaign_hash: string
  as_of: string
  /** Rounds that were begun; the entries are those of all of them. */
  rounds: number
  counts: Record<Status, number>
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
  return { manifest: viewOf(plan, records, state), problems: records.problems }
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
export function viewOf(plan: CampaignPlan, records: RunRecords, state: CampaignState): Manifest {
  const counts = Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
  const entries = [...records.runs()].map((run): ManifestEntry => {
    const { summary: _, ...record } = records.of(run)
    const { name = '', hash = '' } = plan.experiments[run.experiment] ?? {}
    const round = roundOf(plan, run.cycle)
    // A round that was followed by another has ended, whatever it left.
    const status = record.status === 'pending' && round < records.rounds ? 'skipped' : record.status
    counts[status] += 1
    return { name, hash, cycle: run.cycle, round, ...record, status }
  })
  const { campaign_name, campaign_hash } = plan
  const as_of = new Date().toISOString()
  const { rounds } = records
  return { manifest_version: 1, campaign_name, campaign_hash, ...state, as_of, rounds, counts, entries }
}

/**
 * Keeps manifest.json up to date. Writing it takes time that grows with the campaign, so it is written at most so
 * often that this is 2 % of the time; `llem campaign status` never looks at it.
 */
export class ManifestFile {
  readonly #path: string
  readonly #plan: CampaignPlan
  readonly #records: RunRecords
  #notBeforeMs = 0

  constructor(dir: string, plan: CampaignPlan, records: RunRecords) {
    this.#path = join(dir, 'manifest.json')
    this.#plan = plan
    this.#records = records
  }

  /** After a run. */
  async refresh(): Promise<void> {
    if (performance.now() >= this.#notBeforeMs) await this.write({ state: 'running', reason: null })
  }

  async write(state: CampaignState): Promise<void> {
    const startMs = performance.now()
    await writeJsonAtomically(this.#path, viewOf(this.#plan, this.#records, state))
    const endMs = performance.now()
    this.#notBeforeMs = endMs + 50 * (endMs - startMs)
  }
}

function lastState(dir: string): CampaignState | null {
  const path = join(dir, 'manifest.json')
  if (!existsSync(path)) return null
  try {
    return campaignStateSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return null
  }
}
