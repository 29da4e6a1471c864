// Thousands of runs: few calls of sbatch, and a quick look. The queue is real; nothing of it is started.

import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it, vi } from 'vitest'
import { campaignOn, cluster } from './cluster.js'

vi.setConfig({ testTimeout: 180_000 })
const slurm = cluster({ options: { MaxJobCount: 12_000 } })
const RUNS = 5000

it(`submits ${RUNS} runs with at most 20 calls of sbatch, and tells how far they are`, async () => {
  const campaign = campaignOn(slurm, { experiments: RUNS, slurm: 'sbatch_args: [--begin=now+1hour]' })
  // Counts what is called, and calls it.
  const bin = join(campaign.folder, 'bin')
  const calls = join(campaign.folder, 'calls')
  mkdirSync(bin)
  for (const name of ['sbatch', 'squeue', 'sacct', 'scontrol'])
    writeFileSync(
      join(bin, name),
      `#!/bin/sh\necho ${name} >> ${calls}\nPATH=/usr/bin:/bin exec ${name} "$@"\n`,
      { mode: 0o755 },
    )
  const count = (name: string) => {
    const lines = readFileSync(calls, 'utf8').split('\n')
    writeFileSync(calls, '')
    return lines.filter((line) => line === name).length
  }
  const env = { ...slurm.env, PATH: `${bin}:${process.env.PATH}` }
  const { llem } = await import('../native/llem.js')
  const submitted = await llem(['campaign', campaign.path, '--executor', 'slurm', '--simulate', '-q'], {
    env,
  })
  console.log(`submitted in ${submitted.tookMs.toFixed(0)} ms`)
  expect(submitted.stdout, submitted.stderr).toContain(`Submitted ${RUNS} runs as ${RUNS} tasks`)
  expect(count('sbatch')).toBeLessThanOrEqual(20)
  // The goal is 30 s on a machine that does nothing else.
  expect(submitted.tookMs).toBeLessThan(90_000)
  const status = await llem(['campaign', 'status', campaign.dir(), '--json'], { env })
  console.log(`status in ${status.tookMs.toFixed(0)} ms`)
  const { counts, state } = JSON.parse(status.stdout)
  expect(counts.pending).toBe(RUNS)
  expect(state).toBe('waiting')
  expect(count('squeue')).toBeLessThanOrEqual(2)
  // The goal is 2 s.
  expect(status.tookMs).toBeLessThan(10_000)
  expect((await campaign.llem('campaign', 'cancel', campaign.dir())).code).toBe(0)
  const { stdout } = await promisify(execFile)('squeue', ['--noheader', '--states=PENDING'], {
    env: { ...process.env, ...slurm.env },
  })
  expect(stdout).toBe('')
})
