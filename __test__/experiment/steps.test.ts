// The order of an experiment, watched from outside: a real worker whose calls are written down with their time.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { InferenceSession, StartOptions } from '../../dist/backends/backend.js'
import { findBackend } from '../../dist/backends/registry.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import type { ExperimentConfig } from '../../dist/config/schema.js'
import type { Observer } from '../../dist/experiment/observer.js'
import { type ExperimentOutcome, runExperiment, UnsavedResultError } from '../../dist/experiment/run.js'
import { simulate } from '../../dist/native/simulation.js'
import { isRunning } from '../backends/processes.js'
import { installedLlamacpp, scratchFolder, testDataDir, tinyModel } from '../backends/tiny-model.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const folder = scratchFolder()
const model = tinyModel(folder, 'tiny')
const llamacpp = findBackend('llamacpp')
const startWorker = llamacpp.start.bind(llamacpp)
const libraryPath = simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])]))

beforeAll(async () => {
  await installedLlamacpp()
  process.env.XDG_CACHE_HOME = join(folder, 'cache')
}, 180_000)

afterEach(() => vi.restoreAllMocks())

/** A short experiment; a baseline is shorter here than a person may write it. */
function config(overrides: Partial<ExperimentConfig> = {}): ExperimentConfig {
  const loaded = loadExperimentConfig({
    text: JSON.stringify({
      model,
      n_prompts: 20,
      // Less than 0.3 s would be too short to have an energy.
      generation: { max_tokens: 256, ignore_eos: true },
      llamacpp: { threads: 1, context_size: 512 },
      warmup: { max_prompts: 5, cv_threshold: 0, thermal_floor_seconds: 0 },
    }),
  })
  if (!loaded.ok) throw new Error('the configuration is wrong')
  const baseline = { ...loaded.config.baseline, duration_sec: 0.4 }
  return { ...loaded.config, baseline, output_dir: scratchFolder(), ...overrides }
}

interface Event {
  what: string
  startNs: number
  endNs: number
}

/** Writes down what the experiment asks of its worker; `prompts` are the texts of the warmup and of the run. */
function watchWorker(change: (session: InferenceSession) => Partial<InferenceSession> = () => ({})) {
  const events: Event[] = []
  const prompts: { warmup: string[]; measured: string[] } = { warmup: [], measured: [] }
  let pid = 0
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const event = { what, startNs: nowNs(), endNs: 0 }
    events.push(event)
    try {
      return await work()
    } finally {
      event.endNs = nowNs()
    }
  }
  vi.spyOn(llamacpp, 'start').mockImplementation(async (options: StartOptions) => {
    const real = await timed('load', () => startWorker({ ...options, dataDir: testDataDir }))
    pid = real.info.pid ?? 0
    const session = { ...real, ...change(real) }
    return {
      ...session,
      inferOne: (prompt, options) => {
        prompts.warmup.push(prompt.text)
        return timed('warmup', () => session.inferOne(prompt, options))
      },
      run: (all, options) => {
        prompts.measured.push(...all.map(({ text }) => text))
        return timed('run', () => session.run(all, options))
      },
      memory: (signal) => timed('memory', () => session.memory(signal)),
      close: () => timed('close', () => session.close()),
    }
  })
  return { events, prompts, pid: () => pid }
}

function listener() {
  const said: { text: string; atNs: number }[] = []
  const hear = (text: string) => said.push({ text, atNs: nowNs() })
  const observer: Observer = {
    note: hear,
    detail: hear,
    progress: ({ label }) => {
      hear(`${label} begins`)
      return { update: () => undefined, stop: () => hear(`${label} ends`) }
    },
  }
  return { observer, said, at: (text: string) => said.find((one) => one.text === text)?.atNs ?? Number.NaN }
}

function inOrder(timesNs: (number | undefined)[]): void {
  expect(timesNs).not.toContain(undefined)
  expect(timesNs).not.toContain(Number.NaN)
  expect(timesNs).toEqual([...timesNs].sort((a, b) => Number(a) - Number(b)))
}

