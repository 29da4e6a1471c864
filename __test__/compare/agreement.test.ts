// The same numbers by SciPy and statsmodels, which other people wrote.

import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { leastOf, tells, testsOf } from '../../dist/compare/gate.js'
import { holm } from '../../dist/compare/holm.js'
import { estimateOf, probabilityOfNoDifference, ratioOf } from '../../dist/compare/ratio.js'
import { bootstrapInterval } from '../../dist/results/interval.js'
import { pythonWithStatsmodels } from '../native/pyarrow.js'
import { normals } from './normals.js'

const MARGIN = 0.03
const RESAMPLES = 20_000

const PROGRAM = `
import sys, json, numpy
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import ttost_paired
answers = []
for one in json.load(sys.stdin):
    a, b = numpy.log(one["a"]), numpy.log(one["b"])
    paired, welch = stats.ttest_rel(b, a), stats.ttest_ind(b, a, equal_var=False)
    limit = numpy.log(1 + ${MARGIN})
    _, regression, not_worse = ttost_paired(b, a, limit, limit)
    boot = stats.bootstrap((one["long"],), numpy.mean, n_resamples=${RESAMPLES}, method="percentile", rng=numpy.random.default_rng(1))
    ends = lambda test: numpy.exp(list(test.confidence_interval(0.95))).tolist()
    answers.append({
        "paired": [paired.pvalue, *ends(paired)],
        "welch": [welch.pvalue, *ends(welch), welch.df],
        "gate": [not_worse[1], regression[1]],
        "holm": multipletests(one["p"], method="holm")[1].tolist(),
        "cycles": TTestPower().solve_power(effect_size=numpy.log(1.05) / numpy.std(b - a, ddof=1), alpha=0.05, power=0.8),
        "bootstrap": list(boot.confidence_interval),
    })
print(json.dumps(answers))
`

let python: ReturnType<typeof pythonWithStatsmodels>
beforeAll(() => {
  python = pythonWithStatsmodels()
})

interface Answer {
  paired: number[]
  welch: number[]
  gate: number[]
  holm: number[]
  cycles: number
  bootstrap: number[]
}

describe('on 50 random data sets', () => {
  const normal = normals(16)
  const random = (n: number, scale: number, sd: number) =>
    Array.from({ length: n }, () => scale * Math.exp(sd * normal()))
  const sets = Array.from({ length: 50 }, (_, index) => {
    const n = 2 + (index % 29)
    const a = random(n, 3, 0.02 + index / 500)
    // Correlated with a, as cycles are.
    const b = a.map((value) => value * 1.02 * Math.exp(0.02 * normal()))
    const p = Array.from({ length: 1 + (index % 11) }, () => Math.abs(Math.sin(index + normal())) ** 3)
    return { a, b, p, long: random(8 + (index % 23), 100, 0.1) }
  })
  const measured = (values: readonly number[]) =>
    values.map((value) => ({ value, uncertainty: null, absolute_uncertainty: null }))
  const ratio = ({ a, b }: { a: number[]; b: number[] }, isPaired: boolean) => {
    const found = ratioOf({ a: measured(a), b: measured(b), isPaired, isAbsolute: false }, { coverage: 0.95 })
    if (found === null) throw new Error('no ratio')
    return found
  }

  it("t tests, intervals, equivalence, Holm and bootstrap are SciPy's and statsmodels'", (context) => {
    if ('missing' in python) return context.skip(python.missing)
    const { stdout, stderr } = spawnSync(python.python, ['-c', PROGRAM], {
      encoding: 'utf8',
      input: JSON.stringify(sets),
    })
    expect(stderr).toBe('')
    const answers: Answer[] = JSON.parse(stdout)
    expect(answers).toHaveLength(50)
    for (const [index, { paired, welch, gate, holm: corrected, cycles, bootstrap }] of answers.entries()) {
      const set = sets[index] as (typeof sets)[number]
      const same = (ours: readonly (number | null)[], theirs: readonly number[]) => {
        for (const [place, value] of theirs.entries()) expect(Number(ours[place])).toBeCloseTo(value, 8)
      }
      const noDifference = (found: ReturnType<typeof ratio>) => {
        const estimate = estimateOf(found)
        return estimate === null ? null : probabilityOfNoDifference(estimate)
      }
      const pairs = ratio(set, true)
      same([noDifference(pairs), pairs.low, pairs.high], paired)
      const two = ratio(set, false)
      same([noDifference(two), two.low, two.high, two.degrees_of_freedom], welch)
      const tests = testsOf(pairs, 'lower', MARGIN)
      same([tests?.p_not_worse ?? null, tests?.p_regression ?? null], gate)
      same(holm(set.p), corrected)
      // Ours is by quantiles of t, theirs by the noncentral one.
      const design = { spread: Number(pairs.spread), measurement: 0, isPaired: true, alpha: 0.025 }
      const ours = Number(leastOf(2, 1000, (n) => tells(n, Math.log(1.05), design)))
      expect(Math.abs(ours - Math.max(2, Math.ceil(cycles)))).toBeLessThanOrEqual(1)
      const interval = bootstrapInterval(set.long, index, RESAMPLES)
      const mean = set.long.reduce((sum, value) => sum + value, 0) / set.long.length
      const variance = set.long.reduce((sum, value) => sum + (value - mean) ** 2, 0) / set.long.length
      // A 2.5 % quantile of 20,000 resamples is known to about 2 % of the standard error.
      const room = 0.15 * Math.sqrt(variance / set.long.length)
      expect(Math.abs(Number(interval?.low) - Number(bootstrap[0]))).toBeLessThan(room)
      expect(Math.abs(Number(interval?.high) - Number(bootstrap[1]))).toBeLessThan(room)
    }
  }, 600_000)
})
