// Whose the joules are, from samples that the real sampler took of simulated GPUs whose true power is known.

import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type Attribution, attributeEnergy } from '../../dist/attribution/of-requests.js'
import { steadyEnergy } from '../../dist/attribution/of-stretch.js'
import { integralPieces } from '../../dist/native/recording.js'
import type { Energy } from '../../dist/results/energy.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { type TimedLine, timesOf } from '../../dist/results/request-times.js'
import { steadyStateOf } from '../../dist/results/steady-state.js'
import { checksOfAttributedSamples } from '../../dist/verify/attribution.js'
import { pathIn } from '../cli/experiment.js'
import { execOver } from '../native/llem.js'
import {
  type Gpu,
  gpu,
  nowNs,
  randomOf,
  type Segment,
  scenarioFile,
  scratchFolder,
  servingLoad,
  trueJoules,
} from '../native/scenario.js'

vi.setConfig({ testTimeout: 30_000, hookTimeout: 120_000 })

interface Recorded {
  energy: Energy
  samples: string
  epochNs: number
}

/** Measures GPUs whose t = 0 is now for some seconds. */
async function recorded(devices: Gpu[], seconds: number): Promise<Recorded> {
  const epochNs = nowNs()
  const outputDir = scratchFolder()
  const scenario = scenarioFile(devices, epochNs)
  const { energy } = await execOver(scenario, ['sleep', String(seconds)], ['-o', outputDir])
  return { energy, samples: join(dirname(pathIn(outputDir, 'result.json')), 'samples.parquet'), epochNs }
}

/** A request from one second of the scenario to another. */
function request({ epochNs }: Recorded, fromS: number, firstS: number | null, toS: number): TimedLine {
  return {
    start_ns: epochNs + fromS * 1e9,
    end_ns: epochNs + toS * 1e9,
    ttft_ms: firstS === null ? null : (firstS - fromS) * 1e3,
    input_tokens: 1000,
    output_tokens: 101,
  }
}

async function attributed({ samples, energy }: Recorded, lines: readonly TimedLine[]): Promise<Attribution> {
  const { attribution, reason } = await attributeEnergy(samples, timesOf(lines), energy)
  if (attribution === null) throw new Error(reason)
  return attribution
}

const sum = (values: Iterable<number>) => [...values].reduce((all, value) => all + value, 0)
const known = (energies: Float64Array) => energies.filter((joules) => !Number.isNaN(joules))

/** All that a window's energy went to is its energy. */
function expectWhole({ energy }: Recorded, { energies, phases, requestEnergy }: Attribution): void {
  const totalJ = Number(energy.total_j)
  const { idle_j, failed_j, unattributed_j, total_j } = requestEnergy
  expect(Math.abs(sum(known(energies)) + idle_j + unattributed_j - totalJ)).toBeLessThan(1e-9 * totalJ)
  expect(Math.abs(total_j + failed_j + idle_j + unattributed_j - totalJ)).toBeLessThan(1e-9 * totalJ)
  const phasesJ = (phases.prefill?.energy_j ?? 0) + (phases.decode?.energy_j ?? 0)
  const besideJ = phases.mixed_j + phases.idle_j + phases.unattributable_j
  expect(Math.abs(phasesJ + besideJ - totalJ)).toBeLessThan(1e-9 * totalJ)
}

const IDLE_S = 3
/** As on a real board no two values are the same, which tells how often the sensor publishes. */
const RESTLESS = { sensor: { update_period_ms: 100, window_ms: 25, noise_w: 1 } }
/** 1 s of prefill at 400 W, 2 s of decode at 250 W; the rest of a cycle, so that the sensor's ticks fall elsewhere in each. */
const CYCLES = 4
const phasesAt = (prefillS: number, decodeS: number): Segment[] => [
  { for_s: IDLE_S, w: 75 },
  ...Array.from({ length: CYCLES }, () => [
    { for_s: prefillS, w: 400 },
    { for_s: decodeS, w: 250 },
  ]).flat(),
  { for_s: 1, w: 75 },
]
const SLOW = phasesAt(1, 2.027)
const LOCKED = phasesAt(1, 2)
const SHORT = phasesAt(0.15, 1.5)

