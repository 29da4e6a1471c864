// `npm run simulate-statistics` itself, without the bootstrap: what has to hold of intervals and of the gate.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from '../house/sources.js'

interface Found {
  coverage: { spread: string; n: number; isHard: boolean; t: number; ratio: number }[]
  gate: { n: number; at_margin: Answers; same: Answers; worse_5_pct: Answers }[]
  until_ci: { sd: number; pct: number; held: number; mean_cycles: number }[]
  statistics_s: number
}
interface Answers {
  not_worse: number
  regression: number
}

const simulate = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'bench/statistics/simulate.mjs'), ...args], { encoding: 'utf8' })

describe('of 2000 simulated campaigns', () => {
  const { stdout, stderr } = simulate('--quick', '--json')
  if (stderr !== '') throw new Error(stderr)
  const { coverage, gate, until_ci, statistics_s }: Found = JSON.parse(stdout)

  it('the quoted interval, and that of a paired ratio, hold the truth in 93 to 97 %', () => {
    const told = coverage.filter(({ isHard }) => !isHard)
    expect(told.map(({ n }) => n)).toEqual([3, 5, 10, 30, 3, 5, 10, 30, 3, 5, 10, 30])
    expect(told.filter(({ t, ratio }) => [t, ratio].some((share) => share < 0.93 || share > 0.97))).toEqual(
      [],
    )
  })

  it('the gate is wrong at the margin in at most 6 % to each side', () => {
    for (const { at_margin } of gate) {
      expect(at_margin.not_worse).toBeLessThanOrEqual(0.06)
      expect(at_margin.regression).toBeLessThanOrEqual(0.06)
    }
  })

  it('20 cycles tell 5 % more, and no difference, in 95 % or more', () => {
    const { same, worse_5_pct } = gate.find(({ n }) => n === 20) as Found['gate'][number]
    expect(same.not_worse).toBeGreaterThanOrEqual(0.95)
    expect(worse_5_pct.regression).toBeGreaterThanOrEqual(0.95)
  })

  it('--until-ci holds the truth in 94.5 % or more', () => {
    expect(until_ci.filter(({ held }) => held < 0.945)).toEqual([])
    expect(until_ci.length).toBeGreaterThan(3)
  })

  it('statistics of 1000 experiments take at most 2 s', () => {
    // Of a processor of its own: one that is shared by two threads of others takes half as long again.
    expect(statistics_s).toBeLessThanOrEqual(3)
  })

  it('the guide has these tables', () => {
    const guide = readFileSync(join(root, 'docs/guide/deciding.md'), 'utf8')
    const percent = (share: number) => `${(100 * share).toFixed(1)} %`
    for (const { n, at_margin, same, worse_5_pct } of gate) {
      const cells = [at_margin.not_worse, at_margin.regression, same.not_worse, worse_5_pct.regression]
      expect(guide).toContain(`| ${n} | ${cells.map(percent).join(' | ')} |`)
    }
  })
}, 120_000)

describe('npm run simulate-statistics', () => {
  it('says what --campaigns takes', () => {
    const { status, stderr } = simulate('--campaigns', 'many')
    expect([status, stderr]).toEqual([2, expect.stringContaining('takes a whole number from 1 on, not many')])
  })
})
