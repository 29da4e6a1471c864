import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KnownDevices } from '../../dist/energy/known-devices.js'
import type { Device, DeviceReport, Machine } from '../../dist/native/addon.js'
import type { Calibration } from '../../dist/results/calibration.js'
import { scratchFolder } from '../native/scenario.js'

const machine = { driverVersion: '580.95.05', devices: [], simulated: false } satisfies Machine
const device = (uuid: string) => ({ uuid }) as Device

const calibration: Calibration = {
  calibrated_at: '2026-11-22T10:00:00.000Z',
  interrupted: false,
  load: ['./square-wave'],
  update_period_ms: 100,
  averaging_window: {
    window_ms: 25,
    window_error_ms: 1,
    delay_ms: 2,
    delay_error_ms: 1,
    unexplained_w: 3,
    explained_pct: 99,
    readings: 200,
  },
  averaging_window_reason: null,
  counter: { period_ms: 100, quantum_mj: 1, trust: 'trusted', self_test_pct: -0.1, agreed_w: 75 },
  call_latencies: [],
  shortest_windows: null,
  shortest_windows_reason: 'it was interrupted',
}

/** What a window showed of a sensor. */
const report = (updatePeriodMs: number) => ({ sensor: { updatePeriodMs } }) as unknown as DeviceReport

describe('a calibration', () => {
  const before = process.env.XDG_DATA_HOME
  beforeAll(() => {
    process.env.XDG_DATA_HOME = scratchFolder()
  })
  afterAll(() => {
    if (before === undefined) delete process.env.XDG_DATA_HOME
    else process.env.XDG_DATA_HOME = before
  })
  const known = new KnownDevices(machine)

  it('is what later runs begin with, and what they learn does not lose it', async () => {
    await known.keep(device('GPU-1'), calibration)
    const counterTest = { trusted: true, residualPct: -0.1, agreedW: 75 }
    expect(await known.recall(device('GPU-1'))).toEqual({
      updatePeriodMs: 100,
      windowMs: 25,
      delayMs: 2,
      counterTest,
    })
    await known.learn(device('GPU-1'), report(73))
    expect(await known.recall(device('GPU-1'))).toEqual({
      updatePeriodMs: 73,
      windowMs: 25,
      delayMs: 2,
      counterTest,
    })
    expect(await known.calibrationOf(device('GPU-1'))).toEqual(calibration)
  })

  it('that did not find something leaves what was known of it', async () => {
    await known.keep(device('GPU-2'), calibration)
    const without = { ...calibration, averaging_window: null, averaging_window_reason: 'no load' }
    await known.keep(device('GPU-2'), without)
    expect(await known.recall(device('GPU-2'))).toMatchObject({ windowMs: 25, delayMs: 2 })
    expect(await known.calibrationOf(device('GPU-2'))).toEqual(without)
  })

  it('that was interrupted does not take the place of a complete one', async () => {
    const interrupted = { ...calibration, interrupted: true, update_period_ms: 20 }
    await known.keep(device('GPU-3'), interrupted)
    expect(await known.calibrationOf(device('GPU-3'))).toEqual(interrupted)
    await known.keep(device('GPU-3'), calibration)
    await known.keep(device('GPU-3'), interrupted)
    expect(await known.calibrationOf(device('GPU-3'))).toEqual(calibration)
  })

  it('that an older llem kept, with the slow signals timed as one, is read as it was', async () => {
    const path = await known.keep(device('GPU-6'), calibration)
    const kept = JSON.parse(readFileSync(path, 'utf8'))
    const older = { under_load: false, calls: 1000, p50_us: 31.5, p99_us: 40, max_us: 99.1 }
    kept.calibration.call_latencies = [
      { ...older, call: 'slow signals', error: null },
      { ...older, call: 'processes', error: 'not supported' },
    ]
    writeFileSync(path, JSON.stringify(kept))
    expect((await known.calibrationOf(device('GPU-6')))?.call_latencies).toEqual([
      { ...older, call: 'slow signals', error: null, lane: null },
      { ...older, call: 'processes', error: 'not supported', lane: null },
    ])
    expect(await known.recall(device('GPU-6'))).toMatchObject({ updatePeriodMs: 100, windowMs: 25 })
  })

  it('of another GPU or driver is not known', async () => {
    await known.keep(device('GPU-4'), calibration)
    expect(await known.calibrationOf(device('GPU-5'))).toBeNull()
    const newer = new KnownDevices({ ...machine, driverVersion: '590.10' })
    expect(await newer.calibrationOf(device('GPU-4'))).toBeNull()
  })
})
