// What a large campaign costs. In processor time, which a busy machine does not stretch; LLEM_TEST_SCALE=1 runs it at
// the sizes of the promise (1,000 against 10,000 experiments, which takes minutes).

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { openCampaignFolder } from '../../dist/campaign/folder.js'
import type { CampaignPlan } from '../../dist/campaign/plan.js'
import { runCampaign } from '../../dist/campaign/run.js'
import type { Executor } from '../../dist/executors/executor.js'
import type { RunSummary } from '../../dist/executors/protocol.js'
import { scratchFolder } from '../native/scenario.js'
import { atNight, isNight } from '../setup/at-night.js'
import { PLAIN, UNTOLD } from './plain.js'
import { planned } from './written.js'

vi.setConfig({ testTimeout: 600_000 })

const FULL = process.env.LLEM_TEST_SCALE === '1'
const root = new URL('../../', import.meta.url).pathname

/** A campaign of so many experiments. */
function planOfSize(experiments: number): CampaignPlan {
  const seeds = Array.from({ length: experiments }, (_, index) => index)
  return planned(`campaign_name: large
model: m.gguf
grid: { shared: { generation.seed: [${seeds.join(', ')}] } }
execution: { cycles: 1, config_gap_seconds: 0, cycle_gap_seconds: 0 }
`)
}

const summary: RunSummary = {
  ...UNTOLD,
  experiment_id: 'x',
  result_path: '/nowhere/result.json',
  config_hash: 'x',
  energy_j: 1,
  energy_problem: null,
  energy_reason: null,
  energy_per_output_token_j: 1,
  tokens_per_second: 1,
  output_tokens: 1,
  inference_s: 1,
  e2e_p50_ms: 1,
  warnings: 0,
  load_s: null,
  load_energy_j: null,
  disk_bytes: 1,
}

/** Runs experiments in no time: what is left is what the campaign itself costs. */
function instantly(onRun: () => void = () => undefined): Executor {
  return {
    name: 'instant',
    run: async () => {
      onRun()
      return summary
    },
    close: async () => undefined,
    responds: async () => null,
    restart: async () => undefined,
  }
}

function run(plan: CampaignPlan, dir: string, executor: Executor, signal?: AbortSignal) {
  return runCampaign(plan, {
    dir,
    executor,
    ...PLAIN,
    signal,
  })
}

function cpuS(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since)
  return (user + system) / 1e6
}

const POINTS = isNight ? 100_000 : 20_000

it(`${POINTS} points are planned and written in 1 GiB, 100,000 in 14 s of CPU time`, () => {
  const folder = scratchFolder()
  const list = (count: number) => Array.from({ length: count }, (_, index) => index + 1).join(', ')
  writeFileSync(
    join(folder, 'campaign.yaml'),
    `campaign_name: big
grid:
  models: [a.gguf, b.gguf, c.gguf, d.gguf]
  shared:
    generation.max_tokens: [${list(POINTS / 4000)}]
    generation.seed: [${list(10)}]
    n_prompts: [${list(10)}]
    llamacpp.threads: [${list(10)}]
io: { results_dir: ${folder}/results }
`,
  )
  const code = `
import { loadCampaign } from ${JSON.stringify(`${root}dist/config/load-campaign.js`)}
import { planOf } from ${JSON.stringify(`${root}dist/campaign/plan.js`)}
import { openCampaignFolder } from ${JSON.stringify(`${root}dist/campaign/folder.js`)}
const campaign = loadCampaign({ path: ${JSON.stringify(`${folder}/campaign.yaml`)} })
if (!campaign.ok) throw new Error(JSON.stringify(campaign.problems))
const plan = planOf(campaign)
await openCampaignFolder(campaign.keys.io.results_dir, plan)
const { user, system } = process.cpuUsage()
console.log(JSON.stringify({
  experiments: plan.experiments.length,
  names: new Set(plan.experiments.map(({ name }) => name)).size,
  cpu_s: (user + system) / 1e6,
  rss_mib: process.resourceUsage().maxRSS / 1024,
}))`
  const told = JSON.parse(
    execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }),
  )
  console.info(`${POINTS} points: ${JSON.stringify(told)}`)
  expect(told).toMatchObject({ experiments: POINTS, names: POINTS })
  if (isNight) expect(told.cpu_s).toBeLessThan(14)
  expect(told.rss_mib).toBeLessThan(1024)
})

atNight('a finished experiment costs no more in a large campaign than in a small one', async () => {
  const sizes = FULL ? [1000, 10_000] : [300, 3000]
  const costs: number[] = []
  // The first pays for compiling; it does not count.
  for (const size of [100, ...sizes]) {
    const plan = planOfSize(size)
    const dir = await openCampaignFolder(scratchFolder(), plan)
    const before = process.cpuUsage()
    const { counts } = await run(plan, dir, instantly())
    costs.push((cpuS(before) / size) * 1e6)
    expect(counts.completed).toBe(size)
  }
  const [, small = 0, large = 0] = costs
  console.info(`per experiment: ${small.toFixed(0)} us of ${sizes[0]}, ${large.toFixed(0)} us of ${sizes[1]}`)
  // 20 % is promised; a machine that is busy with other tests adds noise of its own to the shorter one.
  expect(large / small).toBeLessThan(FULL ? 1.2 : 1.5)
})

it('10,000 experiments with 9,000 done go on within 2 s of CPU time, or 15 times what reading their records takes', async () => {
  const [size, done] = [10_000, 9000]
  const plan = planOfSize(size)
  const dir = await openCampaignFolder(scratchFolder(), plan)
  for (const { name } of plan.experiments.slice(0, done)) {
    const folder = join(dir, 'runs', name, 'cycle-1')
    mkdirSync(join(folder, 'x'), { recursive: true })
    writeFileSync(join(folder, 'x', 'result.json'), '{}')
    writeFileSync(
      join(folder, 'run.json'),
      JSON.stringify({
        status: 'completed',
        started_at: '2026-01-01T00:00:00Z',
        completed_at: '2026-01-01T00:01:00Z',
        result_path: `runs/${name}/cycle-1/x/result.json`,
        error: null,
        attempts: 1,
        summary,
      }),
    )
  }
  // What this processor makes of it beside other tests.
  const reading = process.cpuUsage()
  for (const { name } of plan.experiments.slice(0, done))
    JSON.parse(readFileSync(join(dir, 'runs', name, 'cycle-1', 'run.json'), 'utf8'))
  const readingS = cpuS(reading)
  const controller = new AbortController()
  const before = process.cpuUsage()
  const startMs = performance.now()
  let begun: { cpu: number; wall: number } | undefined
  const executor = instantly(() => {
    begun ??= { cpu: cpuS(before), wall: (performance.now() - startMs) / 1000 }
    controller.abort(new Error('enough'))
  })
  await expect(run(plan, dir, executor, controller.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' })
  console.info(
    `first of 1,000 left: ${JSON.stringify(begun)}, where reading the records takes ${readingS.toFixed(2)} s`,
  )
  expect(begun?.cpu).toBeLessThan(isNight ? 2 : Math.max(2, 15 * readingS))
})
