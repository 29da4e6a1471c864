// Readings of curves whose energy is known exactly -> the joules of a window.

import { describe, expect, it } from 'vitest'
import { PowerFilter } from '../../dist/energy/external/impossible.js'
import type { Quantity } from '../../dist/energy/external/protocol.js'
import { type WindowEnergy, WindowIntegral } from '../../dist/energy/external/window-integral.js'

const S = 1e9

interface Meter {
  quantity?: Quantity
  /** Seconds between two lines, and between two new values. */
  everyS?: number
  updateS?: number
  fromS?: number
  toS?: number
  printsNewOnly?: boolean
  /** Seconds in which it prints nothing. */
  silent?: [fromS: number, toS: number]
  /** Where a new value begins within its period, 0 to 1. */
  phase?: number
}

/** What a meter that shows `valueAt` says of the window. */
function measured(
  valueAt: (s: number) => number,
  [startS, endS]: [number, number],
  {
    quantity = 'power',
    everyS = 1,
    updateS = everyS,
    fromS = startS - 5 * updateS,
    toS = endS + 2 * updateS,
    printsNewOnly = false,
    silent = [0, 0],
    phase = 0,
  }: Meter = {},
): WindowEnergy {
  const integral = new WindowIntegral({
    ...{ quantity, startNs: startS * S, printsNewOnly, isMeans: false, isStampedHere: false },
  })
  integral.end(endS * S)
  for (let s = fromS; s <= toS; s += everyS) {
    if (s > silent[0] && s < silent[1]) continue
    const ofS = updateS === everyS ? s : (Math.floor(s / updateS + 1e-9 - phase) + phase) * updateS
    integral.push({ tNs: s * S, value: valueAt(ofS) })
  }
  return integral.result()
}

const sine = (s: number) => 500 + 200 * Math.sin(s)
const joulesOfSine = (s: number) => 500 * s - 200 * Math.cos(s)

describe('the joules of power', () => {
  it('are those of the curve within 1 % over 10 s', () => {
    for (const everyS of [0.05, 0.1, 0.5]) {
      const { energyJ, uncertaintyJ, coverage } = measured(sine, [100.3, 110.3], { everyS })
      const trueJ = joulesOfSine(110.3) - joulesOfSine(100.3)
      expect(Math.abs((energyJ ?? 0) / trueJ - 1)).toBeLessThan(0.01)
      expect(Math.abs((energyJ ?? 0) - trueJ)).toBeLessThan(uncertaintyJ ?? 0)
      expect(coverage).toBe(1)
    }
  })

  it('are exact for a straight line, whose edges are between two readings', () => {
    const { energyJ } = measured((s) => 10 * s, [100.25, 110.75])
    expect(energyJ).toBeCloseTo(5 * (110.75 ** 2 - 100.25 ** 2), 6)
  })

  it('hold the truth where a load begins and ends with the window, at any phase of a slow meter', () => {
    // Each of its values is as old as ten seconds.
    for (let phase = 0; phase < 1; phase += 0.1) {
      const load = (s: number) => (s >= 100 && s < 160 ? 900 : 300) + (s % 7)
      const { energyJ, uncertaintyJ } = measured(load, [100, 160], { everyS: 1, updateS: 10, phase })
      expect(Math.abs((energyJ ?? 0) - 60 * 903)).toBeLessThan(uncertaintyJ ?? 0)
      expect(uncertaintyJ).toBeGreaterThan(3000)
    }
  })

  it('are the same from the same readings, whenever the end was known', () => {
    const [a, b] = [1, 2].map(
      () =>
        new WindowIntegral({
          quantity: 'power',
          startNs: 5 * S,
          printsNewOnly: false,
          isMeans: false,
          isStampedHere: false,
        }),
    ) as [WindowIntegral, WindowIntegral]
    a.end(15 * S)
    for (let s = 0; s <= 15; s += 0.7) for (const each of [a, b]) each.push({ tNs: s * S, value: sine(s) })
    b.end(15 * S)
    for (const each of [a, b]) each.push({ tNs: 15.5 * S, value: 480 })
    expect(a.isClosed).toBe(true)
    expect(a.result()).toEqual(b.result())
  })
})

