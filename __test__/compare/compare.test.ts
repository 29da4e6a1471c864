import { describe, expect, it } from 'vitest'
import { type CompareOptions, type Comparison, compare } from '../../dist/compare/compare.js'
import type { Series } from '../../dist/compare/series.js'
import { furtherCyclesOf, headline, namesOf, verdict } from '../../dist/compare/words.js'
import { studentQuantile } from '../../dist/results/student.js'
import { type Made, type MadeRun, seriesOf, sourceOf } from './made.js'

type Runs = readonly (number | MadeRun)[]

function compared(
  a: Runs,
  b: Runs,
  made: { a?: Made; b?: Made } = {},
  options: CompareOptions = {},
): Comparison {
  return compare(sourceOf('A', a, made.a), sourceOf('B', b, made.b), options)
}

function sentence(comparison: Comparison): string {
  const [pair] = comparison.pairs
  const metric = pair?.metrics.find(({ gate }) => gate !== null)
  if (pair === undefined || metric === undefined) throw new Error('nothing is judged')
  return headline(metric, pair, namesOf(pair, comparison))
}

function energyOf({ pairs }: Comparison) {
  const [metric] = pairs[0]?.metrics ?? []
  if (metric?.ratio == null) throw new Error('there is no ratio')
  return { ...metric, ratio: metric.ratio }
}

function gatesOf({ pairs }: Comparison) {
  return pairs.flatMap(({ metrics }) => metrics.flatMap(({ gate }) => gate ?? []))
}

/** Drifts that both sides of a pair have, and what is each one's own. */
const DRIFT = [1, 1.2, 0.9, 1.3, 0.8]
const OWN = [1, 1.02, 0.99, 0.98, 1.01]

describe('a comparison', () => {
  it('is a sentence that can be published', () => {
    const a = [100, 101, 99, 100.5, 99.5]
    const b = [88, 91, 85, 90, 86]
    expect(sentence(compared(a, b))).toBe(
      'B uses 12.0 % less energy per output token than A (95 % CI 9.7 to 14.3 %, paired by cycle, n = 5).',
    )
  })

  it('by pairs sees through a drift that two samples drown in', () => {
    const a = DRIFT.map((factor) => 100 * factor)
    const b = DRIFT.map((factor, place) => 95 * factor * (OWN[place] as number))
    const paired = compared(a, b)
    expect(paired).toMatchObject({ answer: 'not_worse', pairs: [{ paired: true }] })
    expect(energyOf(paired).ratio).toMatchObject({ method: 'paired_t', n: { a: 5, b: 5 } })
    for (const made of [{ b: { campaign: '/other' } }, { a: { structure: 'grouped' } }]) {
      const alone = compared(a, b, made)
      expect(alone).toMatchObject({ answer: 'undecided', pairs: [{ paired: false }] })
      expect(energyOf(alone).ratio.method).toBe('welch_t')
      expect(sentence(alone)).toMatch(
        /, which is not shown to be a difference \(95 % CI .* less to .* more, unpaired, n = 5 each\)\.$/,
      )
    }
  })

  it('pairs only the cycles that both sides have', () => {
    const without = seriesOf('B', [88, 999, 90])
    without.runs.splice(1, 1)
    const comparison = compare(sourceOf('A', [100, 1, 102]), { name: 'B', series: [without], problems: [] })
    const { ratio } = energyOf(comparison)
    expect(ratio.n).toEqual({ a: 2, b: 2 })
    expect(ratio.value).toBeCloseTo(Math.sqrt((88 / 100) * (90 / 102)), 12)
  })

  it('has three answers: not worse, worse, and undecided with the cycles that would decide', () => {
    const a = [100, 101, 99, 100, 100]
    const times = (factor: number) => a.map((value, place) => value * factor * (OWN[place] as number))
    const [near, at, worse, better] = [1.015, 1.0302, 1.1, 0.9].map((factor) => compared(a, times(factor)))
    expect([near, at, worse, better].map((each) => each?.answer)).toEqual([
      'undecided',
      'undecided',
      'regression',
      'not_worse',
    ])
    const further = furtherCyclesOf(gatesOf(near as Comparison)) as number
    expect(further).toBeGreaterThan(0)
    // With so many it would be decided 4 times of 5, with one fewer it would not.
    const { value, spread } = energyOf(near as Comparison).ratio
    const reach = (n: number) =>
      ((studentQuantile(0.95, n - 1) + studentQuantile(0.8, n - 1)) * Number(spread)) / Math.sqrt(n)
    const distance = Math.log(1.03 / value)
    expect([reach(5 + further) <= distance, reach(4 + further) <= distance]).toEqual([true, false])
    expect(verdict(near as Comparison)).toBe(
      `Whether it is worse by more than 3 % is not decided. About ${further} further cycles would decide.`,
    )
    expect(furtherCyclesOf(gatesOf(at as Comparison))).toBe(null)
    expect(verdict(at as Comparison)).toContain('1000 cycles would not decide')
  })

  it('takes less throughput for worse', () => {
    const speed = (value: number): MadeRun => ({
      joules: 1,
      values: { output_tokens_per_second: { value, uncertainty: null, absolute_uncertainty: null } },
    })
    const options = { metrics: ['output_tokens_per_second'] } as const
    const a = [100, 101, 99].map(speed)
    const slower = compared(a, [90, 91.5, 88.5].map(speed), {}, options)
    expect(slower.answer).toBe('regression')
    expect(sentence(slower)).toMatch(/^B makes 10\.\d % less output tokens per second than A/)
    expect(compared(a, [110, 111, 109].map(speed), {}, options).answer).toBe('not_worse')
  })

  it('has to hold for every metric that is named, and corrects for how many they are', () => {
    const both = (joules: number, ms: number): MadeRun => ({
      joules,
      values: { ttft_p50_ms: { value: ms, uncertainty: null, absolute_uncertainty: null } },
    })
    const a = [both(100, 10), both(101, 10.1), both(99, 10.2), both(100, 9.9)]
    const b = [both(90, 12), both(91, 12.5), both(88, 12.1), both(90, 11.9)]
    const options = { metrics: ['energy_per_output_token_j', 'ttft_p50_ms'] } as const
    expect(compared(a, b).answer).toBe('not_worse')
    const comparison = compared(a, b, {}, options)
    expect(comparison.answer).toBe('regression')
    for (const { p, p_holm, gate } of comparison.pairs[0]?.metrics ?? []) {
      expect(p_holm).toBeGreaterThanOrEqual(Number(p))
      expect(gate?.p_regression_holm).toBeGreaterThanOrEqual(Number(gate?.p_regression))
    }
  })
})

