import { expect, it, vi } from 'vitest'
import type { NativeEnergy } from '../../dist/results/energy.js'
import { execOver } from './llem.js'
import { gpu, nowNs, type Segment, scenarioFile, trueJoules } from './scenario.js'

vi.setConfig({ testTimeout: 60_000 })

/** Restless, and in step with nothing, so that every tick of the sensor shows another value. */
const segments: Segment[] = [{ for_s: 60, sine: { mean_w: 400, amplitude_w: 150, period_s: 0.37 } }]
const phases = [3, 37, 71]
const devices = phases.map((phase_ms, position) =>
  gpu(position, segments, { sensor: { update_period_ms: 100, window_ms: 25, phase_ms } }),
)

async function measure(options: readonly string[]): Promise<{ energy: NativeEnergy; errorsPct: number[] }> {
  const epochNs = nowNs()
  const { energy } = await execOver(scenarioFile(devices, epochNs), ['sleep', '10'], options)
  const { start_ns, end_ns } = energy.window
  const trueJ = trueJoules(segments, (start_ns - epochNs) / 1e9, (end_ns - epochNs) / 1e9)
  const errorsPct = energy.devices.map(({ integral_j }) => 100 * Math.abs(Number(integral_j) / trueJ - 1))
  return { energy, errorsPct }
}

it('reading the power around its ticks only takes at least 60 % fewer driver calls and finds the same energy', async () => {
  const [always, locked] = await Promise.all([measure([]), measure(['--tick-locked'])])
  expect(locked.energy.sampler.driver_calls).toBeLessThan(0.4 * always.energy.sampler.driver_calls)
  for (const [position, device] of locked.energy.devices.entries()) {
    expect(device.coverage).toBe(1)
    expect(device.sensor.update_period_ms).toBeCloseTo(100, 0)
    expect(locked.errorsPct[position]).toBeLessThan(Number(always.errorsPct[position]) + 0.5)
  }
  expect(locked.energy.sampler.missed_deadlines).toBeLessThan(20)
})
