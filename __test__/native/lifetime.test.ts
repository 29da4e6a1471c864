import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Sampler, type SamplerOptions } from '../../dist/native/sampler.js'
import { simulate } from '../../dist/native/simulation.js'
import { startNode } from './llem.js'
import { gpu, scenarioFile, scratchFolder, textFile, uuidOf } from './scenario.js'

vi.setConfig({ testTimeout: 120_000 })

const dist = (path: string) => JSON.stringify(fileURLToPath(new URL(`../../dist/${path}`, import.meta.url)))
const device = { uuid: uuidOf(0), index: 0, name: null }
const STEADY = [{ for_s: 1, w: 300 }]

let options: SamplerOptions
let environment: string | undefined

beforeAll(() => {
  environment = process.env.LLEM_NVML_SIM
  options = { devices: [device], libraryPath: simulate(scenarioFile([gpu(0, STEADY)])) }
})
afterAll(() => {
  if (environment === undefined) delete process.env.LLEM_NVML_SIM
  else process.env.LLEM_NVML_SIM = environment
})

/** Runs a script that has `open()` in a process of its own. */
function script(body: string) {
  const path = textFile(
    'script.mjs',
    `import { Worker, isMainThread, parentPort } from 'node:worker_threads'
import { Sampler } from ${dist('native/sampler.js')}
import { simulate } from ${dist('native/simulation.js')}
const libraryPath = simulate(${JSON.stringify(scenarioFile([gpu(0, STEADY)]))})
const open = () => Sampler.open({ devices: [${JSON.stringify(device)}], intervalMs: 1, libraryPath })
${body}`,
  )
  return startNode([path]).ended
}

describe('a process that forgot its sampler', () => {
  it('ends by itself within 2 s, 20 times in a row', async () => {
    for (let turn = 0; turn < 20; turn++) {
      const ended = await script('const sampler = await open()\nsampler.beginWindow()')
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
      expect(ended.tookMs).toBeLessThan(2000)
    }
  })

  it('leaves no half-written file', async () => {
    const folder = scratchFolder()
    const files = { timeseriesPath: join(folder, 'a.parquet'), samplesPath: join(folder, 'b.parquet') }
    const ended = await script(`const sampler = await open()
await sampler.ready()
sampler.beginWindow(${JSON.stringify(files)})
await new Promise((resolve) => setTimeout(resolve, 100))`)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('is not kept alive by a report that nobody waits for', async () => {
    const ended = await script('const sampler = await open()\nvoid sampler.beginWindow().end()')
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(ended.tookMs).toBeLessThan(2500)
  })
})

describe('a worker thread', () => {
  it.for([
    ['an open sampler', ''],
    ['an open window', 'sampler.beginWindow()'],
    ['a report on its way', 'void sampler.beginWindow().end()'],
  ])('that is terminated with %s does not take the process along', async ([, act]) => {
    const ended = await script(`import { fileURLToPath } from 'node:url'
if (isMainThread) {
  for (let turn = 0; turn < 5; turn++) {
    const worker = new Worker(fileURLToPath(import.meta.url))
    await new Promise((resolve) => worker.once('message', resolve))
    await worker.terminate()
  }
  console.log('still here')
} else {
  const sampler = await open()
  ${act}
  parentPort.postMessage('open')
  setInterval(() => sampler, 1000)
}`)
    expect(ended).toMatchObject({ code: 0, signal: null, stdout: 'still here\n', stderr: '' })
  })
})

describe('a sampler', () => {
  it('is ready half a second after a pause in which nothing was read', async () => {
    const sampler = await Sampler.open(options)
    const ready = sampler.ready()
    // As if the process was stopped.
    const untilMs = performance.now() + 1000
    while (performance.now() < untilMs);
    await ready
    expect(performance.now() - untilMs).toBeGreaterThan(450)
    sampler.close()
  })

  it('that is closed ends nothing and begins nothing, with a code', async () => {
    const sampler = await Sampler.open(options)
    const window = sampler.beginWindow()
    sampler.close()
    sampler.close()
    await expect(window.end()).rejects.toMatchObject({ code: 'WINDOW_LOST' })
    expect(() => sampler.beginWindow()).toThrow(expect.objectContaining({ code: 'SAMPLER_CLOSED' }))
    expect(() => sampler.snapshot()).toThrow(expect.objectContaining({ code: 'SAMPLER_CLOSED' }))
    expect(() => window.cancel()).not.toThrow()
  })

  it('that is closed while a report is on its way still answers it', async () => {
    const sampler = await Sampler.open(options)
    await sampler.ready()
    const report = sampler.beginWindow().end()
    sampler.close()
    await expect(report).resolves.toMatchObject({ faults: [] })
  })

  it('measures two windows at once, each by itself', async () => {
    using sampler = await Sampler.open(options)
    await sampler.ready()
    const outer = sampler.beginWindow()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const inner = sampler.beginWindow()
    await new Promise((resolve) => setTimeout(resolve, 400))
    const reports = await Promise.all([inner.end(), outer.end()])
    for (const { startNs, endNs, integralJ } of reports) {
      expect(Number(integralJ) / (300 * ((endNs - startNs) / 1e9))).toBeCloseTo(1, 6)
    }
    expect(reports[0]?.startNs).toBe(inner.startNs)
    expect(reports[1]?.startNs).toBe(outer.startNs)
  })

  it('has one report per window', async () => {
    using sampler = await Sampler.open(options)
    const window = sampler.beginWindow()
    await window.end()
    await expect(window.end()).rejects.toMatchObject({ code: 'WINDOW_LOST' })
  })

  it('leaves no file of a window that was cancelled', async () => {
    const timeseriesPath = join(scratchFolder(), 'timeseries.parquet')
    using sampler = await Sampler.open(options)
    const window = sampler.beginWindow({ timeseriesPath })
    await vi.waitFor(() => expect(existsSync(`${timeseriesPath}.partial`)).toBe(true))
    window.cancel()
    await vi.waitFor(() => expect(existsSync(`${timeseriesPath}.partial`)).toBe(false))
    await expect(window.end()).rejects.toMatchObject({ code: 'WINDOW_LOST' })
    expect(existsSync(timeseriesPath)).toBe(false)
  })

  it('can be opened a second time beside the first', async () => {
    using first = await Sampler.open(options)
    using second = await Sampler.open(options)
    await vi.waitFor(() => {
      expect(first.snapshot().devices[0]?.powerW).toBe(300)
      expect(second.snapshot().devices[0]?.powerW).toBe(300)
    })
  })

  it.for([
    [{ intervalMs: 0.5 }, 'SAMPLER_OPTION_INVALID'],
    [{ intervalMs: 5001 }, 'SAMPLER_OPTION_INVALID'],
    [{ intervalMs: Number.NaN }, 'SAMPLER_OPTION_INVALID'],
    [{ slowIntervalMs: 0 }, 'SAMPLER_OPTION_INVALID'],
    [{ devices: [] }, 'SAMPLER_OPTION_INVALID'],
    [{ devices: [{ ...device, uuid: 'GPU-none' }] }, 'GPU_NOT_FOUND'],
    [{ libraryPath: '/nowhere/libnvidia-ml.so.1' }, 'NVML_NOT_FOUND'],
  ] as const)('refuses %j with the code %s', async ([wrong, code]) => {
    await expect(Sampler.open({ ...options, ...wrong })).rejects.toMatchObject({ code })
  })
})
