// Slurm's controller is killed, and comes back with what it wrote down last, which is up to five seconds old. What Slurm has lost
// then, llem says, and mends with the command that submitted it.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { endController, startController } from '../../scripts/slurm-cluster.mjs'
import { processesWith, resultsIn } from '../campaign/running.js'
import { type CampaignOnSlurm, campaignOn, cluster } from './cluster.js'

vi.setConfig({ testTimeout: 180_000 })
const slurm = cluster({ nodes: 2, gpus: 2 })
const RUNS = 6
/** A node keeps the number of a job so long after the controller has ended it (cred_expire of the tests' cluster). */
const CREDENTIAL_MS = 11_000

it('a controller that is killed loses nothing and repeats nothing, whatever it has forgotten', async () => {
  const campaign = campaignOn(slurm, { experiments: RUNS })
  expect((await campaign.submit()).stdout).toContain(`Submitted ${RUNS} runs`)
  const finished = new Map<string, string>()
  await underWay(campaign, finished)
  // Nothing is written down of these seconds: in what it knows its jobs are still held.
  await endController(slurm.folder, { signal: 'SIGKILL' })
  const without = await campaign.llem('campaign', 'status', campaign.dir(), '--json')
  expect(without.stderr).toContain('Slurm could not be asked')
  expect(JSON.parse(without.stdout).entries).toHaveLength(RUNS)
  await startController(slurm.folder)
  const released = await submitAgain(campaign, finished)
  expect(released.stderr + released.stdout).toMatch(/Released: \d tasks that were held|Nothing to submit/)

  // Now it has no job at all, and gives their numbers anew.
  await endController(slurm.folder, { signal: 'SIGKILL', losesJobs: true })
  await startController(slurm.folder)
  // What shows life runs; of what does not, that nobody will do it.
  const lost = await looked(campaign, finished)
  if (lost.counts.pending > 0)
    expect(lost.reason).toMatch(/have no task: submit again: llem campaign FILE --executor slurm/)
  await submitAgain(campaign, finished)
  while ((await looked(campaign, finished)).counts.completed < RUNS) {
    // Nodes know the numbers already: Slurm holds the tasks, and drains the nodes. That is told, and mended, in this order.
    const { stderr } = await campaign.llem('campaign', 'status', campaign.dir())
    if (/tasks? (is|are) held/.test(stderr)) await sleep(CREDENTIAL_MS)
    if (/tasks? (is|are) held/.test(stderr) || (await drainedNodes()).length > 0)
      await submitAgain(campaign, finished)
    await sleep(500)
  }
  expect((await campaign.wait()).code).toBe(0)
  const { state, counts, entries } = await looked(campaign, finished)
  expect({ state, completed: counts.completed }).toEqual({ state: 'completed', completed: RUNS })
  const results = resultsIn(campaign.dir())
  expect([...results.values()].map((each) => each.length)).toEqual(Array(RUNS).fill(1))
  expect(entries.every(({ place }) => /^node0[12]$/.test(place?.node ?? ''))).toBe(true)
  expect(processesWith(campaign.folder)).toEqual([])
})

/** Status, in which nothing that was completed may be lost or measured again. */
async function looked(campaign: CampaignOnSlurm, finished: Map<string, string>) {
  const status = await campaign.status()
  const results = resultsIn(campaign.dir())
  for (const { name, cycle, status: now } of status.entries) {
    const run = `${name}/cycle-${cycle}`
    const id = results.get(run)?.[0]?.id
    if (finished.has(run)) expect([now, id], run).toEqual(['completed', finished.get(run)])
    if (now === 'completed') finished.set(run, id ?? 'none')
  }
  return status
}

/** Until a run is under way, or none is left. */
async function underWay(campaign: CampaignOnSlurm, finished: Map<string, string>): Promise<void> {
  for (;;) {
    const { entries, counts } = await looked(campaign, finished)
    if (counts.completed === RUNS) return
    if (entries.some(({ status, started_at }) => status === 'running' && started_at !== null)) return
    await sleep(100)
  }
}

async function submitAgain(campaign: CampaignOnSlurm, finished: Map<string, string>) {
  await looked(campaign, finished)
  // The administrator's part, where Slurm has drained nodes for a number that they have twice.
  for (const node of await drainedNodes())
    await slurm.slurm('scontrol', 'update', `NodeName=${node}`, 'State=RESUME')
  // Not quiet: it says what it has released.
  const again = await campaign.llem(
    'campaign',
    campaign.path,
    '--executor',
    'slurm',
    '--simulate',
    campaign.boards,
  )
  expect(again.code, again.stderr).toBe(0)
  return again
}

async function drainedNodes(): Promise<string[]> {
  const drained = await slurm.slurm('sinfo', '--noheader', '--states=drain,drained,draining', '--format=%n')
  return [...new Set(drained.split('\n').filter((name) => name !== ''))]
}