let slow: Recorded
let locked: Recorded
let short: Recorded
let two: Recorded
let holes: Recorded
const TWO = [servingLoad(randomOf(1), 2.5, 9), servingLoad(randomOf(2), 2.5, 9)] as const
const HOLES = servingLoad(randomOf(3), 2.5, 9)

beforeAll(async () => {
  const lost = [{ call: 'fields', from_s: 5, to_s: 5.9, error: 'unknown' }]
  ;[slow, locked, short, two, holes] = await Promise.all([
    recorded([gpu(0, SLOW, RESTLESS)], 16),
    recorded([gpu(0, LOCKED, RESTLESS)], 16),
    recorded([gpu(0, SHORT, RESTLESS)], 11),
    recorded([gpu(0, [...TWO[0]]), gpu(1, [...TWO[1]])], 9),
    recorded([gpu(0, [...HOLES], { faults: lost })], 9),
  ])
})

/** One request after the other, as the phases of the scenario are. */
function inTurn(record: Recorded, prefillS: number, decodeS: number): TimedLine[] {
  return Array.from({ length: CYCLES }, (_, cycle) => {
    const fromS = IDLE_S + cycle * (prefillS + decodeS)
    return request(record, fromS, fromS + prefillS, fromS + prefillS + decodeS)
  })
}

describe('a load that prefills and decodes in turn', () => {
  it('has phases within 2 % of the truth, and within their bound', async () => {
    const found = await attributed(slow, inTurn(slow, 1, 2.027))
    expectWhole(slow, found)
    const { prefill, decode, mixed_j, reason } = found.phases
    expect({ mixed_j, reason }).toEqual({ mixed_j: 0, reason: null })
    const truth = { prefill: CYCLES * 400, decode: CYCLES * 250 * 2.027 }
    expect(prefill).toMatchObject({ requests: CYCLES, left_out: 0, input_tokens: CYCLES * 1000 })
    expect(decode).toMatchObject({ requests: CYCLES, left_out: 0, output_tokens: CYCLES * 100 })
    expect(Math.abs(Number(prefill?.energy_j) / truth.prefill - 1)).toBeLessThan(0.03)
    expect(Math.abs(Number(decode?.energy_j) / truth.decode - 1)).toBeLessThan(0.03)
    expect(Math.abs(Number(prefill?.energy_j) - truth.prefill)).toBeLessThan(Number(prefill?.uncertainty_j))
    expect(Math.abs(Number(decode?.energy_j) - truth.decode)).toBeLessThan(Number(decode?.uncertainty_j))
    expect(prefill?.duration_s).toBeCloseTo(CYCLES, 6)
  })

  it('in step with the sensor has them within their bound', async () => {
    const { phases } = await attributed(locked, inTurn(locked, 1, 2))
    const { prefill, decode } = phases
    expect(Math.abs(Number(prefill?.energy_j) - CYCLES * 400)).toBeLessThan(Number(prefill?.uncertainty_j))
    expect(Math.abs(Number(decode?.energy_j) - CYCLES * 500)).toBeLessThan(Number(decode?.uncertainty_j))
  })

  it('has no prefill where that is shorter than the sensor can see, but the energy of each request', async () => {
    const found = await attributed(short, inTurn(short, 0.15, 1.5))
    expectWhole(short, found)
    expect(found.phases.prefill).toBeNull()
    expect(found.phases.reason).toMatch(
      /^unattributable: prefill: of 4, 4 shorter than 3 update periods of the power sensor \(30\d ms\)$/,
    )
    expect(Math.abs(Number(found.phases.decode?.energy_j) / (CYCLES * 375) - 1)).toBeLessThan(0.02)
    for (const joules of found.energies) expect(Math.abs(joules / (60 + 375) - 1)).toBeLessThan(0.04)
  })

  it('has the energy of each request, and idle time that is nobody’s', async () => {
    const { energies, requestEnergy } = await attributed(slow, inTurn(slow, 1, 2.027))
    for (const joules of energies) expect(Math.abs(joules / (400 + 250 * 2.027) - 1)).toBeLessThan(0.04)
    const { window, duration_sec } = slow.energy
    const idleS = duration_sec - CYCLES * 3.027
    expect((window.start_ns - slow.epochNs) / 1e9).toBeLessThan(IDLE_S)
    expect(Math.abs(requestEnergy.idle_j / (75 * idleS) - 1)).toBeLessThan(0.1)
  })
})

