// Slurm suspends a task while it measures, as gang scheduling does: what comes of it is no measurement.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import { within } from '../backends/processes.js'
import { campaignOn, cluster, logsOf } from './cluster.js'

vi.setConfig({ testTimeout: 120_000 })
const slurm = cluster()

it('a run that was suspended while it was measured fails, and keeps what was measured beside', async () => {
  const campaign = campaignOn(slurm, { experiments: 1 })
  const text = readFileSync(campaign.path, 'utf8')
  // Some seconds of inference.
  writeFileSync(campaign.path, text.replace('n_prompts: 2', 'n_prompts: 600'))
  expect((await campaign.submit()).stdout).toContain('Submitted 1 runs')
  const attempts = () => {
    const runs = join(campaign.dir(), 'runs')
    if (!existsSync(runs)) return []
    const cycles = readdirSync(runs).map((name) => join(runs, name, 'cycle-1'))
    return cycles.flatMap((cycle) =>
      readdirSync(cycle, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(({ name }) => join(cycle, name)),
    )
  }
  // Its samples are written from the beginning of the window on.
  const isMeasured = () =>
    attempts().some((folder) => readdirSync(folder).some((name) => name.startsWith('samples.parquet')))
  expect(await within(60_000, isMeasured), logsOf(campaign.dir())).toBe(true)
  const task = (await campaign.status()).entries[0]?.slurm?.task ?? ''
  await slurm.slurm('scontrol', 'suspend', task)
  expect((await campaign.status()).entries[0]?.slurm?.state).toBe('SUSPENDED')
  // What makes it a pause is that time goes by.
  await sleep(1500)
  await slurm.slurm('scontrol', 'resume', task)
  expect((await campaign.wait()).code).toBe(1)
  const { entries } = await campaign.status()
  expect(entries[0], logsOf(campaign.dir())).toMatchObject({
    status: 'failed',
    error: { code: 'RUN_SUSPENDED', message: expect.stringMatching(/was suspended for \d+\.\d s/) },
  })
  const [folder = ''] = attempts()
  expect(JSON.parse(readFileSync(join(folder, 'incomplete.json'), 'utf8'))).toMatchObject({
    error: expect.stringMatching(/was suspended/),
    energy: {
      findings: expect.arrayContaining([expect.objectContaining({ code: 'measurement_suspended' })]),
    },
  })
})
