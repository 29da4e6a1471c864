import { describe, expect, it, vi } from 'vitest'
import type { DeviceEnergy, Energy } from '../../dist/results/energy.js'
import { type ExecResult, execOver } from './llem.js'
import { gpu, scenarioFile } from './scenario.js'

vi.setConfig({ testTimeout: 120_000, maxConcurrency: 4 })

const STEADY = [{ for_s: 1, w: 300 }]

/** Runs `sleep` over GPUs that draw 300 W and fail as `rests` say, each in its way; t = 0 is llem's first look. */
function measure(seconds: number, ...rests: Record<string, unknown>[]): Promise<ExecResult> {
  const devices = rests.map((rest, position) => ({ ...gpu(position, STEADY), ...rest }))
  return execOver(scenarioFile(devices), ['sleep', String(seconds)])
}

const fault = (call: string, from_s: number, to_s: number, rest: Record<string, unknown>) => ({
  faults: [{ call, from_s, to_s, ...rest }],
})

function first(energy: Energy): DeviceEnergy {
  return energy.devices[0] as DeviceEnergy
}

/** What holds whatever fails: numbers are numbers, and no energy is negative. */
function expectSound(energy: Energy): void {
  const numbers = (value: unknown): unknown[] =>
    typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbers) : [value]
  for (const value of numbers(energy)) {
    if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true)
  }
  for (const part of [energy, ...energy.devices]) {
    for (const joules of [part.total_j, part.integral_j, part.counter_j]) {
      if (joules !== null) expect(joules).toBeGreaterThanOrEqual(0)
    }
    if (part.total_j === null) expect(part.reason).not.toBe('')
  }
}

const joulesOf = (energy: Energy) => 300 * energy.duration_sec
const within = (pct: number, joules: number | null, expected: number) =>
  expect(Math.abs(100 * (Number(joules ?? Number.NaN) / expected - 1))).toBeLessThan(pct)

