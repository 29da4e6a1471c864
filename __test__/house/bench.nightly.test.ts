// The bench works from end to end, in its quick form: minutes, so at night.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { subjectsOf } from '../../bench/accuracy/subjects.mjs'
import { report } from '../../bench/report.mjs'
import { startNode } from '../native/llem.js'
import { root } from './sources.js'

const scratch = mkdtempSync(join(tmpdir(), 'llem-bench-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** As usual, and without a counter; a poller of its own and 8 GPUs take minutes more: `npm run bench -- accuracy --quick`. */
const SOME = ['modelled', 'no-counter']

describe('a quick run', () => {
  it('measures every tool on every load and names the machine', { timeout: 400_000 }, async (context) => {
    const installed = await startNode([join(root, 'bench/python-environment.mjs')]).ended
    if (installed.code !== 0) return context.skip(`the peers cannot be installed: ${installed.stderr}`)
    const parts = ['accuracy', 'sampling', 'startup']
    const choice = ['--quick', '--windows', '3', '--classes', SOME.join(), '--out', scratch]
    const run = await startNode([join(root, 'bench/run.mjs'), ...parts, ...choice]).ended
    expect(run.code, run.stderr).toBe(0)

    const results = JSON.parse(readFileSync(join(scratch, 'results.json'), 'utf8'))
    expect(Object.keys(results)).toEqual(parts)
    for (const { date, isQuick, machine } of Object.values(results) as Measured[]) {
      expect(new Date(date).getTime()).toBeGreaterThan(0)
      expect(isQuick).toBe(true)
      expect(Object.keys(machine)).toEqual(expect.arrayContaining(['cpu', 'cores', 'kernel', 'node']))
    }

    const { accuracy, sampling, startup } = results
    const peers = [
      'ZeusMonitor',
      'PowerMonitor',
      'CodeCarbon',
      'pynvml loop',
      'nvidia-smi 1 Hz',
      'counter scraped',
    ]
    const expected = subjectsOf(SOME).flatMap(({ class: of, name }) => {
      const estimates = of === 'modelled' ? ['llem', 'llem integral_j', 'llem counter_j'] : ['llem']
      return [1, 5].flatMap((lengthS) =>
        [...estimates, ...peers].map((tool) => [of, name, lengthS, tool].join()),
      )
    })
    const rows = accuracy.results as Accuracy[]
    expect(rows.map((row) => [row.class, row.load, row.length_s, row.tool].join()).toSorted()).toEqual(
      expected.toSorted(),
    )
    const llem = rows.filter(({ tool }) => tool === 'llem')
    for (const { class: of, load, windows, unanswered, p50_pct, covered } of llem) {
      expect(windows).toBe(3)
      expect(unanswered, load).toBeLessThan(windows)
      if (of === 'modelled' && !load.includes('faults')) expect(p50_pct, load).toBeLessThan(10)
      expect(covered, load).toBeGreaterThanOrEqual(0)
    }
    // Who needs the counter has nothing to say where there is none.
    const scraped = rows.filter(({ class: of, tool }) => of === 'no-counter' && tool === 'counter scraped')
    expect(scraped.map(({ windows, unanswered }) => windows - unanswered)).toEqual([0, 0, 0, 0])
    // The mean over a second, interpolated, is right on a constant load.
    const smi = rows.filter(({ load, tool }) => load === 'constant' && tool === 'nvidia-smi 1 Hz')
    for (const { p95_pct } of smi) expect(p95_pct).toBeLessThan(0.01)

    expect(accuracy.coverage).toHaveLength(2 * SOME.length)
    expect(accuracy.goals).toHaveLength(llem.length)
    for (const { length_s, paired, peer_is_better } of accuracy.goals as Goal[]) {
      if (paired !== null) expect(paired.low_pct).toBeLessThanOrEqual(paired.high_pct)
      expect(length_s < 5 ? [null] : ['yes', 'perhaps', 'no']).toContain(peer_is_better)
    }
    expect(accuracy.busy_share).toBeGreaterThan(0)
    for (const { name, cores, late } of accuracy.tools as Tool[]) {
      expect(cores, name).toBeGreaterThan(0)
      expect(late.start.p99_ms, name).toBeGreaterThan(0)
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

interface Tool {
  name: string
  cores: number
  late: { start: { p99_ms: number } }
}

interface Goal {
  length_s: number
  paired: { low_pct: number; high_pct: number } | null
  peer_is_better: string | null
}

interface Accuracy {
  class: string
  load: string
  length_s: number
  tool: string
  windows: number
  unanswered: number
  p50_pct: number | null
  p95_pct: number | null
  covered: number
}
