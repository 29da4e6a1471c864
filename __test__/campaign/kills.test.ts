// kill -9 at random moments. LLEM_TEST_KILLS=200 for the whole of it, which takes ten minutes.

import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { randomOf } from '../native/scenario.js'
import { isNight } from '../setup/at-night.js'
import { campaignOf, processesWith, resultsIn, shortCampaign } from './running.js'

const KILLS = Number(process.env.LLEM_TEST_KILLS ?? (isNight ? 30 : 5))
const EXPERIMENTS = isNight ? 30 : 8

vi.setConfig({ testTimeout: 300_000 + KILLS * 5000 })

it(`${KILLS} times loses no finished result, repeats none and leaves no process`, async () => {
  const campaign = campaignOf(shortCampaign(EXPERIMENTS))
  const random = randomOf(11)
  let finished = new Map<string, string>()
  for (let kill = 0; kill < KILLS; kill++) {
    const { child, ended } = campaign.start('-q')
    await sleep(random() * (kill % 3 === 0 ? 600 : 2500))
    child.kill('SIGKILL')
    await ended
    const status = await campaign.status().catch((error: unknown) => error)
    // Before the first plan is written there is no campaign to speak of.
    if (status instanceof Error)
      expect(status.message).toMatch(/no such file|1 campaigns|CAMPAIGN_MISSING|ENOENT/)
    const now = new Map(
      [...safeResults(campaign)].map(([run, results]) => {
        expect(results, `${run} has one result`).toHaveLength(1)
        return [run, String(results[0]?.id)]
      }),
    )
    for (const [run, id] of finished) expect(now.get(run), `${run} keeps its result`).toBe(id)
    finished = now
  }
  expect(await campaign.run('-q')).toMatchObject({ code: 0 })
  const all = resultsIn(campaign.dir())
  for (const [run, id] of finished) expect(all.get(run)?.[0]?.id).toBe(id)
  // The same set as without a kill: every run once, each with the hash of its plan.
  const { entries, counts } = await campaign.status()
  expect(counts.completed).toBe(EXPERIMENTS)
  expect(all.size).toBe(EXPERIMENTS)
  for (const { name, hash } of entries)
    expect(all.get(`${name}/cycle-1`)?.map((result) => result.hash)).toEqual([hash])
  expect(await within(10_000, () => processesWith(campaign.resultsDir).length === 0)).toBe(true)
})

function safeResults(campaign: ReturnType<typeof campaignOf>) {
  try {
    return resultsIn(campaign.dir())
  } catch {
    return new Map<string, { id: string }[]>()
  }
}