describe('the joules of a counter', () => {
  it('are interpolated between its ticks', () => {
    const { energyJ } = measured((s) => 400 * s, [100.3, 110.9], {
      quantity: 'energy',
      everyS: 0.1,
      updateS: 1,
    })
    expect(Math.abs((energyJ ?? 0) - 400 * 10.6)).toBeLessThan(1)
  })

  it('hold the truth of a sine, and lose nothing in a gap', () => {
    const trueJ = joulesOfSine(140.2) - joulesOfSine(100.2)
    for (const silent of [
      [0, 0],
      [110, 125],
    ] as [number, number][]) {
      const { energyJ, uncertaintyJ, coverage } = measured(joulesOfSine, [100.2, 140.2], {
        ...{ quantity: 'energy', everyS: 0.5, silent },
      })
      expect(Math.abs((energyJ ?? 0) - trueJ)).toBeLessThan(uncertaintyJ ?? 0)
      expect(coverage).toBe(1)
    }
  })

  it('are none where it fell, in any window that holds the fall', () => {
    const reset = (s: number) => (s < 105 ? 1e6 + 400 * s : 400 * (s - 105))
    expect(measured(reset, [100, 120], { quantity: 'energy' })).toMatchObject({
      energyJ: null,
      reason: expect.stringMatching(/^its counter fell from \d+ J to 0 J/),
    })
    expect(measured(reset, [110, 120], { quantity: 'energy', fromS: 106 }).energyJ).toBeCloseTo(4000, 6)
  })
})

describe('what no machine does', () => {
  it('is a step of a counter: 50 kJ in a fifth of a second', () => {
    const jump = (s: number) => joulesOfSine(s) + (s > 105 ? 50_000 : 0)
    expect(measured(jump, [100, 110], { quantity: 'energy', everyS: 0.2 })).toMatchObject({
      energyJ: null,
      reason: expect.stringMatching(/^its counter rose by 50000 J in 0\.20 s, which no machine draws/),
    })
    // Twelve times the power is a load.
    const load = (s: number) => 500 * s + (s > 105 ? 5500 * (s - 105) : 0)
    expect(measured(load, [100, 110], { quantity: 'energy', everyS: 0.2 }).energyJ).toBeCloseTo(32_500, -1)
    // Two ticks that are seen late and early are two ticks.
    const integral = new WindowIntegral({
      ...{
        quantity: 'energy' as const,
        startNs: 0,
        printsNewOnly: true,
        isMeans: false,
        isStampedHere: false,
      },
    })
    integral.end(20 * S)
    for (let k = 0; k < 22; k++) integral.push({ tNs: (k === 10 ? 10.99 : k) * S, value: 400 * k })
    expect(integral.result().energyJ).toBeCloseTo(8000, 6)
  })

  it('is a reading of power far above the usual, until it stays', () => {
    const filter = new PowerFilter()
    expect([400, 410, 31_000, 400, 9000, 2000].map((w) => filter.whyNot(w) !== null)).toEqual([
      false,
      false,
      true,
      false,
      true,
      false,
    ])
    expect(filter.whyNot(1e9)).toBe('1000000000 W is impossible: no machine draws so much')
    for (let k = 0; k < 20; k++) filter.whyNot(400)
    const all = Array.from({ length: 40 }, () => filter.whyNot(12_000))
    expect(all[0]).toMatch(/^12000 W is impossible: usual is \d+ W$/)
    expect(all.at(-1)).toBeNull()
  })

  it('has an uncertainty above its energy', () => {
    const counter = (s: number) => (s < 101 ? 0 : 1e4 + 100 * (s - 101))
    expect(measured(counter, [101, 110], { quantity: 'energy' })).toMatchObject({
      energyJ: null,
      reason: expect.stringMatching(/^its times hide more than it shows: /),
    })
  })
})

describe('the least uncertainty', () => {
  it('of a counter is its increment', () => {
    const inWh = (s: number) => Math.floor((400 * s) / 3600) * 3600
    const { energyJ, uncertaintyJ } = measured(inWh, [100, 220], { quantity: 'energy', everyS: 0.1 })
    expect(energyJ).toBeCloseTo(48_000, -3)
    expect(uncertaintyJ).toBeGreaterThanOrEqual(3600)
    expect(uncertaintyJ).toBeLessThan(5000)
  })

  it('of moments is 3 %, and of means none', () => {
    const even = (s: number) => 500 + 0.01 * (Math.round(s / 0.2) % 2)
    for (const [isMeans, share] of [
      [false, 0.03],
      [true, 1e-4],
    ] as const) {
      const integral = new WindowIntegral({
        ...{ quantity: 'power', startNs: 0, printsNewOnly: false, isStampedHere: false, isMeans },
      })
      integral.end(8 * S)
      for (let s = 0; s < 9; s += 0.2) integral.push({ tNs: s * S, value: even(s) })
      const { energyJ, uncertaintyJ } = integral.result()
      if (isMeans) expect(uncertaintyJ ?? 1).toBeLessThan(share * (energyJ ?? 0))
      else expect(uncertaintyJ).toBeCloseTo(share * (energyJ ?? 0), 9)
    }
  })
})

