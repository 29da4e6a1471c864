// Eight nodes, and the runs of each cycle on one board. LLEM_TEST_SLURM_CYCLES=50 for a hundred runs, which takes minutes.

import { expect, it, vi } from 'vitest'
import type { ManifestEntry } from '../../dist/campaign/manifest.js'
import { resultsIn } from '../campaign/running.js'
import { campaignOn, cluster, logsOf } from './cluster.js'

const CYCLES = Number(process.env.LLEM_TEST_SLURM_CYCLES ?? 3)
vi.setConfig({ testTimeout: 120_000 + CYCLES * 20_000 })
const slurm = cluster({ nodes: 8, gpus: 2 })

it(`${2 * CYCLES} runs on 8 nodes, of which those of a cycle share a board`, async () => {
  const campaign = campaignOn(slurm, {
    experiments: 2,
    execution: `cycles: ${CYCLES}`,
    slurm: 'pair_on: board, max_parallel: 8, exclusive: true',
  })
  const submitted = await campaign.submit()
  expect(submitted.stdout, submitted.stderr).toContain(`Submitted ${2 * CYCLES} runs as ${CYCLES} tasks`)
  const ended = await campaign.wait()
  expect(ended.code, `${ended.stderr}\n${logsOf(campaign.dir())}`).toBe(0)
  expect(ended.stdout).toContain('The runs of each cycle were on one board')
  const { entries, counts } = await campaign.status()
  expect(counts.completed).toBe(2 * CYCLES)
  for (const results of resultsIn(campaign.dir()).values()) expect(results).toHaveLength(1)
  const nodesOf = (wanted: number) =>
    entries.filter(({ cycle }) => cycle === wanted).map(({ place }: ManifestEntry) => place?.node)
  for (let cycle = 1; cycle <= CYCLES; cycle++) expect(new Set(nodesOf(cycle)).size).toBe(1)
  // What reads a campaign of this machine reads this one.
  const reported = await campaign.llem('report', campaign.dir(), '-o', `${campaign.folder}/page.html`)
  expect(reported.code, reported.stderr).toBe(0)
  const exported = await campaign.llem('export', campaign.dir(), '-o', `${campaign.folder}/runs.csv`)
  expect(exported.code, exported.stderr).toBe(0)
})

it('a node on which run after run fails is left out, and what failed there is done elsewhere', async () => {
  // Not at once: it would have failed with all before another node has done anything.
  const broken = '[ $SLURMD_NODENAME != node02 ] || { sleep 3; export XDG_DATA_HOME=/nowhere; }'
  const campaign = campaignOn(slurm, {
    experiments: 10,
    execution: 'cycles: 1, max_equal_failures: 100',
    slurm: 'exclude: "node[03-08]"',
    setup: [broken],
  })
  expect((await campaign.submit()).code).toBe(0)
  expect((await campaign.wait()).code).toBe(1)
  expect(logsOf(campaign.dir())).toContain('3 failures in a row on node02: it is excluded')
  const before = await campaign.status()
  expect(before.counts.completed).toBeGreaterThan(0)
  expect(before.counts.completed + before.counts.failed).toBe(10)
  const again = await campaign.submit()
  expect(again.stdout, again.stderr).toContain(`Submitted ${before.counts.failed} runs`)
  expect((await campaign.wait()).code, logsOf(campaign.dir())).toBe(0)
  const { entries } = await campaign.status()
  expect(new Set(entries.map(({ status, place }) => `${status} on ${place?.node}`))).toEqual(
    new Set(['completed on node01']),
  )
})
