// Campaigns for programs: what `llem campaign` and `llem campaign status` do.

import { join, resolve } from 'node:path'
import { openCampaignFolder, readPlan } from '../campaign/folder.js'
import { type Manifest, manifestOf } from '../campaign/manifest.js'
import { type CampaignPlan, planOf } from '../campaign/plan.js'
import { RunRecords } from '../campaign/records.js'
import { runCampaign as runPlanned } from '../campaign/run.js'
import { type CampaignStatistics, campaignStatistics } from '../campaign/statistics.js'
import { type LoadedCampaign, loadCampaign } from '../config/load-campaign.js'
import { configError } from '../config/problems.js'
import type { WrittenExperimentConfig } from '../config/schema.js'
import type { CampaignKeys, Structure, WrittenCampaignKeys } from '../config/schema-campaign.js'
import { chooseLibrary } from '../energy/library.js'
import { chooseExecutor } from '../executors/choose.js'
import { type Observer, silentObserver } from '../progress/observer.js'
import { openGpuWatch, warmestC } from './campaign-gpus.js'
import { campaignOf } from './configuration.js'

/** A campaign as its file has it: its own keys, and those of an experiment that all of its experiments share. */
export type CampaignConfig = WrittenCampaignKeys & Partial<WrittenExperimentConfig>

export interface PlanOptions {
  /** In place of execution.cycles and execution.structure. */
  cycles?: number
  order?: Structure
}

export interface CampaignRunOptions extends PlanOptions {
  /** Measure a simulated GPU: true for the built-in one, or the path of a scenario. */
  simulate?: boolean | string
  observer?: Observer
  /** Ends the campaign early; what is completed is kept, and running it again goes on. */
  signal?: AbortSignal
  /** Load the model anew for each run; absent: as cold_start.force_cold_start says. */
  coldStart?: boolean
  /** Once all have run, run those that failed once more. */
  retryFailed?: boolean
  /** Begin anew in another folder instead of going on. */
  anew?: boolean
}

export interface CampaignOutcome {
  /** The campaign's folder. */
  dir: string
  manifest: Manifest
  statistics: CampaignStatistics
}

/** What a campaign would run. Reads no clock, no GPU and no network. Throws CONFIG_INVALID with all problems at once. */
export function planCampaign(campaign: string | CampaignConfig, options: PlanOptions = {}): CampaignPlan {
  return planOf(loaded(campaign, options))
}

/**
 * Runs what is left of a campaign, once; a daemon's rounds are the command line's. `campaign`: its file, llem's own or another tool's, or its content, whose
 * paths are from the current folder. A run that fails is in the manifest and throws nothing; what is refused, or cannot go
 * on, throws as `llem campaign` ends.
 */
export async function runCampaign(
  campaign: string | CampaignConfig,
  {
    simulate,
    observer = silentObserver,
    signal,
    coldStart,
    retryFailed = false,
    anew = false,
    ...options
  }: CampaignRunOptions = {},
): Promise<CampaignOutcome> {
  const { keys, experiments, ...rest } = loaded(campaign, options, observer)
  const plan = planOf({ keys, experiments, ...rest })
  const note = (text: string) => observer.note(text)
  const dir = await openCampaignFolder(keys.io.results_dir, plan, { anew, note })
  const { libraryPath } = chooseLibrary(simulate)
  const path = typeof campaign === 'string' ? campaign : resolve('campaign.yaml')
  const executor = await chooseExecutor(keys.docker, { path, dir, work: experiments, note })
  const gpus = await gpusOf(plan, keys, libraryPath)
  try {
    const manifest = await runPlanned(plan, {
      dir,
      executor,
      simulate: simulate ?? false,
      restartContainer: keys.cold_start.restart_container,
      coldStart: coldStart ?? keys.cold_start.force_cold_start,
      retryFailed,
      observer,
      signal,
      warmestC: () => warmestC(libraryPath),
      healthCheck: keys.health_check,
      gpus,
    })
    return { dir, manifest, statistics: statisticsIn(dir, plan) }
  } finally {
    gpus.watch?.close()
  }
}

/** How far the campaign in a folder is, what its cycles came to, and what is wrong with its files. */
export async function campaignStatus(dir: string): Promise<CampaignOutcome & { problems: string[] }> {
  const { manifest, problems } = await manifestOf(dir)
  return { dir: join(dir), manifest, statistics: statisticsIn(dir, readPlan(dir)), problems }
}

function statisticsIn(dir: string, plan: CampaignPlan): CampaignStatistics {
  return campaignStatistics(plan, new RunRecords(dir, plan, { isLive: true }))
}

function gpusOf(plan: CampaignPlan, { health_check }: CampaignKeys, libraryPath: string | undefined) {
  return health_check.enabled
    ? openGpuWatch(plan, libraryPath)
    : { watch: null, reason: 'health_check.enabled is false' }
}

function loaded(
  campaign: string | CampaignConfig,
  { cycles, order }: PlanOptions,
  observer: Observer = silentObserver,
): LoadedCampaign & { ok: true } {
  const read =
    typeof campaign === 'string'
      ? campaignOf(campaign, observer)
      : // JSON is YAML, so a program's campaign is checked by the very rules of a person's.
        loadCampaign({ path: resolve('campaign.yaml'), text: JSON.stringify(campaign) })
  if (!read.ok) throw configError(read.problems)
  const { execution } = read.keys
  const changed = {
    ...execution,
    cycles: cycles ?? execution.cycles,
    structure: order ?? execution.structure,
  }
  return { ...read, keys: { ...read.keys, execution: changed } }
}
