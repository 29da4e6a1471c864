// Thousands of runs: few calls of sbatch, and a quick look. The queue is real; nothing of it is started.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { llem } from '../native/llem.js'
import { isNight } from '../setup/at-night.js'
import { campaignOn, cluster } from './cluster.js'
import { completeAll } from './completed.js'

vi.setConfig({ testTimeout: 180_000 })
const slurm = cluster({ options: { MaxJobCount: 12_000 } })
const RUNS = isNight ? 5000 : 1000

/**
 * The goal is 2 s of status on a machine that does nothing else. Processor time does not count what others take, but twice as
 * much of it goes by where two processes share a core.
 */
const MOST_CPU_S = 4

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
  const status = async (what: string, ...args: string[]) => {
    const { cpuS, env: told } = processorTime(join(campaign.folder, 'cpu'))
    const ended = await llem(['campaign', 'status', campaign.dir(), ...args], { env: { ...env, ...told } })
    console.log(`${what}: ${cpuS().toFixed(2)} s of processor time, ${ended.tookMs.toFixed(0)} ms`)
    expect(count('squeue') + count('sacct'), what).toBeLessThanOrEqual(2)
    expect(cpuS(), what).toBeLessThan(MOST_CPU_S)
    return ended.stdout
  }
  const submitted = await llem(['campaign', campaign.path, '--executor', 'slurm', '--simulate', '-q'], {
    env,
  })
  console.log(`submitted in ${submitted.tookMs.toFixed(0)} ms`)
  expect(submitted.stdout, submitted.stderr).toContain(`Submitted ${RUNS} runs as ${RUNS} tasks`)
  expect(count('sbatch')).toBeLessThanOrEqual(20)
  // The goal is 30 s on a machine that does nothing else.
  expect(submitted.tookMs).toBeLessThan(90_000)

  const waiting = JSON.parse(await status('status of waiting runs', '--json'))
  expect(waiting.counts.pending).toBe(RUNS)
  expect(waiting.state).toBe('waiting')

  expect((await campaign.llem('campaign', 'cancel', campaign.dir())).code).toBe(0)
  expect(await slurm.slurm('squeue', '--noheader', '--states=PENDING')).toBe('')

  await completeAll(campaign.dir())
  const completed = JSON.parse(await status('status of completed runs', '--json'))
  expect(completed.counts.completed).toBe(RUNS)
  expect(completed.state).toBe('completed')
  expect(completed.statistics.experiments).toHaveLength(RUNS)
  expect(completed.statistics.experiments.at(-1).e2e_p50_ms.n).toBe(1)
  expect(await status('their table')).toContain(`${RUNS} completed`)
})

/** What makes a node process tell how much processor time it took. */
function processorTime(path: string): { env: NodeJS.ProcessEnv; cpuS: () => number } {
  const script = `import { writeFileSync } from 'node:fs'
process.on('exit', () => writeFileSync(${JSON.stringify(path)}, JSON.stringify(process.cpuUsage())))`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}` }
  const cpuS = () => {
    const { user, system } = JSON.parse(readFileSync(path, 'utf8'))
    return (user + system) / 1e6
  }
  return { env, cpuS }
}