describe('the steps of an experiment', () => {
  let outcome: ExperimentOutcome
  let heard: ReturnType<typeof listener>
  let watched: ReturnType<typeof watchWorker>

  beforeAll(async () => {
    heard = listener()
    watched = watchWorker()
    outcome = await runExperiment(config(), { libraryPath, simulated: true, observer: heard.observer })
  }, 60_000)

  it('follow each other: baseline, load, warmup, window, inference, result, cleanup', () => {
    const { events } = watched
    const event = (what: string) => events.find((one) => one.what === what)
    const { window } = outcome.result.energy ?? {}
    const [worker] = outcome.result.process_results
    inOrder([
      heard.at('Measuring idle power begins'),
      heard.at('Measuring idle power ends'),
      Number(event('load')?.startNs),
      Number(event('load')?.endNs),
      heard.at('Warmup begins'),
      heard.at('Warmup ends'),
      window?.start_ns,
      Number(event('run')?.startNs),
      worker?.start_ns,
      worker?.end_ns,
      Number(event('run')?.endNs),
      window?.end_ns,
      Number(event('memory')?.startNs),
      Number(event('close')?.startNs),
      Number(event('close')?.endNs),
    ])
    expect(events.map(({ what }) => what)).toEqual([
      'load',
      ...Array(5).fill('warmup'),
      'run',
      'memory',
      'close',
    ])
  })

  it('take the baseline, over the same devices and window, off the energy', () => {
    const { energy, energy_breakdown } = outcome.result
    const baselineJ = Number(energy_breakdown?.baseline_power_w) * Number(energy?.duration_sec)
    expect(energy_breakdown).toMatchObject({ baseline_method: 'fresh', raw_j: energy?.total_j })
    expect(energy_breakdown?.adjusted_j).toBeCloseTo(Number(energy?.total_j) - baselineJ, 9)
  })

  it('warm up with prompts that are not measured', () => {
    const { warmup, measured } = watched.prompts
    expect([warmup.length, measured.length]).toEqual([5, 20])
    expect(warmup.filter((text) => measured.includes(text))).toEqual([])
  })

  it('leave no worker behind', () => {
    expect(isRunning(watched.pid())).toBe(false)
  })
})

describe('what goes wrong beside the inference', () => {
  it('is a null where the worker does not tell its memory', async () => {
    watchWorker(() => ({ memory: () => Promise.reject(new Error('no')) }))
    const { result } = await runExperiment(config(), { libraryPath, simulated: true })
    expect(result.process_results[0]?.memory).toBeNull()
  })

  it('keeps the result of a run whose folder vanishes, in the error that says so', async () => {
    const options = config()
    watchWorker((session) => ({
      memory: () => {
        rmSync(options.output_dir, { recursive: true })
        return session.memory()
      },
    }))
    const failing = runExperiment(options, { libraryPath, simulated: true })
    await expect(failing).rejects.toBeInstanceOf(UnsavedResultError)
    await expect(failing).rejects.toMatchObject({
      code: 'RESULT_NOT_WRITTEN',
      kind: 'runtime',
      outcome: { result: { simulated: true, output_tokens: expect.any(Number) } },
    })
    expect(existsSync(options.output_dir)).toBe(false)
  })
})

describe('inference that fails', () => {
  it('is the error, with what was measured by then beside it, and no result', async () => {
    const options = config()
    const watched = watchWorker((session) => ({
      run: async (prompts, runOptions) => {
        await session.run(prompts.slice(0, 3), runOptions)
        throw new Error('the cable was pulled')
      },
    }))
    await expect(runExperiment(options, { libraryPath, simulated: true })).rejects.toThrow(
      'the cable was pulled',
    )
    const [id] = readdirSync(options.output_dir)
    expect(readdirSync(join(options.output_dir, String(id))).sort()).toEqual([
      'incomplete.json',
      'requests.jsonl',
      'timeseries.parquet',
    ])
    expect(isRunning(watched.pid())).toBe(false)
  })
})
