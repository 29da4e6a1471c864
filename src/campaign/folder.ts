// The folder of a campaign: an immutable plan, a lock, a claim that says whose it is, one folder for each run, and the
// manifest, which is a view of all that.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { canonicalJson } from '../core/identity.js'
import { redact } from '../core/redact.js'
import { mask, masked } from '../core/secrets.js'
import { makeFolder, prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { type CampaignPlan, PLAN_VERSION } from './plan.js'
import { setAside } from './records.js'

const MAX_LISTED = 10

const planSchema = z.looseObject({
  plan_version: z.literal(PLAN_VERSION),
  campaign_name: z.string(),
  campaign_hash: z.string(),
  experiments: z.array(z.looseObject({ name: z.string(), hash: z.string() })),
})

/** Where a campaign's folder is: its name for people and its content's hash, so that a changed one gets another. */
export function campaignFolder(resultsDir: string, { campaign_name, campaign_hash }: CampaignPlan): string {
  const first = join(resolve(resultsDir), `${safe(campaign_name)}-${campaign_hash.slice(0, 10)}`)
  // Each --no-resume has begun another one.
  let latest = first
  for (let number = 2; existsSync(`${first}-${number}`); number++) latest = `${first}-${number}`
  return latest
}

/** Writes the plan into its folder, or finds the same one there. `anew` begins another. Resolves with the folder. */
export async function openCampaignFolder(
  resultsDir: string,
  plan: CampaignPlan,
  { anew = false }: { anew?: boolean } = {},
): Promise<string> {
  prepareOutputDir(resultsDir)
  const latest = campaignFolder(resultsDir, plan)
  const dir = anew && existsSync(join(latest, 'plan.json')) ? next(latest) : latest
  makeFolder(dir)
  makeFolder(join(dir, 'runs'))
  const path = join(dir, 'plan.json')
  // The hash is in the folder's name, so what is there is the same plan, unless it is damaged.
  if (existsSync(path) && isWhole(path)) return dir
  // What runs is the campaign's file; the folder is handed on with the results, which have no secrets either.
  await writeJsonAtomically(path, redact(plan))
  return dir
}

function next(latest: string): string {
  const [, stem = latest, number] = /^(.*-[0-9a-f]{10})(?:-(\d+))?$/.exec(latest) ?? []
  return `${stem}-${number === undefined ? 2 : Number(number) + 1}`
}

function isWhole(path: string): boolean {
  try {
    planSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
    return true
  } catch {
    setAside(path)
    return false
  }
}

/** The campaigns right below a folder, the latest first, or where they are named. */
function whichCampaign(dir: string): string {
  const found = campaignsIn(dir)
  if (found.length === 0) return 'Give the folder that `llem campaign` has named.'
  const rest = found.length - MAX_LISTED
  return `Give one of ${found.slice(0, MAX_LISTED).join(', ')}${rest > 0 ? ` or ${rest} older ones` : ''}.`
}

function campaignsIn(dir: string): string[] {
  const begunMs = (folder: string) => statSync(join(folder, 'plan.json')).mtimeMs
  try {
    return readdirSync(dir)
      .map((name) => join(dir, name))
      .filter((folder) => existsSync(join(folder, 'plan.json')))
      .sort((a, b) => begunMs(b) - begunMs(a))
  } catch {
    return []
  }
}

/** The plan in a campaign's folder. Throws CAMPAIGN_MISSING or CAMPAIGN_DAMAGED. */
export function readPlan(dir: string): CampaignPlan {
  const path = join(dir, 'plan.json')
  if (!existsSync(path)) {
    throw new LlemError(`${dir} is no folder of a campaign: it has no plan.json.`, {
      code: 'CAMPAIGN_MISSING',
      hint: whichCampaign(dir),
      kind: 'usage',
    })
  }
  try {
    return planSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) as unknown as CampaignPlan
  } catch (cause) {
    throw new LlemError(`${path} cannot be read: ${messageOf(cause).split('\n')[0]}.`, {
      code: 'CAMPAIGN_DAMAGED',
      hint: 'Run `llem campaign` on its file again: it writes the plan anew and keeps every result.',
      cause,
    })
  }
}

/**
 * With --resume a campaign of this name that has other content is refused: its results would not belong together.
 * Throws CAMPAIGN_CHANGED, which names what differs.
 */
export function refuseChanged(resultsDir: string, plan: CampaignPlan): void {
  const own = campaignFolder(resultsDir, plan)
  if (existsSync(join(own, 'plan.json'))) return
  const others = existsSync(resultsDir)
    ? readdirSync(resultsDir).filter((name) => name.startsWith(`${safe(plan.campaign_name)}-`))
    : []
  for (const name of others) {
    const path = join(resultsDir, name, 'plan.json')
    if (!existsSync(path)) continue
    const before = readPlan(join(resultsDir, name))
    if (before.campaign_name !== plan.campaign_name) continue
    throw new LlemError(
      `the campaign ${JSON.stringify(plan.campaign_name)} has changed since ${join(resultsDir, name)} was begun: ${differences(before, masked(redact(plan))).join(', ')} differ`,
      {
        code: 'CAMPAIGN_CHANGED',
        hint: 'Undo the change, run it without --resume as a new campaign, or give it another campaign_name.',
        kind: 'usage',
      },
    )
  }
  throw new LlemError(
    `there is nothing to resume: no campaign ${JSON.stringify(plan.campaign_name)} was begun in ${resultsDir}`,
    { code: 'CAMPAIGN_MISSING', hint: 'Run it without --resume.', kind: 'usage' },
  )
}

/** The keys in which two plans differ, dotted. */
export function differences(before: CampaignPlan, after: CampaignPlan): string[] {
  const keys = [
    ...differing(before.shared, after.shared, ''),
    ...differing(before.execution, after.execution, 'execution.').filter((key) => key !== 'execution.seed'),
  ]
  const hashes = (plan: CampaignPlan) => new Set(plan.experiments.map(({ hash }) => hash))
  const [old, young] = [hashes(before), hashes(after)]
  const gone = [...old].filter((hash) => !young.has(hash)).length
  const fresh = [...young].filter((hash) => !old.has(hash)).length
  // What all share changes every experiment; then the list of them says nothing new.
  if (keys.every((key) => key.startsWith('execution.')) && gone + fresh > 0)
    keys.push(`experiments (${gone} gone, ${fresh} new)`)
  return keys
}

function differing(before: unknown, after: unknown, prefix: string): string[] {
  const [old, young] = [treeOf(before), treeOf(after)]
  return [...new Set([...Object.keys(old), ...Object.keys(young)])].sort().flatMap((key) => {
    const path = `${prefix}${key}`
    if (canonicalJson(old[key] ?? null) === canonicalJson(young[key] ?? null)) return []
    const areTrees = isObject(old[key]) && isObject(young[key])
    return areTrees ? differing(old[key], young[key], `${path}.`) : [path]
  })
}

function treeOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function safe(name: string): string {
  return (
    mask(name)
      .replace(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[.-]+|[.-]+$/g, '') || 'campaign'
  )
}
