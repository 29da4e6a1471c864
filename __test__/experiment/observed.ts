// A short experiment in this process, its real worker watched from outside: each call is written down with its time.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, vi } from 'vitest'
import type { InferenceSession, StartOptions } from '../../dist/backends/backend.js'
import { findBackend } from '../../dist/backends/registry.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import type { ExperimentConfig } from '../../dist/config/schema.js'
import { simulate } from '../../dist/native/simulation.js'
import type { Observer } from '../../dist/progress/observer.js'
import { quickDataDir, quickLlamacpp } from '../backends/quick-llamacpp.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'

const folder = scratchFolder()
const model = tinyModel(folder, 'tiny')
const llamacpp = findBackend('llamacpp')
const startWorker = llamacpp.start.bind(llamacpp)
export const libraryPath = simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])]))

beforeAll(async () => {
  await quickLlamacpp()
  process.env.XDG_CACHE_HOME = join(folder, 'cache')
}, 180_000)

export const PROMPTS = 12
/** All that it generates. */
export const TOKENS = PROMPTS * 256

/** A short experiment; a baseline is shorter here than a person may write it. */
export function config(overrides: Partial<ExperimentConfig> = {}): ExperimentConfig {
  const loaded = loadExperimentConfig({
    text: JSON.stringify({
      model,
      n_prompts: PROMPTS,
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

export interface Event {
  what: string
  startNs: number
  endNs: number
}

/**
 * Writes down what the experiment asks of its worker; `prompts` are the texts of the warmup and of the run. `loadsForMs`: so
 * long a load takes at least, as that of a tiny model takes no time to speak of.
 */
export function watchWorker(
  change: (session: InferenceSession) => Partial<InferenceSession> = () => ({}),
  { loadsForMs = 0 } = {},
) {
  const events: Event[] = []
  const prompts: { warmup: string[]; measured: string[] } = { warmup: [], measured: [] }
  let pid = 0
  let facts: InferenceSession['info']['facts'] | undefined
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
    const real = await timed('load', async () => {
      const session = await startWorker({ ...options, dataDir: quickDataDir })
      await sleep(loadsForMs)
      return session
    })
    pid = real.info.pid ?? 0
    facts = real.info.facts
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
  return { events, prompts, pid: () => pid, facts: () => facts }
}

export function listener() {
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

export function inOrder(timesNs: (number | undefined)[]): void {
  expect(timesNs).not.toContain(undefined)
  expect(timesNs).not.toContain(Number.NaN)
  expect(timesNs).toEqual([...timesNs].sort((a, b) => Number(a) - Number(b)))
}