describe('the uncertainty of the measurement', () => {
  it('enters beside the spread, and changes nothing where it is small', () => {
    const runs = (uncertainty: number) => [100, 102, 98, 101].map((joules) => ({ joules, uncertainty }))
    const other = (uncertainty: number) => [90, 93, 88, 90].map((joules) => ({ joules, uncertainty }))
    const width = (share: number) => {
      const { low, high } = energyOf(compared(runs(share), other(share))).ratio
      return Number(high) - Number(low)
    }
    expect(width(0.0001) / width(0)).toBeCloseTo(1, 3)
    expect(width(0.05) / width(0)).toBeGreaterThan(1.5)
  })

  it('is all that two single results have, which is said', () => {
    const comparison = compared([{ joules: 100, uncertainty: 0.02 }], [{ joules: 80, uncertainty: 0.02 }])
    const { ratio } = energyOf(comparison)
    // 1.96 times the root of 1 % squared twice.
    expect(Number(ratio.high)).toBeCloseTo(0.8 * Math.exp(1.959964 * Math.hypot(0.01, 0.01)), 5)
    expect(sentence(comparison)).toBe(
      'B uses 20.0 % less energy per output token than A (95 % CI 17.8 to 22.2 %, one run each: the uncertainty of the measurement alone).',
    )
    // However sure the measurement is, one run tells nothing of how runs differ.
    for (const [a, b] of [
      [100, 80],
      [80, 100],
    ] as const)
      expect(compared([{ joules: a, uncertainty: 0.02 }], [{ joules: b, uncertainty: 0.02 }]).answer).toBe(
        'undecided',
      )
    expect(verdict(comparison)).toContain('one run tells nothing of how runs differ')
    const unknown = compared([100], [80])
    expect(unknown.answer).toBe('undecided')
    expect(energyOf(unknown).ratio).toMatchObject({ low: null, high: null })
    expect(verdict(unknown)).toContain('measure at least 3 cycles of each')
  })

  it('tells that the nodes are others', () => {
    const on = (node: string) => ({ campaign: null, facts: { node } })
    const comparison = compared([10, 11, 12], [10, 11, 12], { a: on('node01'), b: on('node02') })
    expect(comparison.pairs[0]?.differences).toMatchObject([
      { fact: 'node', title: 'the node', a: ['node01'], b: ['node02'], verdict: 'flagged' },
    ])
  })

  it('has the gain in it where the boards are others', () => {
    const runs = (joules: number) => ({ joules, uncertainty: 0.001, absolute: 0.05 })
    const made = { campaign: null, facts: { boards: ['GPU-2'] } }
    const comparison = compared([100, 101, 99].map(runs), [98, 99, 97].map(runs), { b: made })
    expect(energyOf(comparison).ratio.measurement).toBeCloseTo(Math.hypot(0.025, 0.025), 6)
    expect(comparison.pairs[0]?.differences).toMatchObject([{ fact: 'boards', verdict: 'flagged' }])
    expect(verdict(comparison)).toContain('the uncertainty of the measurement alone is as large')
  })
})

