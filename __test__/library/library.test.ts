// What a program sees that imports llem by its name.

import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Energy,
  LlemError,
  listDevices,
  measure,
  monotonicNs,
  planCampaign,
  preflight,
  runExperiment,
  Sampler,
  simulate,
} from 'llem'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { quickDataDir, quickLlamacpp } from '../backends/quick-llamacpp.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { gpu, nowNs, type Segment, scenarioFile, trueJoules } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const LOAD: Segment[] = [
  { for_s: 300, sine: { mean_w: 400, amplitude_w: 100, period_s: 0.7 } },
  { for_s: 1, w: 75 },
]
// One process reads one scenario, the first that it is told.
const epochNs = nowNs()
const scenario = scenarioFile([gpu(0, LOAD)], epochNs)

afterEach(() => vi.unstubAllEnvs())

function trueEnergyOf({ window }: Energy): number {
  return trueJoules(LOAD, (window.start_ns - epochNs) / 1e9, (window.end_ns - epochNs) / 1e9)
}

describe('measure', () => {
  it('returns what the work returned, and the energy from its start to its end', async () => {
    const { value, energy } = await measure(() => sleep(1500, 'done'), { intervalMs: 10, simulate: scenario })
    expect(value).toBe('done')
    expect(energy.duration_sec).toBeGreaterThan(1.4)
    expect(energy.duration_sec).toBeLessThan(2)
    // A second and a half hold fifteen values of the sensor, and on a busy machine some of them are seen late.
    expect(Math.abs(Number(energy.total_j) / trueEnergyOf(energy) - 1)).toBeLessThan(0.06)
    expect(energy.sampler.interval_ms).toBe(10)
  })

  it('takes work that is not asynchronous', async () => {
    const { value, energy } = await measure(() => 6 * 7, { simulate: scenario })
    expect(value).toBe(42)
    // Too short to say anything, and not said to be 0 J.
    expect(energy.total_j).toBeNull()
    expect(energy.reason).toMatch(/shorter than/)
  })

  it('throws what the work throws', async () => {
    const work = () => Promise.reject(new Error('mine'))
    await expect(measure(work, { simulate: scenario })).rejects.toThrow('mine')
  })

  it('without a GPU throws before the work starts, with what to do', async () => {
    const work = vi.fn()
    const failing = measure(work)
    await expect(failing).rejects.toBeInstanceOf(LlemError)
    await expect(failing).rejects.toMatchObject({
      code: 'NVML_NOT_FOUND',
      hint: expect.stringContaining('driver'),
    })
    expect(work).not.toHaveBeenCalled()
  })

  it('measures the GPUs that it is told', async () => {
    const options = { simulate: scenario, devices: [3] }
    await expect(measure(() => 1, options)).rejects.toMatchObject({ code: 'GPU_NOT_FOUND', kind: 'usage' })
  })
})

describe('Sampler', () => {
  it('measures windows that overlap', async () => {
    const libraryPath = simulate(scenario)
    const { devices } = await listDevices(libraryPath)
    const wanted = devices.map(({ uuid, index, name }) => ({ uuid, index, name: name ?? null }))
    const sampler = await Sampler.open({ devices: wanted, intervalMs: 5, libraryPath })
    await sampler.ready()
    const outer = sampler.beginWindow()
    await sleep(400)
    const inner = sampler.beginWindow()
    await sleep(800)
    const [all, part] = await Promise.all([outer.end(), inner.end()])
    sampler.close()
    expect(part.startNs).toBeGreaterThan(all.startNs)
    expect(Number(all.totalJ)).toBeGreaterThan(Number(part.totalJ))
    expect(sampler.intervalMs).toBe(5)
  })

  it('lives on the clock of process.hrtime', async () => {
    expect(Math.abs((await monotonicNs()) - nowNs())).toBeLessThan(1e9)
  })
})

describe('runExperiment', () => {
  const folder = scratchFolder()
  const model = tinyModel(folder, 'tiny')
  const quick = () => ({
    model,
    n_prompts: 4,
    llamacpp: { threads: 1, context_size: 512 },
    baseline: { enabled: false },
    warmup: { max_prompts: 5, thermal_floor_seconds: 0 as const },
    output_dir: scratchFolder(),
  })

  beforeAll(async () => {
    await quickLlamacpp()
  }, 180_000)

  it('gives the result and the folder it is in', async () => {
    vi.stubEnv('XDG_DATA_HOME', dirname(quickDataDir))
    const options = quick()
    const { result, runDir } = await runExperiment(options, { simulate: scenario })
    expect(result).toMatchObject({ simulated: true, model, prompts: { count: 4 } })
    expect(readdirSync(options.output_dir)).toEqual([result.experiment_id])
    expect(existsSync(join(runDir, 'result.json'))).toBe(true)
  })

  it('takes LLEM variables for the shell alone: a program says what it means', async () => {
    vi.stubEnv('XDG_DATA_HOME', dirname(quickDataDir))
    vi.stubEnv('LLEM_N_PROMPTS', '9')
    const { result } = await runExperiment(quick(), { simulate: scenario })
    expect(result.prompts.count).toBe(4)
  })

  it('checks the configuration as the command line does', async () => {
    const wrong = { ...quick(), n_promts: 3 } as Parameters<typeof runExperiment>[0]
    await expect(runExperiment(wrong)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('did you mean `n_prompts`?'),
    })
  })

  it('ends early when its signal is aborted', async () => {
    vi.stubEnv('XDG_DATA_HOME', dirname(quickDataDir))
    const running = runExperiment({ ...quick(), n_prompts: 5000 }, { signal: AbortSignal.timeout(2500) })
    await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' })
  })
})

describe('a file', () => {
  it('of another tool is read as `llem run` reads it, and what has no counterpart is told', async () => {
    const files = join(import.meta.dirname, '..', 'import', 'files')
    const notes: string[] = []
    const observer = { ...silent, note: (text: string) => notes.push(text) }
    const report = await preflight(join(files, 'v2-experiment.yaml'), { simulate: true, observer })
    // Its model is a name of the hub, for a backend that is not installed here.
    expect(report.problems.map(({ code }) => code)).not.toContain('CONFIG_INVALID')
    expect(notes).toContainEqual(expect.stringMatching(/^Note: no counterpart: .*max_output_tokens/))
    const study = join(files, 'v2-sweep-groups.yaml')
    await expect(runExperiment(study)).rejects.toMatchObject({
      code: 'USAGE',
      hint: 'Give it to runCampaign.',
    })
    expect(planCampaign(study).experiments.length).toBeGreaterThan(1)
    await expect(runExperiment(join(files, 'nothing.yaml'))).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

const silent = {
  note: () => undefined,
  detail: () => undefined,
  progress: () => ({ update: () => undefined, stop: () => undefined }),
}
