// What a helper process may do wrong, and that it costs no experiment.

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { describeCrossCheck } from '../../dist/energy/cross-check.js'
import { openMeter } from '../../dist/energy/meter.js'
import { simulate } from '../../dist/native/simulation.js'
import { childPids, endsWithin } from '../backends/processes.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'
import { installReal, program, wishes } from './python-backends.js'

vi.setConfig({ testTimeout: 60_000 })

const scratch = mkdtempSync(join(tmpdir(), 'llem-helper-'))
const fakeHelper = fileURLToPath(new URL('fake-helper.mjs', import.meta.url))
const libraryPath = simulate(scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])], nowNs()))
const timeseriesPath = join(scratch, 'timeseries.parquet')
const limits = { helloMs: 2000, openMs: 2000, edgeMs: 1500 }
const zeusBy = (python: string) => wishes({ backend: 'zeus', libraryPath, python, limits })

afterEach(() => {
  vi.unstubAllEnvs()
})

describe('a Zeus that cannot be used is not available, and says why', () => {
  it('where the interpreter does not start', async () => {
    await expect(openMeter(zeusBy('/no/such/python'))).rejects.toMatchObject({
      code: 'ENERGY_BACKEND_UNAVAILABLE',
      message: expect.stringContaining('zeus worker could not be started'),
    })
  })

  it('where the helper crashes, with its last words', async () => {
    const python = program(join(scratch, 'crashes'), '#!/bin/sh\necho "Traceback: boom" >&2\nexit 3\n')
    await expect(openMeter(zeusBy(python))).rejects.toMatchObject({
      message: expect.stringContaining('zeus worker exited with code 3 during hello'),
      hint: expect.stringContaining('Traceback: boom'),
    })
  })

  it('where the helper hangs, after its limit, and nothing is left running', async () => {
    const python = program(join(scratch, 'hangs'), '#!/bin/sh\nexec sleep 100\n')
    const opening = openMeter(zeusBy(python))
    await expect(opening).rejects.toMatchObject({
      message: expect.stringContaining('did not answer hello within 2 s'),
    })
    for (const pid of childPids()) expect(await endsWithin(pid, 2000)).toBe(true)
  })

  it('where the interpreter has no such package, and how to get it', async () => {
    await expect(openMeter(zeusBy('python3'))).rejects.toMatchObject({
      message: expect.stringMatching(/python3\S* has no package zeus$/),
      hint: expect.stringContaining('llem backend install zeus'),
    })
  })

  it('where the package cannot be imported', async () => {
    const site = mkdtempSync(join(scratch, 'site-'))
    mkdirSync(join(site, 'zeus'))
    writeFileSync(join(site, 'zeus/__init__.py'), 'raise ImportError("no numpy here")\n')
    mkdirSync(join(site, 'zeus-0.16.0.dist-info'))
    writeFileSync(
      join(site, 'zeus-0.16.0.dist-info/METADATA'),
      'Metadata-Version: 2.1\nName: zeus\nVersion: 0.16.0\n',
    )
    vi.stubEnv('PYTHONPATH', site)
    await expect(openMeter(zeusBy('python3'))).rejects.toMatchObject({
      message: expect.stringContaining('zeus 0.16.0 cannot be imported: ImportError: no numpy here'),
    })
  })

  it('where it can be imported and sees no device; auto asks llem’s own sampler first', async (context) => {
    const missing = await installReal('zeus')
    if (missing !== null) context.skip(missing)
    // Zeus finds the driver's library by its name alone.
    const renamed = join(scratch, 'another-name.so')
    copyFileSync(libraryPath, renamed)
    await expect(openMeter(wishes({ backend: 'zeus', libraryPath: renamed }))).rejects.toMatchObject({
      code: 'ENERGY_BACKEND_UNAVAILABLE',
      message: expect.stringMatching(/zeus is not available here: .*NVML Shared Library Not Found/),
    })
    const meter = await openMeter(wishes({ backend: 'auto', libraryPath: renamed }))
    await meter.close()
    expect(meter.selection).toMatchObject({
      chosen: 'nvml',
      tried: [{ backend: 'nvml', available: true, reason: null }],
    })
  }, 900_000)
})

describe('a helper in the window', () => {
  async function measureWith(env: Record<string, string>) {
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const meter = await openMeter(zeusBy(fakeHelper))
    try {
      const window = await meter.begin({ timeseriesPath })
      await sleep(1000)
      return await window.end()
    } finally {
      await meter.close()
    }
  }

  it.each(['begin', 'end'])(
    'that hangs at its %s costs its own energy and not that of llem',
    async (verb) => {
      const energy = await measureWith({ LLEM_TEST_HELPER_HANGS_AT: verb })
      expect(energy).toMatchObject({
        backend: 'nvml',
        measurement: null,
        selection: {
          chosen: 'zeus',
          failure: expect.stringContaining(`did not answer ${verb} within 1.5 s`),
        },
      })
      // A window of a second is known to 1 %.
      expect(Math.abs(Number(energy.total_j) / energy.duration_sec / 300 - 1)).toBeLessThan(0.01)
      // Without what was waited for the helper.
      expect(energy.duration_sec).toBeLessThan(2.4)
      expect(energy.faults).toEqual([])
      expect(existsSync(timeseriesPath)).toBe(true)
    },
  )

  it('that contradicts llem by more than both are uncertain by is told of', async () => {
    const wrong = await measureWith({ LLEM_TEST_HELPER_WATTS: '150' })
    expect(wrong).toMatchObject({ backend: 'zeus', cross_check: { flagged: true } })
    expect(Number(wrong.total_j) / wrong.duration_sec).toBeCloseTo(150, 0)
    expect(wrong.cross_check?.residual_pct).toBeCloseTo(-50, 0)
    // The device has the joules that are quoted, and llem's own stand beside them.
    expect(wrong.devices).toMatchObject([
      { total_j: wrong.total_j, reason: 'measured by zeus', uncertainty: [] },
    ])
    const [own] = wrong.cross_check?.devices ?? []
    expect(own?.total_j).toBe(wrong.cross_check?.total_j)
    expect(own?.uncertainty.length).toBeGreaterThan(0)
    expect(describeCrossCheck(wrong)).toMatch(
      /^zeus measured 1\d\d\.\dJ where llem's own sampler measured 3\d\d\.\dJ \(-\d\d\.\d%\), which is more than both/,
    )
    const right = await measureWith({ LLEM_TEST_HELPER_WATTS: '300' })
    expect(right).toMatchObject({ backend: 'zeus', cross_check: { flagged: false } })
    expect(describeCrossCheck(right)).toBeNull()
  })
})

describe('the probe', () => {
  it('takes less than 150 ms where no Python backend is installed, and starts nothing', async () => {
    const meter = await openMeter(wishes({ libraryPath, dataDir: join(scratch, 'empty') }))
    await meter.close()
    expect(meter.selection).toMatchObject({
      chosen: 'nvml',
      tried: [{ backend: 'nvml', reason: null }],
    })
    expect(meter.selection?.probe_ms).toBeLessThan(150)
    expect(childPids()).toEqual([])
  })
})
