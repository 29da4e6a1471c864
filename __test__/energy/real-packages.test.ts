// The real Zeus and CodeCarbon beside llem's own sampler over one simulated signal whose energy is known.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Meter, openMeter } from '../../dist/energy/meter.js'
import { simulate } from '../../dist/native/simulation.js'
import type { Energy } from '../../dist/results/energy.js'
import {
  type Gpu,
  gpu,
  nowNs,
  randomOf,
  type Segment,
  scenarioFile,
  servingLoad,
  trueJoules,
} from '../native/scenario.js'
import { installReal, pathWithNvidiaSmi, wishes } from './python-backends.js'

vi.setConfig({ testTimeout: 120_000 })

const PEAK_W = 690
const TICK_S = 0.1
let missing: string | null = null

beforeAll(async () => {
  missing = (await installReal('zeus')) ?? (await installReal('codecarbon'))
}, 900_000)

/** Two GPUs that serve for ten minutes from now on, and what they really use. */
function servingGpus(): { library: string; trueJ: (energy: Energy, gpus: number) => number } {
  const signals: Segment[][] = [1, 2].map((seed) => servingLoad(randomOf(seed), 0, 600))
  const devices: Gpu[] = signals.map((segments, position) => gpu(position, segments))
  const epochNs = nowNs()
  const library = simulate(scenarioFile(devices, epochNs))
  return {
    library,
    trueJ({ window }, gpus) {
      const [fromS, toS] = [(window.start_ns - epochNs) / 1e9, (window.end_ns - epochNs) / 1e9]
      return signals.slice(0, gpus).reduce((sum, signal) => sum + trueJoules(signal, fromS, toS), 0)
    },
  }
}

describe('over one window of 20 s', () => {
  const audited = join(mkdtempSync(join(tmpdir(), 'llem-audit-')), 'log')
  const measured = new Map<string, Energy>()
  let trueJ: (energy: Energy, gpus: number) => number
  const found = (key: string): Energy => {
    const energy = measured.get(key)
    if (energy === undefined) throw new Error(`${key} was not measured`)
    return energy
  }

  // All at once, so that they see the same load and the tests take 20 s and not 100.
  beforeAll(async () => {
    if (missing !== null) return
    process.env.PATH = pathWithNvidiaSmi()
    process.env.PYTHONPATH = fileURLToPath(new URL('audit', import.meta.url))
    process.env.LLEM_TEST_AUDIT_LOG = audited
    writeFileSync(audited, 'audited\n')
    const gpus = servingGpus()
    trueJ = gpus.trueJ
    const options = { approx_instant_energy: false, country: 'FRA', intensity_gco2_kwh: null }
    const meters: [string, Meter][] = []
    for (const backend of ['nvml', 'zeus', 'codecarbon'] as const) {
      for (const devices of [[0], [0, 1]]) {
        const meter = await openMeter(wishes({ backend, devices, libraryPath: gpus.library, options }))
        meters.push([`${backend} on ${devices.length}`, meter])
      }
    }
    const open = await Promise.all(meters.map(async ([key, meter]) => [key, await meter.begin()] as const))
    await sleep(20_000)
    await Promise.all(open.map(async ([key, window]) => measured.set(key, await window.end())))
    await Promise.all(meters.map(([, meter]) => meter.close()))
  }, 180_000)

  it.for([1, 2])(
    'Zeus on %i GPU agrees with the truth within one tick of the counter at each end',
    (gpus, context) => {
      if (missing !== null) context.skip(missing)
      const energy = found(`zeus on ${gpus}`)
      expect(energy).toMatchObject({ backend: 'zeus', method: 'counter', measurement: { samples: 2 } })
      const errorJ = Math.abs(Number(energy.total_j) - trueJ(energy, gpus))
      expect(errorJ).toBeLessThan(gpus * 2 * PEAK_W * TICK_S)
      expect(Object.values(energy.measurement?.per_gpu_j ?? {})).toHaveLength(gpus)
    },
  )

  it.for([1, 2])(
    "CodeCarbon's GPU part on %i GPU agrees with the truth within a twentieth",
    (gpus, context) => {
      if (missing !== null) context.skip(missing)
      const energy = found(`codecarbon on ${gpus}`)
      expect(energy).toMatchObject({ backend: 'codecarbon', method: 'counter' })
      expect(Math.abs(Number(energy.total_j) / trueJ(energy, gpus) - 1)).toBeLessThan(0.05)
    },
  )

  it('CodeCarbon keeps CPU and RAM apart, and its emissions with the country that it used', (context) => {
    if (missing !== null) context.skip(missing)
    const { total_j, measurement } = found('codecarbon on 1')
    const [cpu, ram] = measurement?.domains ?? []
    expect([cpu?.domain, ram?.domain]).toEqual(['cpu', 'ram'])
    const kwh = [total_j, cpu?.energy_j, ram?.energy_j].reduce<number>((sum, j) => sum + Number(j) / 3.6e6, 0)
    expect(measurement?.emissions).toEqual({
      gco2e: expect.closeTo(kwh * 56.039, 6),
      energy_kwh: expect.closeTo(kwh, 9),
      country: 'FRA',
      intensity_gco2_kwh: expect.closeTo(56.039, 3),
    })
  })

  it.for(['zeus on 1', 'zeus on 2', 'codecarbon on 1', 'codecarbon on 2'])(
    '%s differs from nvml by no more than their uncertainties, and the cross-check says so',
    (key, context) => {
      if (missing !== null) context.skip(missing)
      const energy = found(key)
      const native = found(key.replace(/^\w+/, 'nvml'))
      // Their windows begin milliseconds apart.
      const apartS = Math.abs(energy.duration_sec - native.duration_sec) + 0.05
      const allowedJ = Number(energy.uncertainty_j) + Number(native.uncertainty_j) + 2 * PEAK_W * apartS
      expect(Math.abs(Number(energy.total_j) - Number(native.total_j))).toBeLessThan(allowedJ)
      expect(energy.cross_check).toMatchObject({ flagged: false })
      expect(Math.abs(Number(energy.cross_check?.residual_pct))).toBeLessThan(3)
    },
  )

  it('neither of them asks the network, or writes a file but to see where temporary ones may be', (context) => {
    if (missing !== null) context.skip(missing)
    const lines = readFileSync(audited, 'utf8').trim().split('\n')
    expect(lines.filter((line) => !line.startsWith(`open '${tmpdir()}/`))).toEqual(['audited'])
  })
})
