import { describe, expect, it } from 'vitest'
import { probabilityBelow, reachOf } from '../../dist/results/confidence.js'
import { studentCdf, studentQuantile } from '../../dist/results/student.js'
import { randomOf } from '../native/scenario.js'

const spread = { spreadError: 0.02, degreesOfFreedom: 2, measurement: 0 }

describe('a spread and a measurement that may be off', () => {
  it('are Student’s t where there is no measurement, and normal where there is no spread', () => {
    expect(reachOf(spread, 0.975)).toBe(studentQuantile(0.975, 2) * 0.02)
    expect(reachOf({ ...spread, spreadError: 0, measurement: 0.02 }, 0.975)).toBeCloseTo(1.959964 * 0.02, 7)
    expect(probabilityBelow({ value: 0.03, ...spread }, 0)).toBe(studentCdf(1.5, 2))
  })

  it('are never surer for one doubt more', () => {
    let before = reachOf(spread, 0.975)
    for (const measurement of [1e-6, 1e-4, 0.001, 0.01, 0.02, 0.1]) {
      const reach = reachOf({ ...spread, measurement }, 0.975)
      expect(reach).toBeGreaterThan(before)
      before = reach
    }
  })

  it.for([-0.2, -0.05, -1e-4, 1e-4, 0.01, 0.05, 0.2])(
    'end their interval at %d where a test has just that probability',
    (distance) => {
      const estimate = { value: distance, spreadError: 0.02, degreesOfFreedom: 2.7, measurement: 0.015 }
      const p = probabilityBelow(estimate, 0)
      const reach = reachOf(estimate, Math.max(p, 1 - p))
      expect(reach).toBeCloseTo(Math.abs(distance), 9)
      expect(p > 0.5).toBe(distance > 0)
    },
  )

  it.for([2, 3, 5, 10])('hold the truth in at least 94 of 100 intervals of %d values', (n) => {
    const random = randomOf(n)
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    for (const measurement of [0.1, 0.3, 1, 3]) {
      let held = 0
      for (let campaign = 0; campaign < 4000; campaign++) {
        const off = measurement * normal()
        const values = Array.from({ length: n }, () => off + normal())
        const mean = values.reduce((sum, value) => sum + value, 0) / n
        const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1)
        const known = { spreadError: Math.sqrt(variance / n), degreesOfFreedom: n - 1, measurement }
        if (Math.abs(mean) <= reachOf(known, 0.975)) held += 1
      }
      expect(held / 4000).toBeGreaterThan(0.94)
    }
  })
})
