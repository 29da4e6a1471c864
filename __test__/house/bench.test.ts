// What the bench published is what it measured. That it works from end to end: bench.nightly.test.ts.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { p95Difference } from '../../bench/accuracy/paired.mjs'
import { scheduleOf } from '../../bench/accuracy/schedule.mjs'
import { CLASSES, devicesOf, gpusOf, machinesOf, subjectsOf } from '../../bench/accuracy/subjects.mjs'
import { TrueEnergy } from '../../bench/accuracy/true-energy.mjs'
import { report } from '../../bench/report.mjs'
import { type Segment, trueJoules } from '../native/scenario.js'
import { root } from './sources.js'

const read = (path: string) => readFileSync(join(root, 'bench', path), 'utf8')

it('publishes in RESULTS.md what results.json says and nothing else', () => {
  expect(read('RESULTS.md')).toBe(report(JSON.parse(read('results.json'))))
})

it('publishes no quick measurement', () => {
  const parts = Object.values(JSON.parse(read('results.json'))) as { isQuick: boolean }[]
  expect(parts.map(({ isQuick }) => isQuick)).toEqual([false, false, false, false])
})

it('has the same true energy as the tests of the simulator', () => {
  const schedule = scheduleOf({ machines: 1 })
  const gpus = gpusOf(subjectsOf())
  devicesOf(schedule, gpus).forEach(({ power }, position) => {
    const segments = power.segments as Segment[]
    const energy = new TrueEnergy(segments)
    for (const { startS, endS } of schedule.windows.slice(0, 9)) {
      const joules = energy.joules(startS + 0.0123, endS)
      expect(joules / trueJoules(segments, startS + 0.0123, endS), gpus[position]?.name).toBeCloseTo(1, 9)
    }
  })
})

it('measures all of it within 25 minutes', () => {
  const machines = machinesOf(gpusOf(subjectsOf())).length
  expect(scheduleOf({ machines }).endS).toBeLessThan(25 * 60)
})

it('gives a GPU the same load whatever other classes are chosen', () => {
  const schedule = scheduleOf({ machines: 1 })
  const [late] = devicesOf(schedule, gpusOf(subjectsOf(['late'])))
  const all = gpusOf(subjectsOf())
  const amongAll = devicesOf(schedule, all)[all.findIndex((subject) => subject.class === 'late')]
  expect(late?.power).toEqual(amongAll?.power)
  expect(() => subjectsOf(['lat'])).toThrow(`there are ${CLASSES.join(', ')}`)
})

describe('the difference of two p95', () => {
  const pairs = (peerOf: (llem: number, window: number) => number) =>
    Array.from({ length: 40 }, (_, window) => {
      const llem = 1 + (window % 10) / 10
      return { window, llem, peer: peerOf(llem, window) }
    })

  it('has no width where one error is always the same part of the other', () => {
    const { difference_pct, low_pct, high_pct } = p95Difference(pairs((llem) => llem / 2)) ?? none()
    expect([difference_pct, low_pct, high_pct].map(Math.round)).toEqual([-50, -50, -50])
  })

  it('is open where a single window decides', () => {
    // The three largest of 40 are beyond p95 or at it; how many of them are drawn varies.
    const found = p95Difference(pairs((llem, window) => (window < 3 ? 50 : llem * 0.8))) ?? none()
    expect(found.difference_pct).toBeGreaterThan(1000)
    expect(found.low_pct).toBeLessThan(0)
    expect(found.high_pct).toBeGreaterThan(1000)
  })

  it('is null without a window that both measured', () => {
    expect(p95Difference([])).toBeNull()
  })

  const none = () => {
    throw new Error('no difference')
  }
})
