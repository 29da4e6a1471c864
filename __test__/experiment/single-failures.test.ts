// One failure at each step of an experiment: a saved result with null and a warning, or an error with a code. Never a
// lost result, a hang, or a process that is left.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InferenceSession } from '../../dist/backends/backend.js'
import type { ExperimentConfig } from '../../dist/config/schema.js'
import { runExperiment } from '../../dist/experiment/run.js'
import { simulate } from '../../dist/native/simulation.js'
import { type Observer, silentObserver } from '../../dist/progress/observer.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { isRunning } from '../backends/processes.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { config, listener, TOKENS, watchWorker } from './observed.js'

vi.setConfig({ testTimeout: 60_000 })

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

interface Failure {
  /** Changes what the experiment asks for. */
  options?: Partial<ExperimentConfig>
  /** Changes what the worker answers. */
  worker?: (session: InferenceSession, options: ExperimentConfig) => Partial<InferenceSession>
  library?: () => string
  observer?: (heard: Observer) => Observer
  /** Set up before it runs. */
  arrange?: () => void
}

async function runWith({
  options = {},
  worker,
  library = healthy,
  observer = (same) => same,
  arrange,
}: Failure) {
  const wanted = config(options)
  const watched = watchWorker((session) => worker?.(session, wanted) ?? {})
  const { observer: heard, said } = listener()
  arrange?.()
  const outcome = await runExperiment(wanted, {
    libraryPath: library(),
    simulated: true,
    observer: observer(heard),
  }).catch((error: unknown) => ({ error }))
  return { wanted, watched, outcome, said: said.map(({ text }) => text) }
}

/** The folder of the only experiment. */
function runDirIn({ output_dir }: Pick<ExperimentConfig, 'output_dir'>): string {
  const [id, ...others] = readdirSync(output_dir)
  if (id === undefined || others.length > 0) throw new Error(`${others.length + 1} runs instead of one`)
  return join(output_dir, id)
}

const broken = (message: string) => () => Promise.reject(new Error(message))
const healthy = () => simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])], nowNs()))

/** A GPU some of whose calls fail from one second of the experiment to another. */
const callsFail = (calls: readonly string[], from_s: number, to_s: number, error: string) => () => {
  const faults = calls.map((call) => ({ from_s, to_s, call, error }))
  return simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }], { faults })], nowNs()))
}

