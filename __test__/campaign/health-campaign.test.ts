// Whole campaigns in which something goes wrong or is watched: the built CLI, real experiments, the simulated driver.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import { runCampaign } from '../../dist/campaign/run.js'
import { campaignKeysSchema } from '../../dist/config/schema-campaign.js'
import { LocalExecutor } from '../../dist/executors/local.js'
import { GpuWatch } from '../../dist/native/health.js'
import { simulate } from '../../dist/native/simulation.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { within } from '../backends/processes.js'
import { childrenOf, HOME } from '../cli/experiment.js'
import { recorder } from '../experiment/recorder.js'
import { gpu, nowNs, scenarioFile, scratchFolder, uuidOf } from '../native/scenario.js'
import { atNight } from '../setup/at-night.js'
import { campaignOf, resultsIn, shortCampaign } from './running.js'
import { planned } from './written.js'

vi.setConfig({ testTimeout: 120_000 })

const STEADY = [{ for_s: 1, w: 300 }]
/** Long enough to have an energy. */
const LONG_ENOUGH = 'n_prompts: 150'

function resultsOf(dir: string): ExperimentResult[] {
  return [...resultsIn(dir).values()]
    .flat()
    .map(({ path }) => JSON.parse(readFileSync(path, 'utf8')) as ExperimentResult)
    .sort((a, b) => a.started_at.localeCompare(b.started_at))
}

