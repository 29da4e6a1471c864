import { expect, it, vi } from 'vitest'
import type { DeviceEnergy, Energy } from '../../dist/results/energy.js'
import { execOver } from './llem.js'
import { type Gpu, gpu, nowNs, type Segment, scenarioFile } from './scenario.js'

vi.setConfig({ testTimeout: 60_000 })

/** Restless, and in step with nothing, so that every tick of sensor and counter shows another value. */
const RESTLESS: Segment[] = [{ for_s: 60, sine: { mean_w: 400, amplitude_w: 150, period_s: 0.37 } }]

/** When sensor and counter publish, milliseconds; both count from the same phase. */
interface Ticks {
  sensorMs: number
  counterMs: number
  phaseMs: number
}

function ticking({ sensorMs, counterMs, phaseMs }: Ticks, position: number): Gpu {
  return gpu(position, RESTLESS, {
    sensor: { update_period_ms: sensorMs, window_ms: 10, phase_ms: phaseMs },
    counter: { update_period_ms: counterMs },
  })
}

interface Phase {
  foundMs: number
  doubtMs: number
  /** By how much it is off the nearest tick of the truth. */
  offMs: number
  periodMs: number
}

/** What a result says of a phase, beside the truth; null where it says nothing. */
function phaseOf(
  [periodMs, foundMs, doubtMs]: (number | null)[],
  trueMs: { period: number; phase: number },
  startMs: number,
): Phase | null {
  if (periodMs == null || foundMs == null || doubtMs == null) return null
  const ticks = (startMs + foundMs - trueMs.phase) / trueMs.period
  return { foundMs, doubtMs, offMs: Math.abs(ticks - Math.round(ticks)) * trueMs.period, periodMs }
}

async function phasesOf(ticks: readonly Ticks[], seconds: number, options: readonly string[] = []) {
  const epochNs = nowNs()
  const scenario = scenarioFile(ticks.map(ticking), epochNs)
  const { energy } = await execOver(scenario, ['sleep', String(seconds)], options)
  const startMs = (energy.window.start_ns - epochNs) / 1e6
  return energy.devices.map(({ sensor }: DeviceEnergy, position) => {
    const { sensorMs, counterMs, phaseMs } = ticks[position] as Ticks
    const ofSensor = [sensor.update_period_ms, sensor.first_update_ms, sensor.first_update_doubt_ms]
    const ofCounter = [
      sensor.counter_period_ms,
      sensor.counter_first_update_ms,
      sensor.counter_first_update_doubt_ms,
    ]
    return {
      sensor: phaseOf(ofSensor, { period: sensorMs, phase: phaseMs }, startMs),
      counter: phaseOf(ofCounter, { period: counterMs, phase: phaseMs }, startMs),
    }
  })
}

/** As well as polling every 10 ms (5 ms near an edge) can tell, and not beyond what is doubted. */
function expectKnown(phase: Phase | null): void {
  expect(phase).not.toBeNull()
  const { foundMs, doubtMs, offMs, periodMs } = phase as Phase
  expect(foundMs).toBeGreaterThanOrEqual(0)
  expect(foundMs).toBeLessThan(periodMs)
  expect(offMs).toBeLessThan(5.5)
  expect(offMs).toBeLessThan(doubtMs)
  expect(doubtMs).toBeLessThan(periodMs / 4)
}

const APART: Ticks[] = [
  { sensorMs: 100, counterMs: 100, phaseMs: 13 },
  { sensorMs: 100, counterMs: 50, phaseMs: 71 },
  { sensorMs: 101.3, counterMs: 97, phaseMs: 42 },
]

it('the phases of sensor and counter are found within a few milliseconds, also where the two tick apart', async () => {
  for (const { sensor, counter } of await phasesOf(APART, 2)) {
    expectKnown(sensor)
    expectKnown(counter)
  }
})

it('the phase at the beginning of a window is still known after many periods', async () => {
  for (const { sensor } of await phasesOf(APART, 12)) expectKnown(sensor)
})

it('reading the power around its ticks only tells the phase as well', async () => {
  for (const { sensor } of await phasesOf(APART, 3, ['--tick-locked'])) expectKnown(sensor)
})

it('a sensor of 20 ms is found out to a quarter of its period, or its phase is unknown', async () => {
  const [found] = await phasesOf([{ sensorMs: 20, counterMs: 20, phaseMs: 7 }], 2)
  for (const phase of [found?.sensor, found?.counter]) if (phase != null) expectKnown(phase)
})

it('a reading that never changes has neither a period nor a phase', async () => {
  const constant = gpu(0, [{ for_s: 1, w: 75 }], { counter: { supported: false } })
  const { energy }: { energy: Energy } = await execOver(scenarioFile([constant]), ['sleep', '1'])
  expect(energy.devices[0]?.sensor).toMatchObject({
    update_period_ms: null,
    first_update_ms: null,
    first_update_doubt_ms: null,
    counter_period_ms: null,
    counter_first_update_ms: null,
    counter_first_update_doubt_ms: null,
  })
})
