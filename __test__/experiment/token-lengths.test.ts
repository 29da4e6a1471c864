import { describe, expect, it } from 'vitest'
import { lengthsOf } from '../../dist/experiment/token-lengths.js'

describe('token lengths', () => {
  it('are counted between powers of two, from the shortest to the longest', () => {
    expect(lengthsOf([3, 4, 7, 8, 15, 16, 20])).toEqual({
      count: 7,
      min: 3,
      mean: 73 / 7,
      p50: 8,
      p95: expect.closeTo(18.8, 9),
      max: 20,
      histogram: { edges: [2, 4, 8, 16, 32], counts: [1, 2, 2, 2] },
    })
  })

  it.for([
    [
      [0, 0, 1],
      [0, 1, 2],
      [2, 1],
    ],
    [[128, 128], [128, 256], [2]],
    [
      [1, 5],
      [1, 2, 4, 8],
      [1, 0, 1],
    ],
    [[2 ** 20], [2 ** 20, 2 ** 21], [1]],
  ] as const)('of %j have the edges %j', ([lengths, edges, counts]) => {
    expect(lengthsOf(lengths)?.histogram).toEqual({ edges, counts })
  })

  it('of nothing are unknown', () => {
    expect(lengthsOf([])).toBeNull()
  })

  it('of many requests are counted without a deep stack', () => {
    const lengths = Array.from({ length: 200_000 }, (_, index) => index % 1000)
    const { histogram, min, max } = lengthsOf(lengths) ?? {}
    expect({ min, max }).toEqual({ min: 0, max: 999 })
    expect(histogram?.counts.reduce((sum, count) => sum + count, 0)).toBe(200_000)
  })
})
