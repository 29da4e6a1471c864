import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { KnownDevices } from '../../dist/energy/known-devices.js'
import type { Device, DeviceReport, KnownDevice, Machine } from '../../dist/native/addon.js'
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
  counter: {
    period_ms: 100,
    quantum_mj: 1,
    kind: 'integral',
    kind_reason: null,
    delay_ms: null,
    delay_error_ms: null,
    delay_reason: 'no load',
    gain_ratio: { ratio: 0.999, uncertainty: 0.004 },
    gain_ratio_reason: null,
  },
  reference: null,
  reference_reason: null,
  call_latencies: [],
  shortest_windows: null,
  shortest_windows_reason: 'it was interrupted',
}

/** What a window showed of a board. */
const report = (learned: Partial<KnownDevice>, contradicted = false) =>
  ({ learned: { counterKind: 'undecided', ...learned }, contradicted }) as unknown as DeviceReport

const before = process.env.XDG_DATA_HOME
beforeAll(() => {
  process.env.XDG_DATA_HOME = scratchFolder()
})
afterAll(() => {
  if (before === undefined) delete process.env.XDG_DATA_HOME
  else process.env.XDG_DATA_HOME = before
})

describe('what a window showed', () => {
  const DAY_MS = 24 * 3600 * 1000
  let nowMs = Date.parse('2026-11-22T10:00:00.000Z')
  const known = new KnownDevices(machine, () => new Date(nowMs))
  const seen = {
    counterKind: 'integral',
    updatePeriodMs: 100,
    delayMs: 15,
    delayDoubtMs: 4,
    gainRatio: { ratio: 0.95, uncertainty: 0.004 },
  }

  it('is what later runs begin with, and nothing is known of what was not seen', async () => {
    expect(await known.recall(device('GPU-10'))).toBeUndefined()
    await known.learn(device('GPU-10'), { contradicted: false } as DeviceReport)
    expect(await known.recall(device('GPU-10'))).toBeUndefined()
    await known.learn(device('GPU-10'), report(seen))
    expect(await known.recall(device('GPU-10'))).toEqual(seen)
    expect(await new KnownDevices(machine).recall(device('GPU-11'))).toBeUndefined()
  })

  it('is not waited for where a pipe lies in its place', async () => {
    await known.learn(device('GPU-16'), report(seen))
    const path = await known.keep(device('GPU-16'), calibration)
    rmSync(path)
    execFileSync('mkfifo', [path])
    expect(await known.recall(device('GPU-16'))).toBeUndefined()
    rmSync(path)
  })

  it('is not undone by a window too short to decide, and is refined by one that sees more', async () => {
    await known.learn(device('GPU-12'), report(seen))
    await known.learn(device('GPU-12'), report({ updatePeriodMs: 100.2 }))
    expect(await known.recall(device('GPU-12'))).toEqual(seen)
    await known.learn(device('GPU-12'), report({ ...seen, delayMs: 14, delayDoubtMs: 1 }))
    expect(await known.recall(device('GPU-12'))).toEqual({ ...seen, delayMs: 14, delayDoubtMs: 1 })
  })

  it('expires 30 days after it was learned, however often it is seen again', async () => {
    await known.learn(device('GPU-13'), report(seen))
    nowMs += 29 * DAY_MS
    await known.learn(device('GPU-13'), report(seen))
    expect(await known.recall(device('GPU-13'))).toEqual(seen)
    nowMs += DAY_MS
    expect(await known.recall(device('GPU-13'))).toBeUndefined()
    await known.learn(device('GPU-13'), report({ updatePeriodMs: 20 }))
    expect(await known.recall(device('GPU-13'))).toEqual({ counterKind: 'undecided', updatePeriodMs: 20 })
  })

  it('is deleted by a contradiction; a calibration stays to be read and is not relied on', async () => {
    await known.learn(device('GPU-14'), report(seen))
    const path = await known.keep(device('GPU-15'), calibration)
    await known.learn(device('GPU-14'), report(seen, true))
    await known.learn(device('GPU-15'), report(seen, true))
    expect(await known.recall(device('GPU-14'))).toBeUndefined()
    expect(await known.recall(device('GPU-15'))).toBeUndefined()
    expect(await known.calibrationOf(device('GPU-15'))).toEqual(calibration)
    const files = readdirSync(dirname(path)).map((name) => readFileSync(join(dirname(path), name), 'utf8'))
    expect(files.join()).toContain('GPU-15')
    expect(files.join()).not.toContain('GPU-14')
  })

  it('is not known under another driver', async () => {
    await known.learn(device('GPU-16'), report(seen))
    const newer = new KnownDevices({ ...machine, driverVersion: '590.10' }, () => new Date(nowMs))
    expect(await newer.recall(device('GPU-16'))).toBeUndefined()
  })
})

