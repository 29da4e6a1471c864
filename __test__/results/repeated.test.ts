import { describe, expect, it } from 'vitest'
import { repeated } from '../../dist/results/repeated.js'
import { randomOf } from '../native/scenario.js'

const over = (values: readonly number[], scale: 'log' | 'linear' = 'log') =>
  repeated(values, { unit: 'J', scale, seed: 1 })

describe('a quantity that was measured over and over', () => {
  it('has mean, standard deviation, median and both intervals, of the geometric mean', () => {
    // ln 1, ln e, ln e^2: mean 1, deviation 1, so that t reaches 4.303 / sqrt(3) to either side.
    const found = over([1, Math.E, Math.E ** 2])
    expect(found).toMatchObject({ unit: 'J', n: 3, min: 1, max: Math.E ** 2, median: Math.E })
    expect(found?.mean).toBeCloseTo((1 + Math.E + Math.E ** 2) / 3, 12)
    expect(found?.sd).toBeCloseTo(3.3063, 3)
    expect(found?.geometric_mean).toBeCloseTo(Math.E, 12)
    expect(found?.quoted).toMatchObject({ of: 'geometric_mean', method: 't', confidence: 0.95, reason: null })
    expect(found?.quoted.value).toBeCloseTo(Math.E, 12)
    expect(Math.log(Number(found?.quoted.low))).toBeCloseTo(1 - 4.30265 / Math.sqrt(3), 4)
    expect(Math.log(Number(found?.quoted.high))).toBeCloseTo(1 + 4.30265 / Math.sqrt(3), 4)
    expect(found?.bootstrap).toMatchObject({
      of: 'geometric_mean',
      method: 'bootstrap',
      resamples: 1000,
      seed: 1,
    })
  })

  it('is quoted by Student’s t at every n', () => {
    for (const n of [2, 10, 30])
      expect(over(Array.from({ length: n }, (_, i) => i + 1))?.quoted.method).toBe('t')
  })

  it.for([[[0.001, 5]], [[1, 1, 900]], [[0.2, 90, 0.1]]])(
    'is positive all through its interval: %j',
    ([values]) => {
      const { quoted, bootstrap } = over(values ?? []) ?? {}
      expect(quoted?.low).toBeGreaterThan(0)
      expect(bootstrap?.low).toBeGreaterThan(0)
      // What the mean itself would have had.
      expect(over(values ?? [], 'linear')?.quoted.low).toBeLessThan(0)
    },
  )

  it('that may be negative has an interval of its mean', () => {
    expect(over([-1, 0, 1], 'linear')).toMatchObject({
      geometric_mean: null,
      quoted: { of: 'mean', value: 0, low: expect.closeTo(-2.4841, 3), high: expect.closeTo(2.4841, 3) },
    })
  })

  it('that is 0 although it must be positive has no ends, and the reason', () => {
    expect(over([0, 1])).toMatchObject({
      geometric_mean: null,
      quoted: {
        of: 'mean',
        value: 0.5,
        low: null,
        high: null,
        reason: expect.stringMatching(/no logarithm/),
      },
    })
  })

  it('once is that very number, without ends and with the reason', () => {
    const odd = 0.1 + 0.2
    expect(over([odd])).toMatchObject({
      ...{ n: 1, mean: odd, sd: null, median: odd, geometric_mean: odd },
      quoted: { value: odd, low: null, high: null, reason: 'one value tells nothing of the spread' },
    })
  })

  it('never is nothing', () => {
    expect(over([])).toBeNull()
  })

  describe('with a measurement that may itself be off', () => {
    const known = (
      values: readonly number[],
      uncertainties: readonly (number | null)[],
      scale: 'log' | 'linear' = 'log',
    ) => repeated(values, { unit: 'J', scale, seed: 1, uncertainties })?.quoted

    it('is no surer than one measurement, however often it is repeated', () => {
      const alike = known(Array(50).fill(100), Array(50).fill(4))
      // 50 equal values tell no spread; k = 1.96 of a standard uncertainty of 2 %.
      expect(alike?.high).toBeCloseTo(100 * Math.exp(1.96 * 0.02), 2)
      expect(alike?.low).toBeCloseTo(100 / Math.exp(1.96 * 0.02), 2)
      expect(alike?.measurement_uncertainty).toBeCloseTo(4, 9)
    })

    it('has the interval of the spread where that is large beside it', () => {
      const plain = over([90, 100, 110])?.quoted
      expect(known([90, 100, 110], [0.1, 0.1, 0.1])?.high).toBeCloseTo(Number(plain?.high), 2)
      expect(plain?.measurement_uncertainty).toBeNull()
    })

    it('takes those that are known, in the unit of what may be negative too', () => {
      expect(known([-1, -1, -1], [0.2, null, 0.2], 'linear')).toMatchObject({
        measurement_uncertainty: expect.closeTo(0.2, 12),
        high: expect.closeTo(-1 + 1.96 * 0.1, 3),
      })
      expect(known([1, 2], [null, null])?.measurement_uncertainty).toBeNull()
    })

    it.for([0.5, 1, 3])(
      'covers the truth in 93 to 97 % of 2000 campaigns, with an error common to all cycles of %s times the spread',
      (times) => {
        const random = randomOf(11)
        const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
        let covered = 0
        for (let campaign = 0; campaign < 2000; campaign++) {
          const off = 0.01 * times * normal()
          const values = [0, 1, 2, 3, 4].map(() => Math.exp(off + 0.01 * normal()))
          const found = known(
            values,
            values.map((value) => 2 * 0.01 * times * value),
          )
          if (Number(found?.low) <= 1 && 1 <= Number(found?.high)) covered += 1
        }
        expect(covered / 2000).toBeGreaterThan(0.93)
        expect(covered / 2000).toBeLessThan(0.97)
      },
    )
  })

  it('covers the true geometric mean in 93 to 97 % of 2000 campaigns of 3 cycles that spread by factors', () => {
    const random = randomOf(7)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    let covered = 0
    for (let campaign = 0; campaign < 2000; campaign++) {
      const { low, high } = over([0, 1, 2].map(() => Math.exp(0.3 * normal())))?.quoted ?? {}
      if (Number(low) <= 1 && 1 <= Number(high)) covered += 1
    }
    expect(covered / 2000).toBeGreaterThan(0.93)
    expect(covered / 2000).toBeLessThan(0.97)
  })
})