describe('requests that overlap', () => {
  const random = randomOf(5)
  const overlapping = (record: Recorded) =>
    Array.from({ length: 300 }, () => {
      const fromS = 4 + 5 * random()
      const toS = Math.min(9, fromS + 3 * random())
      return request(record, fromS, random() < 0.1 ? null : fromS + (toS - fromS) * random(), toS)
    })

  it('on two GPUs have all their energy, and together that of the window', async () => {
    const found = await attributed(two, overlapping(two))
    expectWhole(two, found)
    expect(known(found.energies)).toHaveLength(300)
    const [fromS, toS] = [4, 7]
    const [only] = (await attributed(two, [request(two, fromS, null, toS)])).energies
    const truthJ = sum(TWO.map((load) => trueJoules(load, fromS, toS)))
    expect(Math.abs(Number(only) / truthJ - 1)).toBeLessThan(0.03)
  })

  it('add up to the headline also where another backend measured, whose window lies within', async () => {
    const { window } = two.energy
    const total_j = Number(two.energy.total_j) * 1.02
    const [first, second] = two.energy.devices
    const energy: Energy = {
      ...two.energy,
      backend: 'zeus',
      total_j,
      window: { ...window, start_ns: window.start_ns + 2e6, end_ns: window.end_ns - 1e6 },
      measurement: {
        per_gpu_j: { [String(first?.uuid)]: total_j * 0.4, [String(second?.uuid)]: total_j * 0.6 },
        samples: null,
        domains: [],
        emissions: null,
        versions: {},
      },
      cross_check: {
        total_j: two.energy.total_j,
        uncertainty_j: two.energy.uncertainty_j,
        absolute_uncertainty_j: two.energy.absolute_uncertainty_j,
        method: two.energy.method,
        reason: two.energy.reason,
        window,
        devices: two.energy.devices,
        over_backend_window_j: null,
        edges_j: null,
        residual_pct: 2,
        flagged: false,
      },
    }
    const zeus = { ...two, energy }
    expectWhole(zeus, await attributed(zeus, overlapping(two)))
    const sumOnly = { ...two, energy: { ...energy, measurement: { ...energy.measurement, per_gpu_j: null } } }
    expectWhole(sumOnly as Recorded, await attributed(sumOnly as Recorded, overlapping(two)))
  })

  it('have no energy where readings are missing meanwhile, and what is missing is said', async () => {
    const { total_j, coverage } = holes.energy
    expect(coverage).toBeLessThan(1)
    // The counter counts on while the readings fail.
    expect(total_j).not.toBeNull()
    const lines = [request(holes, 2.6, 3, 4.5), request(holes, 4, 4.2, 5.5), request(holes, 6.5, 7, 8.5)]
    const found = await attributed(holes, lines)
    expectWhole(holes, found)
    expect([...found.energies].map(Number.isNaN)).toEqual([false, true, false])
    const holeJ = trueJoules(HOLES, 5, 5.9)
    expect(found.requestEnergy.unattributed_j).toBeGreaterThan(0.8 * holeJ)
    const truthJ = trueJoules(HOLES, 6.5, 8.5)
    expect(Math.abs(Number(found.energies[2]) / truthJ - 1)).toBeLessThan(0.05)
  })
})

