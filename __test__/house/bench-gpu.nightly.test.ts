// The GPU probe as far as a machine without a GPU shows it: packed, over the simulated library, without CUDA.

import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { filesBelow } from '../../scripts/files-below.mjs'
import { gpu, nowNs, type Segment, scenarioFile, scratchFolder } from '../native/scenario.js'
import { root } from './sources.js'

const probe = join(root, 'bench/gpu')
const library = join(root, 'crates/nvml-sim/lib')

interface Part {
  title: string
  columns: string[]
  rows: (string | number | null)[][]
  notes: string[]
  skipped: { what: string; reason: string }[]
}

/** Python with a simulated GPU in place of the driver's, and no CUDA whatever the machine has. */
async function python(args: readonly string[], scenario: string): Promise<string> {
  const env = { ...process.env, LD_LIBRARY_PATH: library, LLEM_NVML_SIM: scenario, CUDA_VISIBLE_DEVICES: '' }
  const { stdout } = await promisify(execFile)('python3', ['-B', ...args], { env, cwd: root })
  return stdout
}

// Debian's own Node has its code in a library, which pack.mjs refuses.
const isOneFile = !(process.config.variables as { node_shared?: boolean }).node_shared

describe('the probe, packed', () => {
  const folder = scratchFolder()
  const out = join(folder, 'results')
  let printed = ''
  let parts: Part[] = []

  beforeEach((context) => context.skip(!isOneFile, 'this Node is not one file'))
  beforeAll(async () => {
    if (!isOneFile) return
    const packing = spawnSync(process.execPath, [join(probe, 'pack.mjs'), join(folder, 'pack')], {
      encoding: 'utf8',
    })
    expect(packing).toMatchObject({ status: 0, stderr: '' })
    const sine = { mean_w: 400, amplitude_w: 150, period_s: 0.73 }
    const scenario = scenarioFile([
      gpu(0, [{ for_s: 600, sine }], {
        power: { segments: [{ for_s: 600, sine }], repeat: true },
        sensor: { update_period_ms: 100, window_ms: 25 },
      }),
    ])
    printed = await python([join(folder, 'pack/probe.py'), '--budget-s', '60', '--out', out], scenario)
    parts = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8')).parts
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const part = (number: number) => parts[number - 1] as Part
  const rowsWith = (number: number, ...start: string[]) =>
    part(number).rows.filter((row) => start.every((cell, position) => row[position] === cell))

  it('fits into what a machine takes', () => {
    const files = filesBelow(join(folder, 'pack'))
    const bytes = files.reduce((sum, path) => sum + statSync(join(folder, 'pack', path)).size, 0)
    expect(bytes).toBeLessThan(64 * 1024 * 1024)
    expect(files.filter((path) => !/\.(py|mjs|md|gz|node)$/.test(path))).toEqual([])
  })

  it('runs all its parts and writes what it prints', () => {
    expect(parts.map(({ title }) => title.split('.')[0])).toEqual(
      Array.from('123456789', String).concat('10'),
    )
    const markdown = readFileSync(join(out, 'RESULTS.md'), 'utf8')
    for (const { title } of parts) {
      expect(printed).toContain(title)
      expect(markdown).toContain(title)
    }
  })

  it('says in its results that they are simulated, and of which driver and day', () => {
    const markdown = readFileSync(join(out, 'RESULTS.md'), 'utf8')
    expect(markdown).toMatch(/^# .+, driver 580\.95\.05, \d{4}-\d\d-\d\d/)
    expect(markdown).toContain('**Simulated')
  })

  it('finds the update period of the power and of the counter', () => {
    for (const field of ['186', '83']) {
      const [row] = rowsWith(3, 'together', field)
      const periodMs = row?.[part(3).columns.indexOf('period ms')]
      expect(periodMs).toBeGreaterThan(99)
      expect(periodMs).toBeLessThan(101)
    }
  })

  it('has the latency of each call, idle', () => {
    expect(rowsWith(2, 'idle').map(([, call]) => call)).toEqual(
      expect.arrayContaining(['FieldValues{186}', 'TotalEnergyConsumption', 'ComputeRunningProcesses']),
    )
    const p50Us = part(2).columns.indexOf('p50 us')
    expect(rowsWith(2, 'idle', 'TotalEnergyConsumption')[0]?.[p50Us]).toBeGreaterThan(15)
  })

  it('measures windows with the packed addon and the packed Node', () => {
    const [row] = rowsWith(7, 'idle')
    expect(row?.[part(7).columns.indexOf('mean W')]).toBeGreaterThan(250)
  })

  it('records a trace that a test can read', () => {
    const [first, ...readings] = readFileSync(join(out, 'trace.jsonl'), 'utf8').trim().split('\n')
    expect(JSON.parse(first ?? '')).toMatchObject({ columns: ['t_ns', 'power_mw', 'counter_mj'], edges: [] })
    expect(readings.length).toBeGreaterThan(100)
    expect(JSON.parse(readings[0] ?? '')).toHaveLength(3)
  })

  it.each([5, 6, 8, 9])('skips part %d, which needs CUDA, and says why', (number) => {
    expect(part(number).rows).toEqual([])
    expect(part(number).skipped).toMatchObject([
      { what: 'this part', reason: expect.stringMatching(/torch|CUDA/i) },
    ])
  })
})

describe('a part over a GPU whose load is known', () => {
  async function tableOf(
    part: string,
    scenario: string,
    wish: { wave_s: number; runs: [number, boolean][][] },
  ) {
    const nvml = join(library, 'libnvidia-ml.so.1')
    const options = JSON.stringify({ probe, nvml, ...wish })
    const table: Part = JSON.parse(
      await python([join(root, '__test__/house/scripted-load.py'), part, options], scenario),
    )
    const cell = (row: number, column: string) => Number(table.rows[row]?.[table.columns.indexOf(column)])
    return { ...table, cell }
  }
  const sensor = { update_period_ms: 100, window_ms: 25 }

  it('finds the averaging window of 25 ms from four square waves', { timeout: 60_000 }, async () => {
    const epochNs = nowNs() + 2e9
    const runs: [number, boolean][][] = []
    const segments: Segment[] = []
    let atS = 0
    for (const periodS of [0.075, 0.08, 0.125, 0.133]) {
      // Whole periods, so that each wave begins after the low half of the one before.
      const periods = Math.ceil(3.2 / periodS)
      const edge = (half: number): [number, boolean] => [
        epochNs + Math.round((atS + (half * periodS) / 2) * 1e9),
        half % 2 === 0,
      ]
      runs.push(Array.from({ length: 2 * periods }, (_, half) => edge(half)))
      const square = { high_w: 600, low_w: 100, period_s: periodS, duty: 0.5 }
      segments.push({ for_s: periods * periodS, square })
      atS += periods * periodS
    }
    const scenario = scenarioFile([gpu(0, [...segments, { for_s: 1, w: 100 }], { sensor })], epochNs)
    const { cell } = await tableOf('averaging_window', scenario, { wave_s: 3, runs })
    expect(Math.abs(cell(0, 'window ms') - 25)).toBeLessThan(5)
    expect(cell(0, 'delay ms')).toBeLessThan(5)
    // The first of two columns of that name: the window's.
    expect(cell(0, '+-')).toBeLessThan(5)
    expect(cell(0, 'explained %')).toBeGreaterThan(95)
  })

  it('sees that the counter integrates what the readings miss', { timeout: 60_000 }, async () => {
    // Against a sensor of 100 ms, this wave runs through all phases in 12 s.
    const square = { high_w: 600, low_w: 100, period_s: 0.1 * (1 + 1 / 120), duty: 0.5 }
    const power = { segments: [{ for_s: 60.5, square }], repeat: true }
    const scenario = scenarioFile([gpu(0, [], { sensor, power })])
    const { rows, notes } = await tableOf('phase_lock', scenario, { wave_s: 1.2, runs: [] })
    expect(rows).toHaveLength(8)
    expect(notes.join(' ')).toContain('The counter does not depend on the phase')
  })
})

describe('the verdict on the counter', () => {
  const program = `
import json, sys
sys.path.insert(0, sys.argv[1])
from parts.phase_lock import verdict
from table import Table
table = Table("")
verdict(table, *json.loads(sys.argv[2]))
print(table.text())`

  it.each([
    ['integrates', [150, 600, 600, 200], [350.2, 349.8, 350.1, 350], 'it integrates what the readings'],
    ['sees no more than the readings', [150, 600, 600, 200], [140, 610, 590, 210], 'it does not integrate'],
    ['was not put to the test', [350, 352, 349, 351], [350, 350, 350, 350], 'says nothing about the counter'],
  ])('tells a counter that %s', async (_, heldW, counterW, verdict) => {
    expect(await python(['-c', program, probe, JSON.stringify([heldW, counterW])], '')).toContain(verdict)
  })
})

describe('the update period', () => {
  it('is found although ticks jitter and readings stay the same over some', async () => {
    const program = `
import random, sys
sys.path.insert(0, sys.argv[1])
from fit_update_period import fit_update_period
chance = random.Random(1)
times = [int((tick * 100 + chance.gauss(0, 2)) * 1e6) for tick in range(80) if chance.random() < 0.6]
print(fit_update_period(times).period_ms)`
    expect(Number(await python(['-c', program, probe], ''))).toBeCloseTo(100, 0)
  })
})

describe('the load', () => {
  const load = (...args: string[]) =>
    spawnSync('python3', ['-B', join(probe, 'load.py'), ...args], {
      encoding: 'utf8',
      env: { ...process.env, CUDA_VISIBLE_DEVICES: '' },
    })
  const lines = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))

  it('says when it is on and off, on the clock of the samples', () => {
    const startNs = nowNs()
    const { status, stdout } = load('square', '--period-ms', '200', '--for-s', '1', '--device', 'none')
    expect(status).toBe(0)
    const edges = lines(stdout).filter((line) => 'on' in line)
    expect(edges.map(({ on }) => on)).toEqual([...Array(5).fill([true, false]).flat(), false])
    expect(edges[0].t_ns).toBeGreaterThan(startNs)
    expect(edges.at(-1).t_ns).toBeLessThan(nowNs())
    expect(edges.at(-1).t_ns - edges[0].t_ns).toBeGreaterThan(0.99e9)
  })

  it('says why it cannot work a GPU', () => {
    const { status, stdout } = load('square')
    expect(status).toBe(1)
    expect(lines(stdout)).toEqual([{ unavailable: expect.stringMatching(/torch|CUDA/i) }])
  })
})

describe('the results on hardware', () => {
  it('are the probe’s own, or say that there are none', () => {
    const results = readFileSync(join(probe, 'RESULTS.md'), 'utf8')
    expect(existsSync(join(probe, 'README.md'))).toBe(true)
    expect(results).toMatch(/has not run on hardware yet|Written by `bench\/gpu\/probe\.py`/)
    expect(results).not.toContain('**Simulated')
  })
})