describe('a calibration', () => {
  const known = new KnownDevices(machine, () => new Date('2026-11-23T10:00:00.000Z'))

  it('is what later runs begin with, and what they learn does not lose it', async () => {
    await known.keep(device('GPU-1'), calibration)
    const found = {
      counterKind: 'integral',
      updatePeriodMs: 100,
      windowMs: 25,
      delayMs: 2,
      delayDoubtMs: 1,
      gainRatio: { ratio: 0.999, uncertainty: 0.004 },
    }
    expect(await known.recall(device('GPU-1'))).toEqual(found)
    await known.learn(device('GPU-1'), report({ updatePeriodMs: 73 }))
    expect(await known.recall(device('GPU-1'))).toEqual({ ...found, updatePeriodMs: 73 })
    expect(await known.calibrationOf(device('GPU-1'))).toEqual(calibration)
  })

  it('that did not find something leaves what was known of it', async () => {
    await known.keep(device('GPU-2'), calibration)
    const without = { ...calibration, averaging_window: null, averaging_window_reason: 'no load' }
    await known.keep(device('GPU-2'), without)
    expect(await known.recall(device('GPU-2'))).toMatchObject({ windowMs: 25, delayMs: 2 })
    expect(await known.calibrationOf(device('GPU-2'))).toEqual(without)
  })

  const gain = {
    ratio: 1.03,
    uncertainty: 0.008,
    method: 'counter' as const,
    certificate: 'DKD 4711',
    measured_at: '2026-11-22T10:00:00.000Z',
  }
  const beside = (board: typeof gain | null): Calibration => ({
    ...calibration,
    counter: { ...calibration.counter, delay_ms: 40, delay_error_ms: 1.2, delay_reason: null },
    reference: {
      scope: 'board',
      quantity: 'watts',
      standard_uncertainty_pct: 0.3,
      certificate: 'DKD 4711',
      method: 'counter',
      clock_offset_s: { value: 0.4, uncertainty: 0.06 },
      correlation: 0.999,
      levels: [],
      components: [],
      gain: board,
      gain_reason: null,
      slope: null,
      offset_w: null,
    },
  })

  it('has found what no window sees, which a window keeps and a contradiction ends', async () => {
    await known.keep(device('GPU-7'), beside(gain))
    const found = {
      counterDelayMs: 40,
      counterDelayDoubtMs: 1.2,
      boardGain: { ratio: 1.03, uncertainty: 0.008, method: 'counter' },
    }
    expect(await known.recall(device('GPU-7'))).toMatchObject(found)
    expect(await known.boardGainOf(device('GPU-7'))).toEqual(gain)
    await known.learn(device('GPU-7'), report({ updatePeriodMs: 73 }))
    expect(await known.recall(device('GPU-7'))).toMatchObject({ ...found, updatePeriodMs: 73 })
    // One without a meter, or whose counter was not found late, leaves what was known.
    await known.keep(device('GPU-7'), calibration)
    expect(await known.recall(device('GPU-7'))).toMatchObject(found)
    await known.learn(device('GPU-7'), report({}, true))
    expect(await known.recall(device('GPU-7'))).toBeUndefined()
    expect(await known.boardGainOf(device('GPU-7'))).toBeNull()
  })

  it('expires after 30 days, the gain from when it was measured', async () => {
    let now = new Date('2026-11-22T10:00:00.000Z')
    const aging = new KnownDevices(machine, () => now)
    await aging.keep(device('GPU-8'), beside(gain))
    now = new Date('2026-12-12T10:00:00.000Z')
    await aging.keep(device('GPU-8'), { ...beside(null), calibrated_at: now.toISOString() })
    expect(await aging.boardGainOf(device('GPU-8'))).toEqual(gain)
    now = new Date('2026-12-22T10:00:00.001Z')
    expect(await aging.boardGainOf(device('GPU-8'))).toBeNull()
    const later = await aging.recall(device('GPU-8'))
    expect(later).toMatchObject({ counterDelayMs: 40 })
    expect(later).not.toHaveProperty('boardGain')
    now = new Date('2027-01-11T10:00:00.001Z')
    // A window may have learned something new meanwhile, which is no younger calibration.
    await aging.learn(device('GPU-8'), report({ updatePeriodMs: 100 }))
    expect(await aging.recall(device('GPU-8'))).toEqual({ counterKind: 'undecided', updatePeriodMs: 100 })
  })

  it('that was interrupted does not take the place of a complete one', async () => {
    const interrupted = { ...calibration, interrupted: true, update_period_ms: 20 }
    await known.keep(device('GPU-3'), interrupted)
    expect(await known.calibrationOf(device('GPU-3'))).toEqual(interrupted)
    await known.keep(device('GPU-3'), calibration)
    await known.keep(device('GPU-3'), interrupted)
    expect(await known.calibrationOf(device('GPU-3'))).toEqual(calibration)
  })

  it('that an older llem kept, with the slow signals timed as one, is read as it was and not relied on', async () => {
    const path = await known.keep(device('GPU-6'), calibration)
    const kept = JSON.parse(readFileSync(path, 'utf8'))
    const older = { under_load: false, calls: 1000, p50_us: 31.5, p99_us: 40, max_us: 99.1 }
    delete kept.learned
    delete kept.calibration.counter.kind
    delete kept.calibration.counter.gain_ratio
    Object.assign(kept, { update_period_ms: 100, counter_test: { trusted: true } })
    kept.calibration.call_latencies = [
      { ...older, call: 'slow signals', error: null },
      { ...older, call: 'processes', error: 'not supported' },
    ]
    writeFileSync(path, JSON.stringify(kept))
    expect((await known.calibrationOf(device('GPU-6')))?.call_latencies).toEqual([
      { ...older, call: 'slow signals', error: null, lane: null },
      { ...older, call: 'processes', error: 'not supported', lane: null },
    ])
    // What it knew, it knew in other words, and without an end.
    expect(await known.recall(device('GPU-6'))).toBeUndefined()
  })

  it('of another GPU or driver is not known', async () => {
    await known.keep(device('GPU-4'), calibration)
    expect(await known.calibrationOf(device('GPU-5'))).toBeNull()
    const newer = new KnownDevices({ ...machine, driverVersion: '590.10' })
    expect(await newer.calibrationOf(device('GPU-4'))).toBeNull()
  })
})