describe('like is compared with like', () => {
  it.each([
    ['simulated', { simulated: true }, 'Numbers of different things are not compared.'],
    ['command', { command: 'exec' }, 'Numbers of different things are not compared.'],
    ['domain', { domain: 'cpu' }, 'Numbers of different things are not compared.'],
    ['workload', { workload: 'w2' }, 'Where that is meant, add --allow workload.'],
  ])('another %s is refused', (_, facts, hint) => {
    expect(() => compared([1, 2], [1, 2], { b: { facts } })).toThrow(
      expect.objectContaining({ code: 'COMPARE_REFUSED', hint, kind: 'usage' }),
    )
  })

  it.each([
    ['scope', { scope: 'steady_state' }],
    ['tokens', { tokens: 'chunks' }],
  ] as const)(
    'another %s is refused for joules per token, and compared where it is allowed',
    (fact, facts) => {
      expect(() => compared([1, 2], [1, 2], { b: { facts } })).toThrow(
        /cannot be compared by energy_per_output_token_j/,
      )
      const allowed = compared([1, 2], [1, 2], { b: { facts } }, { allow: [fact] })
      expect(allowed.pairs[0]?.differences).toMatchObject([{ fact, verdict: 'flagged' }])
      expect(() =>
        compared([1, 2], [1, 2], { b: { facts: { workload: 'w2' } } }, { allow: ['workload'] }),
      ).not.toThrow()
    },
  )

  it('another model, estimator or length of the answers is told', () => {
    const facts = { model: 'n', estimator: 'zeus', mean_output_tokens: 50 }
    const [pair] = compared([1, 2], [1, 2], { b: { facts } }).pairs
    expect(pair?.differences.map(({ fact, verdict: what }) => [fact, what])).toEqual([
      ['model', 'flagged'],
      ['estimator', 'flagged'],
      ['output_length', 'flagged'],
    ])
  })

  it('experiments of two campaigns are matched by their hash, then by name, and the rest is told', () => {
    const side = (name: string, factors: Record<string, number>) => ({
      name,
      series: Object.entries(factors).map(([each, factor]) => {
        const made = seriesOf(each, [factor, factor * 1.01], { campaign: `/${name}` })
        return { ...made, runs: made.runs.map((run) => ({ ...run, result: `/${name}${run.result}` })) }
      }),
      problems: [],
    })
    const comparison = compare(side('before', { x: 1, y: 2, old: 3 }), side('after', { y: 2, x: 1, new: 4 }))
    expect(comparison.pairs.map(({ a, b }) => [a.name, b.name])).toEqual([
      ['x', 'x'],
      ['y', 'y'],
    ])
    expect([comparison.only_a, comparison.only_b]).toEqual([['old'], ['new']])
    expect(() => compare(side('p', { x: 1, y: 1 }), side('q', { v: 1, w: 1 }))).toThrow(
      /no experiment of p \(x, y\)/,
    )
  })

  it('the same runs on both sides are refused', () => {
    expect(() => compare(sourceOf('A', [1, 2]), sourceOf('A', [1, 2]))).toThrow(/are of the same runs/)
  })
})