function checksIn(dir: string) {
  return readFileSync(join(dir, 'health.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

function childrenIfAny(pid: number): number[] {
  try {
    return childrenOf(pid)
  } catch {
    return []
  }
}

describe('a campaign that loses its GPU', () => {
  it('pauses with the reason instead of failing run after run', async () => {
    const faults = [{ call: 'all', error: 'gpu_is_lost', from_s: 8 }]
    const scenario = scenarioFile([gpu(0, STEADY, { faults })], nowNs())
    const campaign = campaignOf(shortCampaign(60))
    const { code, stderr } = await campaign.run('--simulate', scenario)
    expect(code).toBe(1)
    expect(stderr).toMatch(/\nPaused: GPU 0 \(GPU-\S+\) is lost: .*\. Run it again to go on\.\n/)
    const { state, reason, counts } = await campaign.status()
    expect(state).toBe('paused')
    expect(reason).toContain('is lost')
    expect(counts.failed).toBeLessThanOrEqual(1)
    expect(counts.pending).toBeGreaterThan(0)
    expect(checksIn(campaign.dir()).at(-1)).toMatchObject({ action: 'pause', healthy: false })
  })

  it('in a run that is completed without energy pauses after it, and counts it as done', async () => {
    const energy = campaignOf(shortCampaign(8).replace('n_prompts: 2', LONG_ENOUGH))
    const scenario = scenarioFile([gpu(0, STEADY)], nowNs())
    const { ended } = energy.start('--simulate', scenario)
    const done = () => {
      try {
        return resultsIn(energy.dir()).size >= 2
      } catch {
        return false
      }
    }
    expect(await within(60_000, done)).toBe(true)
    // Each experiment opens the driver anew, which then reads this.
    const faults = ['power', 'fields', 'energy'].map((call) => ({ call, error: 'gpu_is_lost' }))
    writeFileSync(scenario, JSON.stringify({ version: 1, devices: [gpu(0, STEADY, { faults })] }))
    const { code } = await ended
    const { state, reason, counts, without_energy, entries } = await energy.status()
    expect(code).toBe(1)
    expect({ state, reason }).toEqual({
      state: 'paused',
      reason: 'a GPU is lost, so the last run has no energy',
    })
    expect(counts.failed).toBe(0)
    expect(counts.completed).toBeGreaterThanOrEqual(3)
    expect(counts.pending).toBeGreaterThan(0)
    expect(without_energy).toBe(1)
    const last = entries.filter(({ status }) => status === 'completed').at(-1)
    expect(last?.result_path).not.toBeNull()
  })
})

describe('the model of a campaign', () => {
  const two = shortCampaign(1, 'cycles: 2').replace('n_prompts: 2', LONG_ENOUGH)

  it('is kept by default, and only the first run has the energy of a load', async () => {
    const campaign = campaignOf(two)
    // Elsewhere the tests hide who else polls a simulated GPU: other tests.
    vi.stubEnv('LLEM_PROC_ROOT', '/proc')
    const { child, ended } = campaign.start()
    vi.unstubAllEnvs()
    const { stdout, code } = await ended
    expect(code).toBe(0)
    const [first, ...others] = resultsOf(campaign.dir())
    expect(first?.load).toMatchObject({ kept: false })
    expect(first?.load?.seconds).toBeGreaterThan(0)
    expect(others.map(({ load }) => load)).toMatchObject([
      {
        kept: true,
        seconds: null,
        energy_j: null,
        reason: 'the model was kept from the experiment before',
      },
    ])
    expect(new Set(resultsOf(campaign.dir()).map((each) => each.process_results[0]?.pid)).size).toBe(1)
    expect(stdout).toMatch(/^Campaign short: completed: 2 completed\n/)
    // The campaign looks at the GPUs between runs only, and no result says that somebody polls them.
    for (const { energy } of resultsOf(campaign.dir()))
      expect(energy?.contamination.other_samplers?.map(({ pid }) => pid)).not.toContain(child.pid)
    for (const { energy } of resultsOf(campaign.dir()))
      expect(energy?.contamination.other_samplers).not.toBeNull()
    const checks = checksIn(campaign.dir())
    expect(checks.map(({ after }) => after.split(',')[0])).toEqual([
      'the start of the campaign',
      ...Array(2).fill('a cycle'),
    ])
    for (const check of checks) expect(check).toMatchObject({ healthy: true, restarts: 0 })
  })

  atNight(
    'started cold is loaded by a new worker of a new runner each time, and each load has its energy',
    async () => {
      const campaign = campaignOf(two)
      const { child, ended } = campaign.start('--force-cold-start')
      const runners = new Set<number>()
      const timer = setInterval(() => {
        try {
          for (const pid of childrenOf(child.pid)) runners.add(pid)
        } catch {
          // It has ended.
        }
      }, 20)
      const { code, stdout } = await ended.finally(() => clearInterval(timer))
      expect(code).toBe(0)
      const results = resultsOf(campaign.dir())
      const workers = results.map((each) => each.process_results[0]?.pid)
      expect(new Set(workers).size).toBe(2)
      expect(runners.size).toBe(2)
      for (const { load } of results) {
        expect(load).toMatchObject({ kept: false })
        expect(load?.seconds).toBeGreaterThan(0)
        expect(load?.window).not.toBeNull()
      }
      if (results.every(({ load }) => load?.energy_j !== null)) expect(stdout).toMatch(/load \(J\)/)
    },
  )
})

it('the bar of a campaign tells the power now and the quoted joules per token of the experiment so far', async () => {
  const library = simulate(scenarioFile([gpu(0, STEADY), gpu(1, STEADY)], nowNs()))
  const resultsDir = scratchFolder()
  const plan = planned(shortCampaign(3).replace('n_prompts: 2', LONG_ENOUGH))
  const dir = await openCampaignFolder(resultsDir, plan)
  const { observer, stretches } = recorder()
  const keys = campaignKeysSchema.parse({ campaign_name: 'x' })
  const watch = await GpuWatch.open(
    [0, 1].map((index) => ({ index, uuid: uuidOf(index) })),
    library,
  )
  for (const [name, value] of Object.entries(HOME)) vi.stubEnv(name, value)
  const manifest = await runCampaign(plan, {
    dir,
    executor: new LocalExecutor(join(dir, 'runner.lock')),
    simulate: String(process.env.LLEM_NVML_SIM),
    coldStart: false,
    restartContainer: false,
    retryFailed: false,
    observer,
    signal: undefined,
    warmestC: async () => null,
    healthCheck: keys.health_check,
    gpus: { watch, reason: null },
  }).finally(() => {
    watch.close()
    vi.unstubAllEnvs()
  })
  expect(manifest).toMatchObject({ state: 'completed', counts: { completed: 3 } })
  const results = resultsOf(dir)
  const bar = stretches.filter((line) => line.startsWith('Campaign '))
  expect(bar.some((line) => /Measuring \d+\/150 \(.*\), 600 W/.test(line))).toBe(true)
  expect(results.map(({ energy_reason }) => energy_reason)).toEqual([null, null, null])
  expect(results.every(({ total_energy_j }) => total_energy_j !== null)).toBe(true)
  // Different experiments are no repetitions of one another: each has its own.
  for (const { quoted } of results)
    expect(
      bar.some((line) => line.includes(`, ${Number(quoted?.value).toPrecision(4)} J/output token in 1 run`)),
    ).toBe(true)
  // Twice a second at most, so a value stays for many prompts.
  const seen = bar.filter((line) => / W/.test(line)).length
  expect(seen).toBeGreaterThan(10)
})

it('a disk that is full pauses the campaign, which goes on when there is room', (context) => {
  const wrapper = ['unshare', '--user', '--map-root-user', '--mount']
  const disk = scratchFolder()
  const folder = scratchFolder()
  const bin = new URL('../../bin/llem.js', import.meta.url).pathname
  const campaign = join(folder, 'campaign.yaml')
  writeFileSync(campaign, `${shortCampaign(12)}\nio: { results_dir: ${disk}/results }\n`)
  const script = join(folder, 'script.sh')
  const inDisk = (text: string) => {
    writeFileSync(script, `mount -t tmpfs -o size=300k none ${disk} || exit 99\n${text}`)
    const [program, ...args] = [...wrapper, 'sh', script]
    return spawnSync(String(program), args, {
      encoding: 'utf8',
      env: { ...process.env, ...HOME, llem: `${process.execPath} ${bin}` },
    })
  }
  if (inDisk('').status !== 0) context.skip('a small disk cannot be mounted here')
  const { stdout, stderr } = inDisk(`
$llem campaign ${campaign} --simulate --yes; echo "exit $?"
dd if=/dev/zero of=${disk}/filled bs=1k count=1000 2> /dev/null
echo -----
$llem campaign status ${disk}/results/*
echo -----
mount -o remount,size=20m ${disk}
$llem campaign ${campaign} --simulate --yes; echo "exit $?"`)
  expect(stderr).toMatch(/Paused: the disk is full\. Run it again to go on\./)
  const [first = '', status = '', second = ''] = stdout.split('-----\n')
  expect(first).toMatch(/^Campaign short: paused \(the disk is full\): \d+ pending, \d+ failed/)
  expect(first).toMatch(/exit 1\n$/)
  // What the folder says by itself, with no room for a byte more.
  expect(status).toMatch(/^Campaign short: paused \(the disk is full\): \d+ pending, \d+ failed/)
  expect(second).toMatch(/^Campaign short: completed: 12 completed \(\d+ without energy\)\n/)
  expect(second).toMatch(/exit 0\n$/)
})

it('runs that the kernel ends for want of memory pause the campaign, which says so', async () => {
  // The kernel's counter, as proc_vmstat(5) has it: no test may bring the machine it runs on out of memory.
  const proc = scratchFolder()
  const kills = (count: number) => writeFileSync(join(proc, 'vmstat'), `pgfault 9\noom_kill ${count}\n`)
  kills(7)
  vi.stubEnv('LLEM_PROC_ROOT', proc)
  const campaign = campaignOf(
    shortCampaign(6, 'cycles: 1, max_equal_failures: 2').replace('n_prompts: 2', 'n_prompts: 3000'),
  )
  const { child, ended } = campaign.start()
  vi.unstubAllEnvs()
  const killed = new Set<number>()
  for (const count of [8, 9]) {
    // A runner that has a worker.
    const next = () => childrenOf(child.pid).find((pid) => !killed.has(pid) && childrenIfAny(pid).length > 0)
    expect(await within(30_000, () => next() !== undefined)).toBe(true)
    const runner = Number(next())
    kills(count)
    process.kill(runner, 'SIGKILL')
    killed.add(runner)
  }
  const { code, stderr } = await ended
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /\nPaused: 2 runs in a row failed: the machine ran out of memory: the experiment worker was killed by SIGKILL .* \[OUT_OF_MEMORY\]\. Run/,
  )
  expect((await campaign.status()).counts).toMatchObject({ failed: 2, pending: 4 })
})
