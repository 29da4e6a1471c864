// The bench works from end to end, in its quick form, and what it published is what it measured.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { devicesOf, LOADS } from '../../bench/accuracy/loads.mjs'
import { scheduleOf } from '../../bench/accuracy/schedule.mjs'
import { TrueEnergy } from '../../bench/accuracy/true-energy.mjs'
import { report } from '../../bench/report.mjs'
import { startNode } from '../native/llem.js'
import { type Segment, trueJoules } from '../native/scenario.js'
import { root } from './sources.js'

const scratch = mkdtempSync(join(tmpdir(), 'llem-bench-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const read = (path: string) => readFileSync(join(root, 'bench', path), 'utf8')

it('publishes in RESULTS.md what results.json says and nothing else', () => {
  expect(read('RESULTS.md')).toBe(report(JSON.parse(read('results.json'))))
})

it('publishes no quick measurement', () => {
  const parts = Object.values(JSON.parse(read('results.json'))) as { isQuick: boolean }[]
  expect(parts.map(({ isQuick }) => isQuick)).toEqual([false, false, false, false])
})

it('has the same true energy as the tests of the simulator', () => {
  const schedule = scheduleOf(false)
  devicesOf(schedule).forEach(({ power }, position) => {
    const segments = power.segments as Segment[]
    const energy = new TrueEnergy(segments)
    for (const { startS, endS } of schedule.windows.slice(0, 9)) {
      const joules = energy.joules(startS + 0.0123, endS)
      expect(joules / trueJoules(segments, startS + 0.0123, endS), LOADS[position]?.name).toBeCloseTo(1, 9)
    }
  })
})

describe('a quick run', () => {
  it('measures every tool on every load and names the machine', { timeout: 400_000 }, async (context) => {
    const peers = await startNode([join(root, 'bench/python-environment.mjs')]).ended
    if (peers.code !== 0) return context.skip(`the peers cannot be installed: ${peers.stderr}`)
    const parts = ['accuracy', 'sampling', 'startup']
    const run = await startNode([join(root, 'bench/run.mjs'), ...parts, '--quick', '--out', scratch]).ended
    expect(run.code, run.stderr).toBe(0)

    const results = JSON.parse(readFileSync(join(scratch, 'results.json'), 'utf8'))
    expect(Object.keys(results)).toEqual(parts)
    for (const { date, isQuick, machine } of Object.values(results) as Measured[]) {
      expect(new Date(date).getTime()).toBeGreaterThan(0)
      expect(isQuick).toBe(true)
      expect(Object.keys(machine)).toEqual(expect.arrayContaining(['cpu', 'cores', 'kernel', 'node']))
    }

    const { accuracy, sampling, startup } = results
    const tools = ['llem', 'llem integral_j', 'llem counter_j', 'ZeusMonitor', 'PowerMonitor', 'CodeCarbon']
    const expected = LOADS.flatMap(({ name }) =>
      [1, 5].flatMap((lengthS) => [...tools, 'pynvml loop'].map((tool) => [name, lengthS, tool].join())),
    )
    const measured = (accuracy.results as Accuracy[]).map((row) => [row.load, row.length_s, row.tool].join())
    expect(measured.toSorted()).toEqual(expected.toSorted())
    expect(accuracy.goals).toHaveLength(2 * LOADS.length)
    const llem = (accuracy.results as Accuracy[]).filter(({ tool }) => tool === 'llem')
    for (const { load, windows, unanswered, p50_pct, covered } of llem) {
      expect(unanswered, load).toBeLessThan(windows)
      if (!load.includes('faults')) expect(p50_pct, load).toBeLessThan(10)
      expect(covered, load).toBeGreaterThanOrEqual(0)
    }

    expect(sampling.results).toHaveLength(6)
    expect(sampling.results[0]).toMatchObject({ tool: 'llem', interval_ms: 10 })
    expect(startup.commands).toHaveLength(3)
    expect(readFileSync(join(scratch, 'RESULTS.md'), 'utf8')).toBe(report(results))
    // The tables are on stdout, for whoever does not look for a file.
    expect(run.stdout).toContain('### What holds')
  })
})

interface Measured {
  date: string
  isQuick: boolean
  machine: object
}

interface Accuracy {
  load: string
  length_s: number
  tool: string
  windows: number
  unanswered: number
  p50_pct: number | null
  covered: number
}
