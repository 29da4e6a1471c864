// A cluster with accounting: what sacct really answers of tasks that squeue has forgotten.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'
import type { Manifest, ManifestEntry } from '../../dist/campaign/manifest.js'
import { latestClaim } from '../../dist/slurm/claim.js'
import { llem } from '../native/llem.js'
import { campaignOn, cluster, logsOf } from './cluster.js'

vi.setConfig({ testTimeout: 120_000 })
const slurm = cluster({ accounting: true })

it('what squeue has forgotten sacct tells: who was killed, cancelled while it ran, and cancelled before', async () => {
  const campaign = campaignOn(slurm, { experiments: 4 })
  expect((await campaign.submit()).stdout).toContain('Submitted 4 runs')
  const running = async (): Promise<ManifestEntry[]> => {
    for (;;) {
      const { entries, counts } = await campaign.status()
      const begun = entries.filter(({ status, started_at }) => status === 'running' && started_at !== null)
      if (begun.length === 2) return begun
      expect(counts.completed + counts.failed, logsOf(campaign.dir())).toBe(0)
      await sleep(100)
    }
  }
  const [killed, cancelled] = await running()
  const waiting = (await campaign.status()).entries.at(-1)
  await slurm.slurm('scancel', waiting?.slurm?.task ?? '', cancelled?.slurm?.task ?? '')
  process.kill(latestClaim(join(campaign.dir(), 'runs', killed?.name ?? '', 'cycle-1'))?.pid ?? 0, 'SIGKILL')
  await campaign.wait()

  // A squeue that knows nothing any more, as Slurm's does five minutes after a job.
  const bin = join(campaign.folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'squeue'), '#!/bin/sh\nexit 0\n', { mode: 0o755 })
  const env = { ...slurm.env, PATH: `${bin}:${process.env.PATH}` }
  const told = async (): Promise<Manifest> =>
    JSON.parse((await llem(['campaign', 'status', campaign.dir(), '--json'], { env })).stdout)
  const of = ({ entries }: Manifest, wanted: ManifestEntry | undefined) =>
    entries.find(({ name }) => name === wanted?.name)
  // slurmctld tells slurmdbd a little later.
  let seen = await told()
  while (
    of(seen, killed)?.error?.code !== 'SLURM_FAILED' ||
    of(seen, cancelled)?.error?.code !== 'SLURM_CANCELLED'
  ) {
    await sleep(300)
    seen = await told()
  }
  expect(of(seen, killed)?.error?.message).toMatch(/on node01 with FAILED, exit code \d+:\d+/)
  expect(of(seen, cancelled)).toMatchObject({
    status: 'failed',
    slurm: { state: 'CANCELLED', node: 'node01' },
  })
  // Slurm keeps no account of what never began.
  expect(of(seen, waiting)).toMatchObject({ status: 'pending', error: null, slurm: { state: null } })
  expect(seen.reason).toContain('3 runs are not completed')
  expect(seen.counts).toMatchObject({ completed: 1, failed: 2, pending: 1 })
})
