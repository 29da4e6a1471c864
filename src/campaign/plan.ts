// A campaign's configuration -> what will be run, in which order. Pure: no clock, no GPU, no network, and the same
// configuration gives the same plan byte for byte on every machine.

import type { CampaignExperiment, LoadedCampaign } from '../config/load-campaign.js'
import type { CampaignKeys } from '../config/schema-campaign.js'
import { leavesOf, type Tree } from '../config/tree.js'
import { contentHash } from '../core/identity.js'
import { redact } from '../core/redact.js'
import { namesOf } from './names.js'

/** Raised when an older llem could misread a plan. */
export const PLAN_VERSION = 1

/** One experiment of a plan. */
export interface PlannedExperiment {
  /** For people, unique in the campaign. */
  name: string
  /** The identity: SHA-256 of its resolved configuration. */
  hash: string
  /** "grid", "experiments[2]" or the path of a file. */
  origin: string
  /** What is written for it beyond what all share. */
  own: Tree
}

export interface CampaignPlan {
  plan_version: number
  campaign_name: string
  /** Of everything below: equal for campaigns that run the same. */
  campaign_hash: string
  execution: CampaignKeys['execution'] & { seed: number }
  /** What all experiments share, as written. */
  shared: Tree
  experiments: PlannedExperiment[]
  filtered: { own: Tree; reason: string }[]
  /** What may need other hardware or is worth knowing, per experiment. */
  warnings: string[]
  /** SHA-256 of all of the above as it stands in plan.json, by which a file that was edited is known. */
  plan_sha256?: string
}

/** The plan of a campaign that was read without problems. */
export function planOf({ keys, shared, experiments, filtered }: LoadedCampaign & { ok: true }): CampaignPlan {
  const { distinct, repeated } = distinctOf(experiments)
  const names = namesOf(distinct)
  const planned = distinct.map(({ own, origin, hash }, index): PlannedExperiment => {
    return { name: names[index] ?? hash.slice(0, 12), hash, origin, own }
  })
  const content = {
    campaign_name: keys.campaign_name,
    shared,
    execution: identityOf(keys.execution),
    experiments: planned.map(({ hash }) => hash),
  }
  const campaign_hash = contentHash(content)
  return {
    plan_version: PLAN_VERSION,
    campaign_name: keys.campaign_name,
    campaign_hash,
    execution: {
      ...keys.execution,
      seed: keys.execution.seed ?? Number.parseInt(campaign_hash.slice(0, 8), 16),
    },
    shared,
    experiments: planned,
    filtered,
    warnings: [...repeated, ...hardwareWarnings(distinct)],
  }
}

/** A key that is younger than campaigns on disk, and not used, leaves their hash as it was. */
function identityOf({ until_ci_pct, ...execution }: CampaignKeys['execution']) {
  return until_ci_pct === null ? execution : { ...execution, until_ci_pct }
}

/** "Generated N experiments (M filtered, W warnings)" */
export function summaryOf({ experiments, filtered, warnings }: CampaignPlan): string {
  return `Generated ${experiments.length} experiments (${filtered.length} filtered, ${warnings.length} warnings)`
}

/** Each content once: two ways of writing one experiment would only measure it twice under two names. */
function distinctOf(experiments: readonly CampaignExperiment[]): {
  distinct: CampaignExperiment[]
  repeated: string[]
} {
  const first = new Map<string, CampaignExperiment>()
  const repeated: string[] = []
  for (const experiment of experiments) {
    const same = first.get(experiment.same)
    if (same === undefined) first.set(experiment.same, experiment)
    else
      repeated.push(
        `${experiment.origin}: ${described(experiment.own)} is the same experiment as ${described(same.own)} of ${same.origin}; it is run once.`,
      )
  }
  return { distinct: [...first.values()], repeated }
}

/** Tier 2: what the schema allows and only some machines can do. */
function hardwareWarnings(experiments: readonly CampaignExperiment[]): string[] {
  return experiments.flatMap(({ processes, own }) => {
    return processes === 1
      ? []
      : [`${described(own)}: processes: ${processes} shares GPUs unless there are ${processes} of them.`]
  })
}

function described(own: Tree): string {
  const parts = [...leavesOf(redact(own))].map(
    ([path, value]) => `${path.join('.')}=${JSON.stringify(value)}`,
  )
  return parts.length === 0 ? 'what all share' : parts.join(' ')
}
