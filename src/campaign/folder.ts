// The folder of a campaign: an immutable plan, a lock, a claim that says whose it is, one folder for each run, and the
// manifest, which is a view of all that.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { canonicalJson, contentHash } from '../core/identity.js'
import { redact } from '../core/redact.js'
import { mask, withoutSecrets } from '../core/secrets.js'
import { makeFolder, prepareOutputDir, writeJsonAtomically } from '../results/files.js'
import { isFolder } from '../results/find.js'
import { type CampaignPlan, PLAN_VERSION } from './plan.js'
import { setAside } from './records.js'

const MAX_LISTED = 10

const planSchema = z.looseObject({
  plan_version: z.literal(PLAN_VERSION),
  campaign_name: z.string(),
  campaign_hash: z.string(),
  experiments: z.array(z.looseObject({ name: z.string(), hash: z.string() })),
  /** Absent in plans of a llem that did not write it. */
  plan_sha256: z.string().optional(),
})

/** Where a campaign's folder is: its name for people and its content's hash, so that a changed one gets another. */
export function campaignFolder(resultsDir: string, { campaign_name, campaign_hash }: CampaignPlan): string {
  const hash = campaign_hash.slice(0, 10)
  const first = join(resolve(resultsDir), `${safe(campaign_name)}-${hash}`)
  if (!existsSync(first)) return otherwiseNamed(resultsDir, hash) ?? first
  return latestOf(first)
}

/** Each --no-resume has begun another one. */
function latestOf(first: string): string {
  let latest = first
  for (let number = 2; existsSync(`${first}-${number}`); number++) latest = `${first}-${number}`
  return latest
}

/** A campaign's name is in its hash. What of it is masked depends on the secrets that are known when it is begun. */
function otherwiseNamed(resultsDir: string, hash: string): string | null {
  const name = foldersIn(resultsDir).find((each) => each.endsWith(`-${hash}`))
  return name === undefined ? null : latestOf(join(resolve(resultsDir), name))
}

function foldersIn(resultsDir: string): string[] {
  return isFolder(resultsDir) ? readdirSync(resultsDir) : []
}

/** Writes the plan into its folder, or finds the same one there. `anew` begins another. Resolves with the folder. */
export async function openCampaignFolder(
  resultsDir: string,
  plan: CampaignPlan,
  { anew = false, note = () => undefined }: { anew?: boolean; note?: (text: string) => void } = {},
): Promise<string> {
  prepareOutputDir(resultsDir)
  const latest = campaignFolder(resultsDir, plan)
  const dir = anew && existsSync(join(latest, 'plan.json')) ? next(latest) : latest
  makeFolder(dir)
  makeFolder(join(dir, 'runs'))
  const path = join(dir, 'plan.json')
  // What runs is the campaign's file; the folder is handed on with the results, which have no secrets either.
  const kept = keptOf(plan)
  if (existsSync(path) && isSame(path, kept, note)) return dir
  await writeJsonAtomically(path, { ...kept, plan_sha256: planHash(kept) })
  return dir
}

/** The plan as it stands in the file, of which its digest is: without secrets. */
function keptOf(plan: CampaignPlan): CampaignPlan {
  return withoutSecrets(redact(plan))
}

function planHash({ plan_sha256, ...plan }: Record<string, unknown> | CampaignPlan): string {
  return contentHash(plan)
}

function next(latest: string): string {
  const [, stem = latest, number] = /^(.*-[0-9a-f]{10})(?:-(\d+))?$/.exec(latest) ?? []
  return `${stem}-${number === undefined ? 2 : Number(number) + 1}`
}

/**
 * Whether a plan.json is this plan. One that is damaged or was edited is set aside, and told: the campaign's file says
 * what it was. Throws CAMPAIGN_FOREIGN for the plan of another campaign, whose results may lie here too.
 */
function isSame(path: string, plan: CampaignPlan, note: (text: string) => void): boolean {
  let found: CampaignPlan | null = null
  let why: string
  try {
    found = parsedPlan(path)
    why = damageOf(found) ?? ''
  } catch (error) {
    if (isUnread(error)) throw error
    why = `cannot be read (${firstLine(error)})`
  }
  if (found !== null && found.campaign_hash !== plan.campaign_hash) throw foreign(path, found)
  if (why === '') return true
  note(
    `Note: ${path} ${why}; it is now ${setAside(path)}, and the plan of the campaign's file is written anew.`,
  )
  return false
}

function parsedPlan(path: string): CampaignPlan {
  if (!statSync(path).isFile()) throw new Error('it is no file')
  return planSchema.parse(JSON.parse(readFileSync(path, 'utf8'))) as unknown as CampaignPlan
}

/** Why a plan is not as it was written; null where it is, or where it does not say. */
function damageOf(plan: CampaignPlan): string | null {
  const { plan_sha256 } = plan
  if (plan_sha256 === undefined || plan_sha256 === planHash(plan)) return null
  return 'was changed since it was written (its plan_sha256 is another)'
}

/** The disk's fault, which says nothing of what is on it. */
function isUnread(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return typeof code === 'string' && code !== 'EISDIR' && 'syscall' in (error as object)
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n')[0] ?? ''
}

function foreign(path: string, found: CampaignPlan): LlemError {
  const name = shortened(JSON.stringify(found.campaign_name))
  return new LlemError(
    `${path} is the plan of another campaign (${name}, ${shortened(found.campaign_hash, 10)})`,
    {
      code: 'CAMPAIGN_FOREIGN',
      hint: 'Move that folder away, or run the campaign with another io.results_dir or with --no-resume.',
      kind: 'usage',
    },
  )
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
    const plan = parsedPlan(path)
    const why = damageOf(plan)
    if (why === null) return plan
    throw damaged(`${path} ${why}`)
  } catch (cause) {
    if (cause instanceof LlemError || isUnread(cause)) throw cause
    throw damaged(`${path} cannot be read: ${firstLine(cause)}`, cause)
  }
}

function damaged(message: string, cause?: unknown): LlemError {
  return new LlemError(`${message}.`, {
    code: 'CAMPAIGN_DAMAGED',
    hint: 'Run `llem campaign` on its file again: it writes the plan anew and keeps every result.',
    cause,
  })
}

/**
 * With --resume a campaign of this name that has other content is refused: its results would not belong together.
 * Throws CAMPAIGN_CHANGED, which names what differs.
 */
export function refuseChanged(resultsDir: string, plan: CampaignPlan): void {
  const own = campaignFolder(resultsDir, plan)
  if (existsSync(join(own, 'plan.json'))) return
  const kept = keptOf(plan)
  for (const name of foldersIn(resultsDir)) {
    if (!name.startsWith(`${safe(plan.campaign_name)}-`)) continue
    const path = join(resultsDir, name, 'plan.json')
    if (!existsSync(path)) continue
    const before = readPlan(join(resultsDir, name))
    // As it stands in the file, where a name may have lost a secret.
    if (before.campaign_name !== kept.campaign_name) continue
    throw new LlemError(
      `the campaign ${JSON.stringify(plan.campaign_name)} has changed since ${join(resultsDir, name)} was begun: ${differences(before, kept).join(', ')} differ`,
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
