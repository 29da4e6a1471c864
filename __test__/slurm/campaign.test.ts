// A campaign over an array of a real Slurm, and all that may happen to its tasks meanwhile.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import type { ManifestEntry } from '../../dist/campaign/manifest.js'
import { planOf } from '../../dist/campaign/plan.js'
import { loadCampaign } from '../../dist/config/load-campaign.js'
import { latestClaim } from '../../dist/slurm/claim.js'
import { restartController } from '../../scripts/slurm-cluster.mjs'
import { processesWith, resultsIn } from '../campaign/running.js'
import { llem } from '../native/llem.js'
import { type CampaignOnSlurm, campaignOn, cluster, logsOf } from './cluster.js'

vi.setConfig({ testTimeout: 400_000 })
const slurm = cluster({ nodes: 2, gpus: 2 })

it('24 runs over an array: kill -9, requeue, scancel and a controller that is restarted lose nothing and repeat nothing', async () => {
  const campaign = campaignOn(slurm, { experiments: 8, execution: 'cycles: 3' })
  const submitted = await campaign.submit()
  expect(submitted, submitted.stderr).toMatchObject({ code: 0 })
  expect(submitted.stdout).toContain('Submitted 24 runs as 24 tasks: job ')
  const finished = new Map<string, string>()
  const look = () => lookAt(campaign, finished)

  const killed = await runningTask(campaign, look)
  process.kill(processOf(campaign, killed), 'SIGKILL')
  const requeued = await runningTask(campaign, look, killed)
  await slurm.slurm('scontrol', 'requeue', requeued.slurm?.task ?? '')
  await look()
  const cancelled = await runningTask(campaign, look, killed, requeued)
  await slurm.slurm('scancel', cancelled.slurm?.task ?? '')
  await look()
  await restartController(slurm.folder, { downMs: 1500 })
  await look()

  const ended = await campaign.wait()
  expect(ended.code, logsOf(campaign.dir())).toBe(1)
  const between = await look()
  const failed = between.entries.filter(({ status }) => status === 'failed')
  expect(failed.map(nameOf).sort()).toEqual([killed, cancelled].map(nameOf).sort())
  expect(errorOf(between.entries, killed)).toMatchObject({ code: 'SLURM_FAILED' })
  expect(errorOf(between.entries, cancelled)).toMatchObject({ code: 'SLURM_CANCELLED' })
  expect(entryOf(between.entries, requeued)).toMatchObject({ status: 'completed', place: { restarts: 1 } })

  const again = await campaign.submit()
  expect(again.stdout, again.stderr).toContain('Submitted 2 runs as 2 tasks')
  expect((await campaign.wait()).code).toBe(0)
  const { state, counts, entries } = await look()
  expect({ state, completed: counts.completed }).toEqual({ state: 'completed', completed: 24 })
  expect((await campaign.submit()).stdout).toContain('Nothing to submit')
  // The plan of the same file on this machine.
  const loaded = loadCampaign({ path: campaign.path })
  if (!loaded.ok) throw new Error('the campaign has problems')
  const hashes = planOf(loaded).experiments.map(({ hash }) => hash)
  expect([...new Set(entries.map(({ hash }) => hash))].sort()).toEqual([...hashes].sort())
  const results = resultsIn(campaign.dir())
  expect(results.size).toBe(24)
  for (const { name, cycle, hash, place } of entries) {
    expect(place?.node).toMatch(/^node0[12]$/)
    const found = results.get(`${name}/cycle-${cycle}`) ?? []
    expect(found.map(({ hash: each, node, gpus }) => [each, node, gpus.length])).toEqual([
      [hash, place?.node, 1],
    ])
  }
  // Two tasks at once have a node.
  expect([...results.values()].flat().some(({ codes }) => codes.includes('slurm_node_shared'))).toBe(true)
  // Runs of a cycle were on several boards.
  const { statistics } = JSON.parse(
    (await campaign.llem('campaign', 'status', campaign.dir(), '--json')).stdout,
  )
  expect(statistics.boards.cycles_across).toContain(1)
  expect(await identitiesHere(campaign)).toEqual(identitiesOf(results))
  expect(processesWith(campaign.folder)).toEqual([])
})

