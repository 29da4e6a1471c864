import { describe, expect, it } from 'vitest'
import type { Baseline } from '../../dist/baseline/bare.js'
import { breakDown, type ParkedLevel } from '../../dist/baseline/breakdown.js'
import { deviceEnergy, energy } from '../experiment/findings.js'

describe('the energy breakdown', () => {
  const baseline: Baseline = {
    powerW: 80,
    method: 'cached',
    measuredAt: '2025-01-01T00:00:00.000Z',
    ageS: 12,
    disturbances: [],
    devices: [
      { device: { uuid: 'GPU-1', index: 0, energyCounter: true }, powerW: 50, uncertaintyW: 0.3 },
      { device: { uuid: 'GPU-2', index: 1, energyCounter: true }, powerW: 30, uncertaintyW: 0.4 },
    ],
  }

  it('of one process takes off what its own GPUs draw, each once', () => {
    const devices = [
      deviceEnergy({ uuid: 'GPU-1', total_j: 4000 }),
      deviceEnergy({ index: 1, uuid: 'GPU-2', total_j: 2000 }),
    ]
    const own = (uuids: string[]) => breakDown(energy({ devices }), baseline, { uuids })
    expect(own(['GPU-1'])).toMatchObject({ raw_j: 4000, baseline_power_w: 50, adjusted_j: 4000 - 50 * 60 })
    expect(own(['GPU-2', 'GPU-2'])).toMatchObject({ raw_j: 2000, adjusted_j: 2000 - 30 * 60 })
    expect(own(['GPU-1', 'GPU-2'])).toMatchObject({ raw_j: 6000, adjusted_j: 6000 - 80 * 60 })
  })

  it('has no adjusted energy where one of the GPUs has no baseline', () => {
    const devices = [deviceEnergy({ uuid: 'GPU-3', total_j: 4000 })]
    expect(breakDown(energy({ devices }), baseline, { uuids: ['GPU-3'] })).toMatchObject({
      raw_j: 4000,
      adjusted_j: null,
      baseline_power_w: null,
      baseline_method: 'unavailable',
    })
  })

  it('takes the baseline off over the very window of the energy', () => {
    expect(breakDown(energy(), baseline)).toEqual({
      raw_j: 6000,
      adjusted_j: 6000 - 80 * 60,
      baseline_power_w: 80,
      baseline_uncertainty_w: 0.5,
      baseline_method: 'cached',
      baseline_timestamp: '2025-01-01T00:00:00.000Z',
      baseline_cache_age_sec: 12,
      baseline_reason: null,
      bare_j: 80 * 60,
      ...{ parked_power_w: null, parked_uncertainty_w: null, parked_source: null, parked_duration_sec: null },
      ...{ parked_j: null, parked_reason: 'it was not measured', active_j: null, active_uncertainty_j: null },
      active_energy_per_output_token_j: null,
      active_energy_per_output_token_uncertainty_j: null,
    })
  })

  it('is of the GPUs alone, whatever else a backend has measured', () => {
    const measurement = {
      ...{ per_gpu_j: { 'GPU-1': 6000 }, samples: 2, emissions: null, versions: {} },
      domains: [{ domain: 'cpu', energy_j: 900, source: 'RAPL' }],
    }
    const told = breakDown(energy({ backend: 'codecarbon', measurement }), baseline)
    expect(told).toMatchObject({ raw_j: 6000, adjusted_j: 6000 - 80 * 60 })
    expect(
      breakDown(energy({ backend: 'codecarbon', measurement }), baseline, { uuids: ['GPU-1'] })?.raw_j,
    ).toBe(6000)
  })

  const parkedAt = (watts: number, reason: string | null = null): ParkedLevel => ({
    devices: [
      { device: { uuid: 'GPU-1' }, powerW: watts / 2, uncertaintyW: 0.3 },
      { device: { uuid: 'GPU-2' }, powerW: watts / 2, uncertaintyW: 0.4 },
    ],
    source: 'thermal_floor',
    durationS: 12,
    reason,
  })

  it('has three parts that add up, with what is uncertain of each', () => {
    // 6000 J in 60 s, of which 80 W are bare, 10 W more parked, and 600 J are left for 300 tokens.
    expect(breakDown(energy(), baseline, { parked: parkedAt(90), outputTokens: 300 })).toMatchObject({
      ...{ raw_j: 6000, bare_j: 4800, parked_j: 600, active_j: 600, parked_power_w: 90 },
      parked_uncertainty_w: 0.5,
      active_uncertainty_j: Math.hypot(3, 0.5 * 60),
      active_energy_per_output_token_j: 2,
      ...{ baseline_reason: null, parked_reason: null },
    })
  })

  it('knows the active energy without a bare level', () => {
    expect(breakDown(energy(), null, { parked: parkedAt(90), outputTokens: 300 })).toMatchObject({
      ...{ bare_j: null, parked_j: null, active_j: 600 },
      parked_reason: 'the power before the model was loaded is not known',
    })
  })

  it.for<[string, Partial<Baseline>, RegExp]>([
    [
      'was disturbed',
      { disturbances: ['the power of GPU 0 rose.'] },
      /^while idle power was measured, the power/,
    ],
    ['had the model of a server in memory', { method: 'fresh', serverRuns: true }, /^the server ran before/],
    ['had a model in memory', { method: 'fresh', modelLoaded: true }, /earlier experiment in memory$/],
  ])('subtracts no bare level that %s, tells it, and why', ([, overrides, reason]) => {
    const told = breakDown(energy(), { ...baseline, ...overrides }, { parked: parkedAt(90) })
    expect(told).toMatchObject({
      ...{ adjusted_j: null, bare_j: null, parked_j: null, active_j: 600, baseline_power_w: 80 },
      baseline_reason: expect.stringMatching(reason),
    })
  })

  it('subtracts no parked level that drifted, tells it, and why', () => {
    const told = breakDown(energy(), baseline, { parked: parkedAt(90, 'it fell') })
    expect(told).toMatchObject({
      ...{ adjusted_j: 1200, bare_j: 4800, parked_power_w: 90, parked_j: null, active_j: null },
      ...{ active_uncertainty_j: null, parked_reason: 'it fell' },
    })
  })

  it('subtracts a level that was kept before the server ran or the model was loaded', () => {
    for (const overrides of [{ serverRuns: true }, { modelLoaded: true }, { method: 'fresh' as const }])
      expect(breakDown(energy(), { ...baseline, ...overrides })).toMatchObject({
        ...{ adjusted_j: 1200, baseline_reason: null },
      })
  })

  it('says which level one of the GPUs lacks', () => {
    const [first] = parkedAt(90).devices ?? []
    const parked = { ...parkedAt(90), devices: first === undefined ? [] : [first] }
    const devices = [deviceEnergy({ uuid: 'GPU-2', total_j: 4000 })]
    const told = breakDown(energy({ devices }), { ...baseline, devices: [] }, { parked, uuids: ['GPU-2'] })
    expect(told).toMatchObject({
      baseline_reason: 'one of the GPUs has no baseline',
      parked_reason: 'one of the GPUs has no parked power',
      ...{
        adjusted_j: null,
        parked_power_w: null,
        parked_j: null,
        active_j: null,
        active_uncertainty_j: null,
      },
    })
  })

  it('of all GPUs takes off what was said of all, also where no single one was', () => {
    expect(breakDown(energy(), { ...baseline, devices: [] })).toMatchObject({
      ...{ adjusted_j: 1200, baseline_power_w: 80, baseline_uncertainty_w: null, baseline_reason: null },
    })
  })

  it('adds up to the last digit', () => {
    const told = breakDown(energy(), { ...baseline, powerW: 80.1 }, { parked: parkedAt(90.2) })
    const { bare_j, parked_j, active_j } = told ?? {}
    expect(active_j).toBe(6000 - Number(bare_j) - Number(parked_j))
    // Which is not what the level comes to by itself.
    expect(active_j).not.toBe(6000 - 90.2 * 60)
  })

  it('is not uncertain by what is not known', () => {
    const parked = parkedAt(90)
    const unsure = {
      ...parked,
      devices: parked.devices?.map((level) => ({ ...level, uncertaintyW: null })) ?? [],
    }
    const uncertaintyOf = (measured: ReturnType<typeof energy>, level: ParkedLevel) =>
      breakDown(measured, baseline, { parked: level, outputTokens: 300 })
    const told = { active_uncertainty_j: null, active_energy_per_output_token_uncertainty_j: null }
    expect(uncertaintyOf(energy(), unsure)).toMatchObject({ ...told, active_j: 600 })
    expect(uncertaintyOf(energy({ uncertainty_j: null }), parked)).toMatchObject({ ...told, active_j: 600 })
  })

  it.for([null, 0])('has no joules per token of %s tokens', (outputTokens) => {
    expect(breakDown(energy(), baseline, { parked: parkedAt(90), outputTokens })).toMatchObject({
      ...{ active_j: 600, active_energy_per_output_token_j: null },
      active_energy_per_output_token_uncertainty_j: null,
    })
  })

  it('has no joules per token where a level drifted', () => {
    const parked = parkedAt(90, 'it fell')
    expect(breakDown(energy(), baseline, { parked, outputTokens: 300 })).toMatchObject({
      ...{ active_energy_per_output_token_j: null, active_energy_per_output_token_uncertainty_j: null },
    })
  })

  it('keeps a negative value', () => {
    expect(breakDown(energy(), { ...baseline, powerW: 150 })?.adjusted_j).toBe(-3000)
  })

  it('has no adjusted energy without a baseline', () => {
    expect(breakDown(energy(), null)).toMatchObject({
      raw_j: 6000,
      adjusted_j: null,
      baseline_power_w: null,
      baseline_method: 'unavailable',
    })
  })

  it.for([
    ['there is no energy', null],
    ['the energy is unknown', energy({ total_j: null })],
  ] as const)('is null, not 0, where %s', ([, measured]) => {
    expect(breakDown(measured, baseline)).toBeNull()
  })
})