describe('the pieces of a window', () => {
  it('add up to its headline, device by device', async () => {
    const { start_ns, end_ns } = two.energy.window
    const random = randomOf(6)
    const cuts = Array.from({ length: 1000 }, () => start_ns + (end_ns - start_ns) * random())
    const boundaries = Float64Array.of(start_ns, ...cuts.map(Math.round), end_ns).sort()
    const devices = await integralPieces(two.samples, boundaries)
    for (const [position, { joules }] of devices.entries()) {
      const totalJ = Number(two.energy.devices[position]?.total_j)
      expect(Math.abs(sum(joules) - totalJ)).toBeLessThan(1e-9 * totalJ)
    }
  })

  it('that add up to anything else are refused', async () => {
    const devices = two.energy.devices.map((device) => ({
      ...device,
      total_j: Number(device.total_j) + 1e-3,
    }))
    const other = { ...two, energy: { ...two.energy, devices } }
    await expect(attributed(other, [request(two, 3, null, 4)])).rejects.toMatchObject({
      code: 'PIECES_DIFFER',
      message: expect.stringMatching(/^the pieces of GPU 0 add up to [\d.]+ J, and it has [\d.]+ J$/),
    })
  })

  it('outside of it are refused', async () => {
    const { start_ns, end_ns } = two.energy.window
    await expect(integralPieces(two.samples, Float64Array.of(start_ns - 1, end_ns))).rejects.toMatchObject({
      code: 'PART_OUTSIDE',
    })
  })
})

describe('the energy of a steady state', () => {
  it('is that of the stretch, within its uncertainty', async () => {
    for (const [record, loads] of [
      [two, TWO],
      [slow, [SLOW]],
    ] as const) {
      const [fromS, toS] = [3.7, 8.3]
      const ns = [fromS, toS].map((s) => record.epochNs + s * 1e9) as [number, number]
      const { energy_j, uncertainty_j, method, reason } = await steadyEnergy(record.samples, ...ns)
      const truthJ = sum(loads.map((load) => trueJoules(load, fromS, toS)))
      expect({ method, reason }).toEqual({
        method: expect.stringMatching(/^(counter|integral)$/),
        reason: null,
      })
      expect(Math.abs(Number(energy_j) / truthJ - 1)).toBeLessThan(0.03)
      expect(Math.abs(Number(energy_j) - truthJ)).toBeLessThan(Number(uncertainty_j))
      expect(Number(uncertainty_j)).toBeLessThan(0.08 * truthJ)
    }
  })

  it('is null with the reason where it is shorter than the sensor can see', async () => {
    const { start_ns } = slow.energy.window
    expect(await steadyEnergy(slow.samples, start_ns + 3e9, start_ns + 3.1e9)).toMatchObject({
      energy_j: null,
      reason: expect.stringMatching(/^the window of 100 ms is shorter than 3 update periods/),
    })
  })

  it('is what the samples say once more, and another number is named', async () => {
    const { start_ns } = two.energy.window
    const span = { start_ns: start_ns + 2e9, end_ns: start_ns + 5e9, input_tokens: 10, output_tokens: 20 }
    const steady_state = steadyStateOf(span, await steadyEnergy(two.samples, span.start_ns, span.end_ns))
    const result = { energy: two.energy, phases: null, request_energy: null, steady_state }
    const differing = async (changed: object) => {
      const all = { ...result, ...changed } as unknown as ExperimentResult
      const checks = await checksOfAttributedSamples(all, two.samples, null)
      expect(checks).toHaveLength(4)
      return checks.filter(({ agrees }) => !agrees).map(({ quantity }) => quantity)
    }
    expect(await differing({})).toEqual([])
    const energy_j = Number(steady_state.energy_j) + 1e-3
    expect(await differing({ steady_state: { ...steady_state, energy_j } })).toEqual([
      'steady_state.energy_j',
    ])
  })

  it('outside of the run is refused', async () => {
    const { start_ns, end_ns } = slow.energy.window
    await expect(steadyEnergy(slow.samples, start_ns, end_ns + 1e6)).rejects.toMatchObject({
      code: 'PART_OUTSIDE',
    })
  })
})
