// What the command line does, for a program: campaigns, and the parts that it is made of.

import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CampaignConfig,
  campaignStatus,
  estimateFlopsPalm,
  measurementWarnings,
  modelFacts,
  planCampaign,
  quotedNumbers,
  readResult,
  repeated,
  runCampaign,
  selectEnergyBackend,
  studentInterval,
  warmupUntilConverged,
} from 'llem'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { quickDataDir, quickLlamacpp } from '../backends/quick-llamacpp.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { gpu, scenarioFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const folder = scratchFolder()
const model = tinyModel(folder, 'tiny')
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])

const campaign = (): CampaignConfig => ({
  campaign_name: 'library',
  model,
  n_prompts: 10,
  llamacpp: { threads: 1, context_size: 512 },
  generation: { ignore_eos: true },
  baseline: { enabled: false },
  warmup: { enabled: false },
  grid: { shared: { 'generation.max_tokens': [200, 300] } },
  execution: { cycles: 2, config_gap_seconds: 0, cycle_gap_seconds: 0 },
  health_check: { enabled: false },
  io: { results_dir: join(folder, 'results') },
})

beforeAll(async () => {
  await quickLlamacpp()
  mkdirSync(join(folder, 'data'))
  symlinkSync(quickDataDir, join(folder, 'data/llem'))
}, 180_000)

afterEach(() => vi.unstubAllEnvs())

describe('a campaign of a program', () => {
  it('is planned as the file of a person is', () => {
    const plan = planCampaign(campaign(), { cycles: 3, order: 'grouped' })
    expect(plan.experiments).toHaveLength(2)
    expect(plan.execution).toMatchObject({ cycles: 3, structure: 'grouped' })
    expect(planCampaign(campaign()).campaign_hash).toBe(planCampaign(campaign()).campaign_hash)
  })

  it('is refused with all that is wrong with it', () => {
    const wrong = { ...campaign(), n_promts: 3, execution: { cycels: 2 } } as unknown as CampaignConfig
    expect(() => planCampaign(wrong)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/cycels[\s\S]*n_promts|n_promts[\s\S]*cycels/),
      }),
    )
  })

  it('is run, and summed up by what is quoted of its results; run again it does nothing', async () => {
    vi.stubEnv('XDG_DATA_HOME', join(folder, 'data'))
    vi.stubEnv('XDG_CACHE_HOME', join(folder, 'cache'))
    const { dir, manifest, statistics } = await runCampaign(campaign(), { simulate: scenario })
    expect(manifest).toMatchObject({ state: 'completed', counts: { completed: 4, failed: 0 } })
    expect(statistics.experiments).toHaveLength(2)
    for (const [index, { name, energy_per_output_token_j: joules }] of statistics.experiments.entries()) {
      const own = manifest.entries.filter((entry) => entry.name === name)
      const quoted = own.map(({ result_path }) => {
        const { kind, content } = readResult(join(dir, String(result_path), '..'))
        if (kind !== 'run') throw new Error(`experiment ${index} is a command`)
        return quotedNumbers(content).quoted.value
      })
      expect([joules?.min, joules?.max]).toEqual([...quoted].sort((a, b) => Number(a) - Number(b)))
    }
    const again = await runCampaign(campaign(), { simulate: scenario })
    expect(again.manifest.entries.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1])
    const status = await campaignStatus(dir)
    expect(status).toMatchObject({ manifest: { state: 'completed' }, problems: [] })
    expect(status.statistics.experiments).toEqual(statistics.experiments)
  })
})

describe('a part', () => {
  it('warms any work up, with the defaults of an experiment', async () => {
    const latencies = [90, 40, 21, 20, 20, 20, 20, 20, 20]
    const result = await warmupUntilConverged(async (index) => latencies[index] ?? 20)
    expect(result).toMatchObject({ converged: true, mode: 'cv', target_cv: 0.05, max_prompts: 50 })
    expect(result.iterations_completed).toBe(7)
    await expect(warmupUntilConverged(async () => 1, { max_prompts: 0 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('warmup.max_prompts'),
    })
  })

  it('estimates the FLOPs of a model that nobody has loaded', async () => {
    const facts = await modelFacts(model)
    if (facts === null) throw new Error('no facts')
    const { flops } = estimateFlopsPalm(facts, 10, 20)
    expect(flops).toMatchObject({
      method: 'palm_formula',
      value: 2 * Number(facts.parameters.non_embedding_active) * 30,
    })
  })

  it('tells what measures, and what a reader should be warned of', async () => {
    vi.stubEnv('XDG_DATA_HOME', join(folder, 'nothing'))
    const { chosen, backends } = await selectEnergyBackend({ simulate: scenario })
    expect(chosen).toBe('nvml')
    expect(backends.map(({ name }) => name)).toEqual(['nvml', 'zeus', 'rapl', 'codecarbon'])
    const gpuOf = (persistenceMode: boolean, endTemperatureC: number, samples: number) => {
      return { persistenceMode, startTemperatureC: 30, endTemperatureC, samples }
    }
    expect(measurementWarnings(5, gpuOf(false, 45, 5))).toHaveLength(4)
    expect(measurementWarnings(60, gpuOf(true, 32, 100))).toEqual([])
    expect(measurementWarnings(5, null)).toHaveLength(1)
  })

  it('sums up repetitions', () => {
    expect(studentInterval([1, 2, 3])).toMatchObject({ n: 3, mean: 2, method: 't' })
    expect(repeated([1, 2, 4], { unit: 'J', scale: 'log', seed: 1 })?.geometric_mean).toBeCloseTo(2, 12)
  })
})
