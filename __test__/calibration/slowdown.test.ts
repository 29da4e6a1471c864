import { expect, it } from 'vitest'
import { medianOf, slowdownOf } from '../../dist/calibration/slowdown.js'

/** Pairs whose logarithms of the ratio are these. */
const pairs = (...logRatios: number[]) => logRatios.map((log) => ({ withS: 3 * Math.exp(log), withoutS: 3 }))

/** What the interval reaches to on the logarithmic scale. */
function reach(...logRatios: number[]): number {
  const slowdown = slowdownOf(pairs(...logRatios))
  return Math.log1p(Number(slowdown?.high_pct) / 100)
}

it('the interval is that of Student: his 97.5 % quantiles for 1, 2 and 4 degrees of freedom', () => {
  expect(reach(-1, 1)).toBeCloseTo(12.7062, 3)
  expect(reach(-1, 0, 1)).toBeCloseTo(4.302653 / Math.sqrt(3), 5)
  expect(reach(-2, -1, 0, 1, 2)).toBeCloseTo(2.776445 / Math.sqrt(2), 5)
})

it('the slowdown is the geometric mean of the ratios, and lies in its interval', () => {
  const ratios = [1.02, 1, 1.04].map((ratio) => ({ withS: 2 * ratio, withoutS: 2 }))
  const slowdown = slowdownOf(ratios)
  // By hand: logs 0.0198026, 0, 0.0392207; mean 0.0196744; deviation 0.0196108; reach 4.302653 * 0.0196108 / sqrt(3).
  expect(slowdown?.slowdown_pct).toBeCloseTo(1.98692, 4)
  expect(slowdown?.low_pct).toBeCloseTo(-2.86234, 3)
  expect(slowdown?.high_pct).toBeCloseTo(7.07825, 3)
})

it('one round has a slowdown and no interval, and none has neither', () => {
  expect(slowdownOf(pairs(Math.log(1.5)))).toMatchObject({ low_pct: null, high_pct: null })
  expect(slowdownOf(pairs(Math.log(1.5)))?.slowdown_pct).toBeCloseTo(50, 9)
  expect(slowdownOf([])).toBeNull()
})

it('a median is the middle, or half way between the two in the middle', () => {
  expect([medianOf([3, 1, 2]), medianOf([4, 1, 2, 3]), medianOf([])]).toEqual([2, 2.5, null])
})