describe.concurrent('a measurement goes on and tells', () => {
  it('0 mW for 300 ms are missing values that are bridged, not data', async () => {
    const power = {
      segments: [
        { for_s: 1.5, w: 300 },
        { for_s: 0.3, w: 0 },
        { for_s: 1, w: 300 },
      ],
    }
    const { energy } = await measure(2.5, { power })
    expectSound(energy)
    const device = first(energy)
    expect(device.missing).toBeGreaterThan(10)
    expect(device.missing_reason).toBe('the driver answered 0 mW')
    within(0.1, device.integral_j, joulesOf(energy))
    // The counter has seen the hole: it is off by those 90 J.
    within(3, device.counter_j, joulesOf(energy) - 90)
  })

  it.for([
    { error: 'not_supported', said: 'not supported' },
    { error: 'unknown', said: 'driver error 999' },
  ])('$error for 300 ms in the middle costs nothing', async ({ error, said }) => {
    const { energy } = await measure(2, fault('all', 1.4, 1.7, { error }))
    expectSound(energy)
    const device = first(energy)
    expect(device.missing).toBeGreaterThan(20)
    expect(device.missing_reason).toBe(said)
    expect(device.coverage).toBe(1)
    expect(device.method).toBe('counter')
    within(0.1, device.integral_j, joulesOf(energy))
    within(2, device.counter_j, joulesOf(energy))
  })

  it('a call that stalls for 250 ms misses deadlines and no energy', async () => {
    const { energy } = await measure(2, fault('fields', 1.5, 1.51, { stall_ms: 250 }))
    expectSound(energy)
    expect(energy.sampler.missed_deadlines).toBeGreaterThanOrEqual(24)
    expect(energy.coverage).toBe(1)
    within(0.1, energy.integral_j, joulesOf(energy))
  })

  it('a gap of 800 ms is reported, lowers the coverage, and is left to the counter', async () => {
    const { energy } = await measure(3, fault('fields', 1.5, 2.3, { error: 'unknown' }))
    expectSound(energy)
    const device = first(energy)
    expect(device.gap_s).toBeGreaterThan(0.78)
    expect(device.gap_s).toBeLessThan(0.85)
    expect(device.coverage).toBeCloseTo(1 - device.gap_s / energy.duration_sec, 6)
    within(0.1, device.integral_j, 300 * (energy.duration_sec - device.gap_s))
    expect(device.method).toBe('counter')
    expect(device.reason).toContain('holes')
    // What the readings miss is no contradiction to the counter, neither of the GPU nor in sum.
    expect([device.residual_pct, energy.residual_pct]).toEqual([null, null])
    within(1, energy.total_j, joulesOf(energy))
  })

  it('a GPU that is lost has no total, the other one is unharmed', async () => {
    const { energy } = await measure(3, fault('all', 1.8, 1e9, { error: 'gpu_is_lost' }), {})
    expectSound(energy)
    const [lost, sound] = energy.devices as [DeviceEnergy, DeviceEnergy]
    expect(lost.total_j).toBeNull()
    expect(lost.reason).toMatch(/^GPU is lost, said the last power reading that failed; the energy counter /)
    expect(lost.reason).toContain('power readings cover')
    expect(lost.coverage).toBeLessThan(0.95)
    expect(lost.missing_reason).toBe('GPU is lost')
    within(1, sound.total_j, joulesOf(energy))
    expect(energy.total_j).toBeNull()
    expect(energy.reason).toContain('GPU 0: ')
  })

  it('a GPU that is lost and comes back has a gap, and its counter bridges it', async () => {
    const { energy } = await measure(3, fault('all', 1.5, 2.4, { error: 'gpu_is_lost' }), {})
    expectSound(energy)
    const [back, sound] = energy.devices as [DeviceEnergy, DeviceEnergy]
    expect(back.missing_reason).toBe('GPU is lost')
    expect(back.gap_s).toBeGreaterThan(0.88)
    expect(back.gap_s).toBeLessThan(1)
    expect(back).toMatchObject({ method: 'counter' })
    within(1, back.total_j, joulesOf(energy))
    expect(sound).toMatchObject({ gap_s: 0, missing: 0 })
  })

  it('a board without a counter is measured by the integral', async () => {
    const { energy } = await measure(1.5, { counter: { supported: false } })
    expectSound(energy)
    expect(energy.method).toBe('integral')
    expect(energy.reason).toBe('the energy counter could not be read')
    expect([energy.counter_j, energy.counter_raw_j]).toEqual([null, null])
    within(0.1, energy.total_j, joulesOf(energy))
  })

  it('a counter that is stuck is not believed', async () => {
    const { energy } = await measure(1.5, { counter: { update_period_ms: 1e9 } })
    expectSound(energy)
    expect(energy.method).toBe('integral')
    expect(energy.reason).toBe('the energy counter stands still, or was not read at both edges')
    within(0.1, energy.total_j, joulesOf(energy))
  })

  it('a driver without the instant field gives averages, says so, and waits for them', async () => {
    const { energy } = await measure(3, fault('fields', 0, 1e9, { error: 'not_supported' }))
    expectSound(energy)
    expect(first(energy).power_domain).toBe('average_1s')
    expect(energy.method).toBe('counter')
    within(1, energy.total_j, joulesOf(energy))
  })

  it('averages that lag behind the load do not outvote the counter', async () => {
    const power = {
      segments: [
        { for_s: 1.2, w: 75 },
        { for_s: 2, w: 600 },
        { for_s: 1, w: 75 },
      ],
    }
    const { energy } = await measure(3, {
      power,
      ...fault('fields', 0, 1e9, { error: 'not_supported' }),
    })
    expectSound(energy)
    expect(energy.method).toBe('counter')
  })

  it('an older board without the instant field is read by nvmlDeviceGetPowerUsage, which is instant there', async () => {
    const { energy } = await measure(1.5, {
      architecture: 'volta',
      ...fault('fields', 0, 1e9, { error: 'not_supported' }),
    })
    expect(first(energy).power_domain).toBe('power_usage')
    within(0.1, first(energy).integral_j, joulesOf(energy))
  })

  it('power that can never be read leaves the energy to the counter', async () => {
    const { energy } = await measure(1.5, {
      faults: ['fields', 'power'].map((call) => ({ from_s: 0, to_s: 1e9, call, error: 'unknown' })),
    })
    expectSound(energy)
    expect(first(energy).integral_j).toBeNull()
    expect(first(energy).max_power_w).toBeNull()
    expect(energy.method).toBe('counter')
    within(2, energy.total_j, joulesOf(energy))
  })

  it('a GPU in MIG mode is measured whole', async () => {
    const { energy } = await measure(1.2, { mig_mode: true })
    expectSound(energy)
    within(1, energy.total_j, joulesOf(energy))
  })

  it('a window of 50 ms is too short for any claim, and both estimates are still told', async () => {
    const { energy } = await measure(0.05, {})
    expectSound(energy)
    expect(energy.total_j).toBeNull()
    expect(energy.reason).toMatch(
      /^the window of \d+ ms is shorter than 3 update periods of the sensor \(100 ms each\)$/,
    )
    within(10, energy.integral_j, joulesOf(energy))
  })
})