describe('a failure that is not of the inference leaves a saved result, where it is null with a reason', () => {
  const cases: [step: string, failure: Failure, expected: object, told: RegExp | null][] = [
    [
      'environment',
      {
        arrange: () => {
          for (const name of ['cpus', 'totalmem', 'release'] as const)
            vi.spyOn(os, name).mockImplementation(() => {
              throw new Error('no /proc')
            })
          syncBuiltinESMExports()
        },
      },
      { environment: { cpu_model: null, cpu_count: null, memory_total_mb: null, os: null } },
      null,
    ],
    [
      'baseline',
      { library: callsFail(['power', 'fields', 'energy'], 0, 1.2, 'unknown') },
      { energy_breakdown: { adjusted_j: null, baseline_power_w: null, baseline_method: 'unavailable' } },
      /^Baseline measurement failed, continuing with raw energy only \(non-fatal\): /,
    ],
    [
      'warmup',
      { worker: () => ({ inferOne: broken('no luck') }) },
      {
        warmup_result: { mode: 'failed', converged: false, failures: 5, final_cv: null },
        measurement_warnings: expect.arrayContaining([expect.stringMatching(/^warmup_failed: /)]),
      },
      /^Warmup failed: no prompt succeeded$/,
    ],
    [
      'thermal floor (a listener that throws)',
      {
        observer: (heard) => ({
          ...heard,
          progress: () => {
            throw new Error('the terminal is gone')
          },
        }),
      },
      { output_tokens: TOKENS },
      null,
    ],
    [
      'sampler',
      {
        options: { baseline: { ...config().baseline, enabled: false } },
        library: callsFail(['all'], 1, 1e6, 'gpu_is_lost'),
      },
      {
        total_energy_j: null,
        avg_energy_per_token_j: null,
        energy_per_output_token_j: null,
        energy_breakdown: null,
        energy_reason: expect.stringMatching(/./),
        measurement_warnings: expect.arrayContaining([expect.stringMatching(/^energy_unknown: /)]),
      },
      null,
    ],
    [
      'FLOPs',
      {
        worker: ({ info }) => ({
          info: {
            ...info,
            get facts(): never {
              throw new Error('the facts are gone')
            },
          },
        }),
      },
      { total_flops: null, flops: null, flops_reason: expect.stringContaining('the facts are gone') },
      /^The FLOPs estimate failed \(non-fatal\): the facts are gone$/,
    ],
    [
      'Parquet',
      {
        worker: (session, options) => ({
          run: async (prompts, runOptions) => {
            // What is no empty folder cannot be replaced by a file.
            const place = join(runDirIn(options), 'timeseries.parquet')
            mkdirSync(place)
            writeFileSync(join(place, 'in the way'), '')
            return session.run(prompts, runOptions)
          },
        }),
      },
      {
        total_energy_j: expect.any(Number),
        measurement_warnings: expect.arrayContaining([expect.stringMatching(/^recording_fault: /)]),
      },
      null,
    ],
    [
      'memory of the worker',
      { worker: () => ({ memory: broken('no') }) },
      { process_results: [expect.objectContaining({ memory: null })] },
      null,
    ],
    [
      'cleanup',
      {
        worker: (session) => ({
          close: async () => {
            await session.close()
            throw new Error('it will not go')
          },
        }),
      },
      { output_tokens: TOKENS },
      /^The workers could not be ended \(non-fatal\): it will not go$/,
    ],
  ]

  it.for(byDay(3, cases))('%s', async ([, failure, expected, told]) => {
    const { wanted, watched, outcome, said } = await runWith(failure)
    expect(outcome).not.toHaveProperty('error')
    const saved: ExperimentResult = JSON.parse(readFileSync(join(runDirIn(wanted), 'result.json'), 'utf8'))
    expect(saved).toMatchObject(expected)
    expect(saved.output_tokens).toBe(TOKENS)
    if (told !== null) expect(said).toContainEqual(expect.stringMatching(told))
    expect(isRunning(watched.pid())).toBe(false)
    expect(readdirSync(runDirIn(wanted)).filter((name) => name.includes('.partial'))).toEqual([])
  })
})

describe('a failure without which there is no measurement is an error with a code, and nothing is left', () => {
  const cases: [step: string, failure: Failure, code: string][] = [
    ['dataset', { options: { prompts: '/nowhere/prompts.txt' } }, 'PROMPTS_INVALID'],
    ['load', { options: { llamacpp: { ...config().llamacpp, context_size: 32 } } }, 'OPTIONS_INVALID'],
    [
      'required baseline',
      {
        options: { baseline: { ...config().baseline, duration_sec: 0.4, required: true } },
        library: callsFail(['power', 'fields', 'energy'], 0, 30, 'unknown'),
      },
      'BASELINE_FAILED',
    ],
  ]

  it.for(cases)('%s', async ([, failure, code]) => {
    const { wanted, watched, outcome } = await runWith(failure)
    expect(outcome).toMatchObject({ error: { code } })
    expect(
      readdirSync(wanted.output_dir).filter((id) => existsSync(join(wanted.output_dir, id, 'result.json'))),
    ).toEqual([])
    if (watched.pid() !== 0) expect(isRunning(watched.pid())).toBe(false)
  })
})

it('a failed inference is what is told, also where its folder is gone', async () => {
  const { outcome } = await runWith({
    worker: (_, options) => ({
      run: async () => {
        rmSync(options.output_dir, { recursive: true })
        throw new Error('the worker gave up')
      },
    }),
  })
  expect(outcome).toMatchObject({ error: { message: 'the worker gave up' } })
})

it('a silent run is one without a listener', async () => {
  const { outcome } = await runWith({ observer: () => silentObserver })
  expect(outcome).toMatchObject({ result: { output_tokens: TOKENS } })
})