describe('sides of several experiments', () => {
  const both = (a: Series[], b: Series[]) =>
    compare({ name: 'A', series: a, problems: [] }, { name: 'B', series: b, problems: [] })
  const of = (name: string, campaign: string, joules: number): Series => {
    const series = seriesOf(name, [joules, 1.01 * joules, 0.99 * joules], { campaign })
    for (const run of series.runs) run.result = `${campaign}${run.result}`
    return series
  }

  it('are matched with their own, also where one side has lost all others', () => {
    const comparison = both([of('x', '/a', 80), of('y', '/a', 40)], [of('x', '/b', 70)])
    const { pairs, only_a } = comparison
    expect(pairs.map(({ a, b }) => [a.name, b.name])).toEqual([['x', 'x']])
    expect(only_a).toEqual(['y'])
    // What has no result any more is not shown to be no worse.
    expect(pairs[0]?.metrics[0]?.gate?.answer).toBe('not_worse')
    expect(comparison.answer).toBe('undecided')
    expect(verdict(comparison)).toMatch(/B has no y, of which nothing is shown; the rest is not worse\.$/)
  })

  it('are all matched with one that has no counterpart: who names one alone means it', () => {
    const { pairs } = both([of('new', '/a', 80)], [of('x', '/b', 80), of('y', '/b', 40)])
    expect(pairs.map(({ a, b }) => [a.name, b.name])).toEqual([
      ['new', 'x'],
      ['new', 'y'],
    ])
  })

  it('say why where cycles have nothing in common', () => {
    const known = seriesOf('a', [80, 81, 82])
    const later = seriesOf('b', [80, 81, 82])
    for (const run of later.runs) run.cycle = Number(run.cycle) + 10
    expect(() => both([known], [later])).toThrow(/no cycle has J\/output token of both/)
  })
})

describe('runs that went wrong', () => {
  it('in pairs take the cycle of the other side with them, also out of the means that stand beside the ratio', () => {
    const hot = { joules: 130, throttled: true }
    const metric = energyOf(compared([100, 100, 100, 500], [50, 50, 50, hot]))
    expect(metric.ratio.value).toBeCloseTo(0.5, 9)
    expect(metric).toMatchObject({ a: 100, b: 50 })
  })

  it('are counted and told apart, throttled ones with what they would change', () => {
    const hot = { joules: 130, throttled: true }
    const comparison = compared([100, 101, 99, 100], [90, 91, 89, hot], {
      b: { missing: { failed: 2, unreadable: 1 } },
    })
    const [pair] = comparison.pairs
    expect(pair?.b).toMatchObject({ runs: 3, throttled: 1, failed: 2, unreadable: 1 })
    const { ratio, ratio_with_throttled } = energyOf(comparison)
    expect(ratio.n).toEqual({ a: 3, b: 3 })
    expect(Number(ratio_with_throttled?.value)).toBeGreaterThan(ratio.value)
    expect(pair?.findings.map(({ code }) => code)).toEqual(['throttled_runs_apart', 'failed_runs_left_out'])
    expect(() => compared([100, 101], [hot, hot])).toThrow(/all 2 runs of B were throttled/)
  })

  it('one that lies apart among few is told', () => {
    const codes = (values: Runs) =>
      compared([100, 101, 99], values).pairs[0]?.findings.map(({ code }) => code)
    expect(codes([100, 101, 99, 100, 150])).toEqual(['outlier_in_few_runs'])
    expect(codes([100, 101, 99, 100, 102])).toEqual([])
  })
})

describe('of a campaign that ended once its intervals were narrow', () => {
  it('95 % takes an interval of 97 %', () => {
    const [a, b] = [
      [100, 101, 99, 100, 102],
      [90, 91, 89, 91, 90],
    ]
    const plain = compared(a as number[], b as number[])
    const until = compared(a as number[], b as number[], { b: { sequential: true } })
    expect(until).toMatchObject({ confidence: 0.95, coverage: 0.97, alpha: expect.closeTo(0.03, 12) })
    expect(Number(energyOf(until).ratio.high)).toBeGreaterThan(Number(energyOf(plain).ratio.high))
  })
})
