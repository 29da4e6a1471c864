// What the edges of a load show that nothing else can: over boards whose delays, windows, counters and gains are known.

import { readFileSync } from 'node:fs'
import { describe, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, nowNs, type Segment, scratchFolder, textFile, trueJoules } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { calibrateOver, calibrationIn, waves } from './square-waves.js'

vi.setConfig({ testTimeout: 120_000 })

interface Board {
  sensor?: { window_ms?: number; delay_ms?: number; gain?: number; noise_w?: number }
  counter?: { delay_ms?: number; mode?: 'sum_of_readings'; phase_ms?: number }
}

/** Each with what is true of it. */
const BOARDS: [name: string, board: Board][] = [
  ['readings 60 ms late', { sensor: { delay_ms: 60 } }],
  ['sensor and counter both 40 ms late', { sensor: { delay_ms: 40 }, counter: { delay_ms: 40 } }],
  ['half of the time seen, readings 5 % low', { sensor: { window_ms: 50, gain: 0.95, noise_w: 2 } }],
  ['all of the time seen', { sensor: { window_ms: 100, delay_ms: 20 }, counter: { delay_ms: 10 } }],
  ['a counter that adds up readings', { counter: { mode: 'sum_of_readings' } }],
  [
    'a counter that adds up low readings, at its own times',
    { sensor: { gain: 0.95 }, counter: { mode: 'sum_of_readings', phase_ms: 47 } },
  ],
]

/** What is measured after it has been calibrated. */
const STEPS: Segment = { for_s: 102, square: { low_w: 80, high_w: 450, period_s: 1.7, duty: 0.5 } }

async function calibrated({ sensor, counter }: Board) {
  const segments = [...waves(0.1), STEPS, { for_s: 1, w: 80 }]
  const epochNs = nowNs()
  const device = gpu(0, segments, {
    sensor: { update_period_ms: 100, window_ms: 25, phase_ms: 13, ...sensor },
    counter: { update_period_ms: 100, ...counter },
  })
  const file = { version: 2, epoch_monotonic_ns: epochNs, devices: [device] }
  const scenario = textFile('scenario.json', JSON.stringify(file))
  const env = { XDG_DATA_HOME: scratchFolder() }
  const found = calibrationIn(await calibrateOver(scenario, 15, env))
  const kept = JSON.parse(readFileSync(found.kept_in, 'utf8'))
  const exec = await llem(['exec', '--simulate', scenario, '--json', '--', 'sleep', '2'], { env })
  const { energy } = JSON.parse(exec.stdout) as ExecResult
  const { start_ns, end_ns } = energy.window
  const trueJ = trueJoules(segments, (start_ns - epochNs) / 1e9, (end_ns - epochNs) / 1e9)
  return { found, kept, energy, trueJ }
}

describe('known edges', () => {
  it.concurrent.for(byDay(2, BOARDS))('show what is true of a board: %s', async ([, board], { expect }) => {
    const { found, kept, energy, trueJ } = await calibrated(board)
    const truth = { window_ms: 25, delay_ms: 0, gain: 1, ...board.sensor }
    const counterDelayMs = board.counter?.delay_ms ?? 0
    const addsUp = board.counter?.mode === 'sum_of_readings'

    const window = found.averaging_window
    expect(found.averaging_window_reason).toBeNull()
    expect(Math.abs(Number(window?.window_ms) - truth.window_ms)).toBeLessThan(3)
    expect(Math.abs(Number(window?.delay_ms) - truth.delay_ms)).toBeLessThan(3)
    expect(Number(window?.delay_error_ms)).toBeGreaterThan(0)
    expect(Number(window?.delay_error_ms)).toBeLessThan(6)

    const { counter } = found
    if (truth.window_ms === 100) {
      expect(counter).toMatchObject({
        kind: 'undecided',
        kind_reason: expect.stringContaining('sees all of the time'),
      })
    } else {
      expect(counter).toMatchObject({ kind: addsUp ? 'sum_of_readings' : 'integral', kind_reason: null })
    }
    if (addsUp) {
      expect(counter).toMatchObject({ delay_ms: null, delay_reason: expect.stringContaining('readings') })
    } else {
      expect(Math.abs(Number(counter.delay_ms) - counterDelayMs)).toBeLessThan(3)
      expect(Number(counter.delay_error_ms)).toBeLessThan(6)
    }
    // A sum of readings has their gain.
    const ratio = addsUp ? 1 : truth.gain
    expect(counter.gain_ratio_reason).toBeNull()
    expect(Math.abs(Number(counter.gain_ratio?.ratio) - ratio)).toBeLessThan(0.01)
    expect(Number(counter.gain_ratio?.uncertainty)).toBeLessThan(0.05)

    expect(kept.learned).toMatchObject({ window_ms: window?.window_ms, counter_kind: counter.kind })
    expect(kept.calibrated).toMatchObject({
      calibrated_at: found.calibrated_at,
      window_doubt_ms: window?.window_error_ms,
      counter_delay_doubt_ms: counter.delay_error_ms,
      board_gain: null,
    })
    const [device] = energy.devices
    expect(Number(device?.sensor.window_ms)).toBeCloseTo(Number(window?.window_ms), 3)
    if (!addsUp) {
      expect(Math.abs(Number(device?.total_j) - trueJ)).toBeLessThan(2 * Number(device?.uncertainty_j))
      expect(Number(device?.uncertainty_j), JSON.stringify(device?.uncertainty)).toBeLessThan(0.08 * trueJ)
    }
  })
})