/** The runs of a campaign, and what each is of. */
function identitiesOf(results: ReturnType<typeof resultsIn>): string[] {
  return [...results].map(([run, found]) => [run, ...found.map(({ hash }) => hash)].join(' ')).sort()
}

/** The same of the same file on this machine. */
async function identitiesHere(campaign: CampaignOnSlurm): Promise<string[]> {
  const results = join(campaign.folder, 'here')
  const path = join(campaign.folder, 'here.yaml')
  const text = readFileSync(campaign.path, 'utf8')
  writeFileSync(path, text.replace(/results_dir: .*(?= \})/, `results_dir: ${results}`))
  const env = { ...slurm.env, LLEM_CLAIMS_DIR: join(campaign.folder, 'claims-here') }
  mkdirSync(env.LLEM_CLAIMS_DIR)
  const ended = await llem(['campaign', path, '--simulate', campaign.boards, '--yes', '-q'], { env })
  expect(ended.code, ended.stderr).toBe(0)
  const [name = ''] = readdirSync(results)
  return identitiesOf(resultsIn(join(results, name)))
}

/** Status at this moment, which must be right: nothing that was completed is lost or was measured again. */
async function lookAt(campaign: CampaignOnSlurm, finished: Map<string, string>) {
  const status = await campaign.status()
  const { entries, counts } = status
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(24)
  const results = resultsIn(campaign.dir())
  for (const [run, id] of finished)
    expect(
      results.get(run)?.map((result) => result.id),
      run,
    ).toEqual([id])
  for (const entry of entries) {
    const run = `${entry.name}/cycle-${entry.cycle}`
    if (entry.status === 'completed') finished.set(run, results.get(run)?.[0]?.id ?? 'none')
    else expect(finished.has(run), `${run} was completed and is ${entry.status}`).toBe(false)
    if (entry.status === 'running') expect(entry.slurm?.node).toMatch(/^node0[12]$/)
  }
  return status
}

/** A run that is under way by its record, other than those, and is stopped, so that it does not end before it is ended. */
async function runningTask(
  campaign: CampaignOnSlurm,
  look: () => ReturnType<typeof lookAt>,
  ...others: ManifestEntry[]
): Promise<ManifestEntry> {
  for (let tries = 0; tries < 200; tries++) {
    const { entries } = await look()
    const found = entries.find(
      (entry) =>
        entry.status === 'running' &&
        entry.started_at !== null &&
        !others.some((other) => nameOf(other) === nameOf(entry)),
    )
    if (found !== undefined && signalled(campaign, found, 'SIGSTOP')) {
      if (!resultsIn(campaign.dir()).has(nameOf(found))) return found
      signalled(campaign, found, 'SIGCONT')
    }
    await sleep(100)
  }
  throw new Error(`no run is under way:\n${logsOf(campaign.dir())}`)
}

/** Whether its process was still there for it. */
function signalled(campaign: CampaignOnSlurm, entry: ManifestEntry, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(processOf(campaign, entry), signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    return false
  }
}

function processOf(campaign: CampaignOnSlurm, entry: ManifestEntry): number {
  const pid = latestClaim(folderOf(campaign, entry))?.pid
  if (pid === undefined) throw new Error(`nobody has claimed ${nameOf(entry)}`)
  return pid
}

function nameOf({ name, cycle }: ManifestEntry): string {
  return `${name}/cycle-${cycle}`
}

function entryOf(entries: readonly ManifestEntry[], wanted: ManifestEntry): ManifestEntry | undefined {
  return entries.find((entry) => nameOf(entry) === nameOf(wanted))
}

function errorOf(entries: readonly ManifestEntry[], wanted: ManifestEntry) {
  return entryOf(entries, wanted)?.error
}

function folderOf(campaign: CampaignOnSlurm, entry: ManifestEntry): string {
  return `${campaign.dir()}/runs/${nameOf(entry)}`
}
