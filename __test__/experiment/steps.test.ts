// The order of an experiment, watched from outside: a real worker whose calls are written down with their time.

import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type ExperimentOutcome, runExperiment, UnsavedResultError } from '../../dist/experiment/run.js'
import { isRunning } from '../backends/processes.js'
import { config, inOrder, libraryPath, listener, PROMPTS, TOKENS, watchWorker } from './observed.js'

vi.setConfig({ testTimeout: 60_000 })

afterEach(() => vi.restoreAllMocks())

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
    const { recorded: window } = outcome.result.energy?.cut ?? {}
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

  it('are in the result, in the order of the contract, each after the one before', () => {
    const { steps, energy, process_results } = outcome.result
    expect(steps.map(({ step }) => step)).toEqual([
      'preflight',
      'sampler',
      'environment',
      'baseline',
      'load',
      'prepare',
      'warmup',
      'thermal_floor',
      'window_begin',
      'inference',
      'window_end',
      'attribution',
      'flops',
      'warnings',
      'write',
    ])
    inOrder(steps.flatMap(({ start_ns, end_ns }) => (end_ns === null ? [start_ns] : [start_ns, end_ns])))
    expect(steps.filter(({ end_ns, error }) => end_ns === null || error !== null)).toMatchObject([
      { step: 'write', end_ns: null },
    ])
    const step = (name: string) => steps.find((one) => one.step === name)
    const [worker] = process_results
    // The samples' window holds the whole inference and nothing of the warmup.
    inOrder([
      step('warmup')?.end_ns ?? undefined,
      step('window_begin')?.start_ns,
      energy?.cut?.recorded.start_ns,
      step('inference')?.start_ns,
      worker?.start_ns,
      worker?.end_ns,
      step('inference')?.end_ns ?? undefined,
      energy?.cut?.recorded.end_ns,
      step('window_end')?.end_ns ?? undefined,
    ])
  })

  it('are measured from the first stamp of the worker to its last: what was recorded beside them is cut off', () => {
    const { energy, process_results, total_inference_time_sec, total_energy_j } = outcome.result
    const [worker] = process_results
    expect(energy?.window).toMatchObject({ start_ns: worker?.start_ns, end_ns: worker?.end_ns })
    expect(energy?.duration_sec).toBeCloseTo(total_inference_time_sec, 9)
    const { before_j = 0, after_j = 0 } = energy?.cut ?? {}
    expect(before_j).toBeGreaterThan(0)
    expect(after_j).toBeGreaterThan(0)
    expect(total_energy_j).toBe(energy?.total_j)
    expect(energy?.devices[0]?.total_j).toBe(energy?.total_j)
  })

  it('count measured tokens only: those of the run, in the FLOPs too', () => {
    const { result } = outcome
    const [worker] = result.process_results
    const n = Number(watched.facts()?.parameters.non_embedding_active)
    expect(result.output_tokens).toBe(TOKENS)
    expect(result.flops?.value).toBe(2 * n * (Number(result.input_tokens) + result.output_tokens))
    expect(worker?.requests).toBe(PROMPTS)
  })

  it('take the baseline, over the same devices and window, off the energy', () => {
    const { energy, energy_breakdown } = outcome.result
    const baselineJ = Number(energy_breakdown?.baseline_power_w) * Number(energy?.duration_sec)
    expect(energy_breakdown).toMatchObject({ baseline_method: 'fresh', raw_j: energy?.total_j })
    expect(energy_breakdown?.adjusted_j).toBeCloseTo(Number(energy?.total_j) - baselineJ, 9)
  })

  it('warm up with prompts that are not measured', () => {
    const { warmup, measured } = watched.prompts
    expect([warmup.length, measured.length]).toEqual([5, PROMPTS])
    expect(warmup.filter((text) => measured.includes(text))).toEqual([])
  })

  it('leave no worker behind', () => {
    expect(isRunning(watched.pid())).toBe(false)
  })
})

it('a run that keeps no readings is cut to its inference as well, and its energy is attributed', async () => {
  const options = config()
  options.timeseries.enabled = false
  const { result } = await runExperiment(options, { libraryPath, simulated: true })
  const [worker] = result.process_results
  expect(result.energy?.window).toMatchObject({ start_ns: worker?.start_ns, end_ns: worker?.end_ns })
  expect(result.request_energy).not.toBeNull()
  expect([result.timeseries_path, result.samples_path]).toEqual([null, null])
  const [id] = readdirSync(options.output_dir)
  expect(readdirSync(join(options.output_dir, String(id))).sort()).toEqual(['requests.jsonl', 'result.json'])
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
      'samples.parquet',
      'timeseries.parquet',
    ])
    expect(isRunning(watched.pid())).toBe(false)
  })
})