describe('a window of which nothing is said', () => {
  it('is shorter than three updates, of which the period is told', () => {
    expect(measured(sine, [100.2, 101.5])).toMatchObject({
      ...{ energyJ: null, uncertaintyJ: null, meanPowerW: null, updates: 2 },
      reason: 'the window of 1.3 s is shorter than 3 updates of this meter, which come every 1.0 s',
    })
    // It prints each second and reads anew every ten: that it prints is no update.
    expect(measured(sine, [101.2, 126.5], { updateS: 10, fromS: 50 })).toMatchObject({
      energyJ: null,
      reason: 'the window of 25.3 s is shorter than 3 updates of this meter, which come every 10 s',
    })
  })

  it('has a value that never changed: nothing tells whether it was read anew', () => {
    expect(measured(() => 350, [100, 110])).toMatchObject({
      energyJ: null,
      reason: 'its value has not changed in the window of 10.0 s: nothing tells whether it was read anew',
    })
    // A meter that prints new readings only has said so.
    expect(measured(() => 350, [100, 110], { printsNewOnly: true }).energyJ).toBeCloseTo(3500, 6)
  })

  it('has a value that stands still for long', () => {
    const stuck = (s: number) => (s < 110 ? sine(s) : 350)
    expect(measured(stuck, [100, 200])).toMatchObject({
      energyJ: null,
      reason: expect.stringMatching(/^its value has not changed for (89|9\d) s: it is an old one$/),
    })
    expect(measured((s) => (s < 110 ? sine(s) : 350), [100, 150]).energyJ).not.toBeNull()
  })

  it('has no readings for a part of it', () => {
    const { energyJ, reason, coverage } = measured(sine, [100, 140], { silent: [110, 125] })
    expect({ energyJ, reason }).toEqual({
      energyJ: null,
      reason: 'its readings cover 63 % of the window of 40.0 s',
    })
    expect(coverage).toBeCloseTo(0.625, 2)
  })

  it('has none at its end, and says since when', () => {
    expect(measured(sine, [100, 140], { toS: 125 }).reason).toBe(
      'its readings cover 66 % of the window of 40.0 s: the last one came 15.0 s before its end',
    )
  })

  it('has none at all', () => {
    expect(measured(sine, [100, 140], { fromS: 80, toS: 99 }).reason).toBe(
      'it has printed no reading in the window of 40.0 s',
    )
  })
})

describe('a small gap', () => {
  it('is in the joules at the power beside it, and in the uncertainty', () => {
    const step = (s: number) => (s > 131 && s < 134 ? 1000 : 300 + (s % 3))
    const { energyJ, uncertaintyJ, coverage } = measured(step, [100, 200], { silent: [130, 135] })
    const truth = measured(step, [100, 200])
    expect(coverage).toBeCloseTo(0.95, 2)
    expect(Math.abs((energyJ ?? 0) - (truth.energyJ ?? 0))).toBeGreaterThan(1000)
    expect(uncertaintyJ ?? 0).toBeGreaterThan(truth.uncertaintyJ === null ? 0 : 10)
  })
})

describe('a window of any length', () => {
  it('takes no more memory', () => {
    const integral = new WindowIntegral({
      ...{
        quantity: 'power' as const,
        startNs: 0,
        printsNewOnly: false,
        isMeans: false,
        isStampedHere: false,
      },
    })
    const push = (from: number, to: number) => {
      for (let k = from; k < to; k++) integral.push({ tNs: (k + 1) * S, value: 300 + (k % 13) })
    }
    push(0, 50_000)
    const before = process.memoryUsage().heapUsed
    push(50_000, 500_000)
    // Each reading would have 50 bytes and more.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(15e6)
    integral.end(500_000 * S)
    expect(integral.result().readings).toBe(500_000)
  })
})

describe('an edge', () => {
  it('needs no reading beyond it for one and a half updates, and more doubt', () => {
    const whole = measured(sine, [100.5, 160.5])
    const late = measured(sine, [100.5, 160.5], { toS: 160 })
    expect(late.coverage).toBe(1)
    expect(Math.abs((late.energyJ ?? 0) - (whole.energyJ ?? 0))).toBeLessThan(whole.uncertaintyJ ?? 0)
  })
})
