import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { studentCdf, studentQuantile } from '../../dist/results/student.js'

const { rows } = JSON.parse(readFileSync(new URL('student-quantiles.json', import.meta.url), 'utf8')) as {
  rows: [probability: number, degreesOfFreedom: number, quantile: number][]
}

describe("Student's t", () => {
  it('has the quantiles of SciPy to nine digits, for whole and broken degrees of freedom', () => {
    const off = rows.filter(([p, df, quantile]) => {
      const ours = studentQuantile(p, df)
      return !(Math.abs(ours - quantile) <= 1e-9 * Math.max(1, Math.abs(quantile)))
    })
    expect(off).toEqual([])
    expect(rows.length).toBeGreaterThan(100)
  })

  it('answers the probability that a quantile came from', () => {
    for (const [p, df] of rows) expect(studentCdf(studentQuantile(p, df), df)).toBeCloseTo(p, 11)
  })

  it.each([
    [0, 5],
    [1, 5],
    [-0.1, 5],
    [0.5, 0],
    [Number.NaN, 5],
    [0.5, Number.NaN],
  ])('is no number for the probability %d and %d degrees of freedom', (p, df) => {
    expect(studentQuantile(p, df)).toBeNaN()
  })
})
