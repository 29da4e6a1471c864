// A server on two nodes: each with GPUs, a clock and a meter of its own, and all of it measured as one.

import { cpSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { energyOfNodes } from '../../dist/nodes/energy.js'
import { readNodes } from '../../dist/nodes/fold.js'
import { llem } from '../native/llem.js'
import {
  gpu,
  nowNs,
  randomOf,
  type Segment,
  scenarioFile,
  scratchFolder,
  trueJoules,
} from '../native/scenario.js'
import { buildClocks, NodeClock } from './clocks.js'
import { resultIn, runDirIn, startNodesRun } from './experiment.js'

/** Of inference; minutes at night. */
const SECONDS = Number(process.env.LLEM_TEST_NODES_SECONDS ?? 6)

vi.setConfig({ testTimeout: 60_000 + 2000 * SECONDS })

let noClocks: string | null = null
/** The folder of the run. */
let kept: string | null = null
beforeAll(() => {
  noClocks = buildClocks()
})

interface Node {
  name: string
  clock: NodeClock
  loads: Segment[][]
  epochNs: number
  start: string[]
}

/** A node whose GPUs have a load of their own, by its own clock. */
function node(name: string, clock: NodeClock, gpus: number, seed: number): Node {
  const random = randomOf(seed)
  const loads = Array.from({ length: gpus }, () => bursts(random))
  const epochNs = Math.round(clock.at(nowNs()))
  const scenario = scenarioFile(
    loads.map((load, at) => gpu(seed * 10 + at, load, { sensor: { update_period_ms: 100, window_ms: 100 } })),
    epochNs,
  )
  return {
    name,
    clock,
    loads,
    epochNs,
    start: clock.before({ SLURMD_NODENAME: name, LLEM_NVML_SIM: scenario }),
  }
}

/** Steps between 80 and 680 W, each of 0.3 to 1.5 s, for as long as it takes and a minute more. */
function bursts(random: () => number): Segment[] {
  return Array.from({ length: Math.ceil((SECONDS + 60) / 0.9) * 2 }, () => ({
    for_s: 0.3 + 1.2 * random(),
    w: 80 + 600 * random(),
  }))
}

/** What its GPUs truly drew between two moments of this machine's clock. */
function truth({ clock, loads, epochNs }: Node, fromNs: number, toNs: number): number {
  const at = (ns: number) => (clock.at(ns) - epochNs) / 1e9
  return loads.reduce((sum, load) => sum + trueJoules(load, at(fromNs), at(toNs)), 0)
}

describe('a server that spans two nodes', () => {
  it('has the joules of both within 1 % of the truth, 50 ms and 100 ppm apart', async (context) => {
    if (noClocks !== null) context.skip(noClocks)
    const nodes = [
      node('node01', new NodeClock({ offsetNs: 50e6 }), 2, 1),
      node('node02', new NodeClock({ offsetNs: -50e6, ppm: 100 }), 2, 2),
    ]
    const { ended, outputDir } = await startNodesRun(
      nodes.map(({ start }) => start),
      { seconds: SECONDS, sets: ['energy.nodes.roles={"node01":"prefill","node02":"decode"}'] },
    )
    const { code, stdout, stderr } = await ended
    expect(code, stderr).toBe(0)
    const result = resultIn(outputDir)
    const { energy } = result
    const [from, to] = [energy?.window.start_ns ?? 0, energy?.window.end_ns ?? 0]
    for (const each of nodes) {
      const told = energy?.nodes?.nodes.find((one) => one.node === each.name)
      const clock = told?.clock
      const truthNs = (ns: number) => each.clock.at(ns) - ns
      expect(Math.abs((clock?.start_offset_ns ?? 0) - truthNs(from))).toBeLessThanOrEqual(
        clock?.start_bound_ns ?? 0,
      )
      expect(Math.abs((clock?.end_offset_ns ?? 0) - truthNs(to))).toBeLessThanOrEqual(
        clock?.end_bound_ns ?? 0,
      )
      // On a busy machine a message may wait for its turn.
      expect(clock?.end_bound_ns).toBeLessThan(20e6)
      const true_j = truth(each, from, to)
      expect(Math.abs((told?.total_j ?? 0) - true_j) / true_j).toBeLessThan(0.01)
    }
    const true_j = nodes.reduce((sum, each) => sum + truth(each, from, to), 0)
    const total = energy?.total_j ?? 0
    expect(Math.abs(total - true_j) / true_j).toBeLessThan(0.01)
    expect(energy?.devices).toHaveLength(4)
    expect(result.total_energy_j).toBe(total)
    const [prefill, decode] = ['prefill', 'decode'].map((role) =>
      energy?.nodes?.roles.find((each) => each.role === role),
    )
    expect((prefill?.total_j ?? 0) + (decode?.total_j ?? 0)).toBeCloseTo(total, 6)
    expect(decode?.energy_per_output_token_j).toBeCloseTo((decode?.total_j ?? 0) / result.output_tokens, 9)
    expect(stdout).toMatch(/node01 \(prefill\)/)
    kept = runDirIn(outputDir)
    // Nobody is kept from it once there is no secret in it.
    expect(statSync(join(kept, 'nodes')).mode & 0o777).toBe(statSync(kept).mode & 0o777)
    expect(existsSync(join(kept, 'nodes', 'session.json'))).toBe(false)
    const { clock, phases } = JSON.parse(readFileSync(join(kept, 'nodes', 'window.json'), 'utf8'))
    expect(clock).toMatchObject({ id: 'CLOCK_MONOTONIC', boot_id: expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(phases.at(-1)).toEqual({ phase: 'inference', start_ns: from, end_ns: to })
    const verified = await llem(['verify', runDirIn(outputDir)])
    expect(verified.code, verified.stdout).toBe(0)
    expect(verified.stdout).toMatch(/energy\.nodes\.nodes\[1\]\.total_j/)
  })

  it('has no total where its files say so: each with a code', async (context) => {
    const measuredDir = kept
    if (measuredDir === null) return context.skip('there was no run')
    const sound = energyOfNodes(await readNodes(join(measuredDir, 'nodes')))
    expect(sound.nodes?.nodes.map(({ fault }) => fault)).toEqual([null, null])
    /** The same with one file of node02 changed. */
    const changed = async (file: string, change: (text: string, id: string) => string) => {
      const dir = join(scratchFolder(), 'nodes')
      cpSync(join(measuredDir, 'nodes'), dir, { recursive: true })
      const id = sound.nodes?.nodes[1]?.folder ?? ''
      const path = join(dir, file.replace('ID', id))
      writeFileSync(path, change(readFileSync(path, 'utf8'), id))
      return energyOfNodes(await readNodes(dir))
    }
    /** What of node.json and window.json is changed. */
    interface Json {
      window: { start_ns: number; end_ns: number | null }
      gpus_per_node: number
      nodes: { node: string }[]
    }
    const json = (change: (content: Json) => unknown) => (text: string) => {
      const content = JSON.parse(text)
      change(content)
      return JSON.stringify(content)
    }
    const cases: [string, string, (text: string, id: string) => string][] = [
      ['node_meter_lost', 'ID/node.json', json((node) => Object.assign(node.window, { end_ns: null }))],
      [
        'node_window_not_covered',
        'ID/node.json',
        json(({ window }) => Object.assign(window, { start_ns: window.start_ns + 20e9 })),
      ],
      ['node_devices_missing', 'window.json', json((window) => Object.assign(window, { gpus_per_node: 3 }))],
      ['node_energy_unknown', 'ID/samples.parquet', () => 'nothing'],
      // By 40 ms between two exchanges, as where a virtual machine was paused.
      [
        'node_clock_unbounded',
        'clock-ID.jsonl',
        (text) =>
          text.replace(/"offset_ns":(-?[\d.]+)(?=[^\n]*\n$)/, (_, ns) => `"offset_ns":${Number(ns) + 40e6}`),
      ],
      ['node_clock_unbounded', 'clock-ID.jsonl', (text) => `${text.split('\n')[0]}\n`],
      [
        'node_missing',
        'window.json',
        json((window) =>
          Object.assign(window, { nodes: window.nodes.filter(({ node }) => node === 'node01') }),
        ),
      ],
    ]
    for (const [code, file, change] of cases) {
      const energy = await changed(file, change)
      expect(energy.total_j, code).toBeNull()
      expect(energy.reason, code).toContain(`[${code}]`)
      expect(energy.findings.map((finding) => finding.code)).toContain(code)
      // The other node's joules stay.
      expect(energy.nodes?.nodes[0]?.total_j).toBeCloseTo(sound.nodes?.nodes[0]?.total_j ?? 0, 9)
    }
  })
  it('is verified as a whole: what is damaged, gone or changed is named', async (context) => {
    const measuredDir = kept
    if (measuredDir === null) return context.skip('there was no run')
    const verified = async (change: (dir: string) => void) => {
      const dir = join(scratchFolder(), 'run')
      cpSync(measuredDir, dir, { recursive: true })
      change(dir)
      const { code, stdout, stderr } = await llem(['verify', dir])
      expect(code, stdout).toBe(1)
      expect(stderr).not.toMatch(/BUG/)
      return stdout + stderr
    }
    const id = resultIn(join(measuredDir, '..')).energy?.nodes?.nodes[1]?.folder ?? ''
    const edited = (file: string, edit: (text: string) => string) => (dir: string) => {
      const path = join(dir, file)
      const text = readFileSync(path, 'utf8')
      expect(edit(text)).not.toBe(text)
      writeFileSync(path, edit(text))
    }
    const clock = `nodes/clock-${id}.jsonl`
    const torn = await verified(edited(clock, (text) => text.slice(0, -8)))
    expect(torn).toMatch(/line \d+ of .*clock-node02-\w+\.jsonl is damaged.*\[FILE_DAMAGED\]/s)
    const cut = await verified(edited('nodes/window.json', (text) => text.slice(0, text.length / 2)))
    expect(cut).toMatch(/nodes\/window\.json is damaged.*\[FILE_DAMAGED\]/s)
    const odd = await verified(edited('nodes/window.json', (text) => text.replace(`"${id}"`, '"../x"')))
    expect(odd).toMatch(/nodes\/window\.json is damaged.* nodes\[\d\]\.id/s)
    const gone = await verified((dir) => rmSync(join(dir, 'nodes', id), { recursive: true }))
    expect(gone).toMatch(`Differs: energy.nodes.nodes[1].folder is ${id}`)
    const changed = await verified(
      edited('result.json', (text) => {
        const result = JSON.parse(text)
        const { nodes, devices } = result.energy
        nodes.roles[1].energy_per_output_token_j += 1
        nodes.nodes[0].clock.start_bound_ns += 1000
        nodes.nodes[0].role = 'router'
        nodes.nodes.pop()
        nodes.clock_bound_j *= 2
        devices[1].total_j += 1
        return JSON.stringify(result)
      }),
    )
    for (const path of [
      'nodes.roles[1].energy_per_output_token_j',
      'nodes.nodes[0].clock.start_bound_ns',
      'nodes.nodes[0].role',
      'nodes.nodes[1]',
      'nodes.clock_bound_j',
      'devices[1].total_j',
    ])
      expect(changed).toContain(`Differs: energy.${path} is`)
  })
})
