import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { bootstrapInterval, studentInterval } from '../../dist/results/interval.js'
import { pythonWithStatsmodels } from '../native/pyarrow.js'
import { randomOf } from '../native/scenario.js'

let python: ReturnType<typeof pythonWithStatsmodels>
beforeAll(() => {
  python = pythonWithStatsmodels()
})

/** Normal numbers (Box and Muller). */
function normals(seed: number): () => number {
  const random = randomOf(seed)
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}

/** How often the interval of so many cycles holds the true mean, over 2000 campaigns. */
function coverage(n: number, interval: typeof studentInterval): number {
  const normal = normals(n)
  let covered = 0
  for (let campaign = 0; campaign < 2000; campaign++) {
    const { low, high } = interval(Array.from({ length: n }, () => 10 + normal())) ?? {}
    if (Number(low) <= 10 && 10 <= Number(high)) covered += 1
  }
  return covered / 2000
}

describe('the interval of a mean', () => {
  it.for([3, 5, 10])('that is quoted covers the true one in 93 to 97 %% of campaigns of %i cycles', (n) => {
    const share = coverage(n, studentInterval)
    expect(share).toBeGreaterThanOrEqual(0.93)
    expect(share).toBeLessThanOrEqual(0.97)
  })

  it('is by Student’s t because the percentile bootstrap covers far less than it says', () => {
    const bootstrap = (values: readonly number[]) => bootstrapInterval(values, 1, 200)
    expect(coverage(3, bootstrap)).toBeLessThan(0.85)
    expect(coverage(10, bootstrap)).toBeLessThan(0.93)
  })

  it('is the textbook’s: 3 values of mean 2 and deviation 1 reach 4.303 / sqrt(3) to either side', () => {
    const interval = studentInterval([1, 2, 3])
    expect(interval).toMatchObject({ n: 3, mean: 2, method: 't' })
    expect(interval?.low).toBeCloseTo(2 - 4.30265 / Math.sqrt(3), 4)
    expect(interval?.high).toBeCloseTo(2 + 4.30265 / Math.sqrt(3), 4)
  })

  it('of one value has no ends, and of none is none', () => {
    expect(studentInterval([5])).toEqual({ n: 1, mean: 5, low: null, high: null, method: 't' })
    expect(bootstrapInterval([5], 1)).toEqual({ n: 1, mean: 5, low: null, high: null, method: 'bootstrap' })
    expect([studentInterval([]), bootstrapInterval([], 1)]).toEqual([null, null])
  })

  it('by the bootstrap is the same for the same seed', () => {
    const values = [1, 5, 2, 8, 3]
    expect(bootstrapInterval(values, 7)).toEqual(bootstrapInterval(values, 7))
    expect(bootstrapInterval(values, 7)).not.toEqual(bootstrapInterval(values, 8))
  })

  it('by the bootstrap agrees with scipy’s within what 1000 resamples leave to chance', (context) => {
    if ('missing' in python) return context.skip(python.missing)
    const normal = normals(3)
    const values = Array.from({ length: 12 }, () => 100 + 10 * normal())
    const code = `
import sys, json, numpy, scipy.stats
values = json.loads(sys.argv[1])
result = scipy.stats.bootstrap((values,), numpy.mean, n_resamples=100000, method='percentile', confidence_level=0.95)
print(json.dumps([result.confidence_interval.low, result.confidence_interval.high]))`
    const { stdout, stderr } = spawnSync(python.python, ['-c', code, JSON.stringify(values)], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    const [low, high] = JSON.parse(stdout)
    // The standard error of a 2.5 % quantile of 1000 resamples of this mean is about 0.3; over 20 seeds 0.07.
    const seeds = Array.from({ length: 20 }, (_, seed) => bootstrapInterval(values, seed))
    const mean = (end: 'low' | 'high') =>
      seeds.reduce((sum, each) => sum + Number(each?.[end]), 0) / seeds.length
    expect(Math.abs(mean('low') - low)).toBeLessThan(0.3)
    expect(Math.abs(mean('high') - high)).toBeLessThan(0.3)
  })
})
