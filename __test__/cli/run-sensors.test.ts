// Sensors of no GPU in a run without a GPU: alone, where the CPU tells nothing, and beside the CPU packages.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { type FakeSensor, grace } from '../energy/sysfs-machines.js'
import { bursts, SysfsTree } from '../energy/sysfs-tree.js'
import { type ExecResult, llem } from '../native/llem.js'
import { resultIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const SETS = ['generation.ignore_eos=true', 'generation.max_tokens=100', 'warmup.enabled=false']
const PACKAGE = bursts(20, 80, 5)

interface Machine {
  tree: SysfsTree
  meters: FakeSensor[]
  env: NodeJS.ProcessEnv
}

/** A module with four power meters. `hasRapl`: and a CPU package that counts. */
async function machine(hasRapl: boolean): Promise<Machine> {
  const tree = new SysfsTree()
  const meters = grace(tree)
  if (hasRapl) {
    const zone = tree.place('class/powercap/intel-rapl:0', {
      name: 'package-0\n',
      max_energy_range_uj: '262143328850\n',
    })
    tree.move(`${zone}/energy_uj`, { curve: PACKAGE, what: { unit: 'uJ' }, everyMs: 4, offset: 100 })
  }
  await tree.start()
  return {
    tree,
    meters,
    env: { LLEM_SYSFS_ROOT: tree.root, LLEM_NVML_LIBRARY: '', CUDA_VISIBLE_DEVICES: '' },
  }
}

let bare: Machine
let counted: Machine
beforeAll(async () => {
  ;[bare, counted] = await Promise.all([machine(false), machine(true)])
})
afterAll(() => {
  bare.tree.stop()
  counted.tree.stop()
})

/** Per cent by which each sensor is off. */
function offPct({ tree, meters }: Machine, { energy }: Pick<ExperimentResult, 'energy'>): number[] {
  return meters.map(({ sensor, curve }) => {
    const found = energy?.sensors.find((each) => each.sensor === sensor)
    const truth = tree.joules(curve, energy?.window ?? { start_ns: 0, end_ns: 0 })
    return 100 * Math.abs((found?.energy_j ?? Number.NaN) / truth - 1)
  })
}

describe('llem without a GPU', () => {
  it('has the sensors of no GPU in a run where nothing else measures', async () => {
    const ended = await run(['-n', '40'], SETS, bare.env)
    expect(ended.code, ended.stderr).toBe(0)
    const result = resultIn(ended.outputDir)
    expect(result.total_energy_j).toBeNull()
    expect(result.energy_reason).toMatch(/^No energy backend works here: nvml \(/)
    expect(result.findings.map(({ code }) => code)).not.toContain('gpu_not_used')
    expect(result.energy).toMatchObject({ total_j: null, devices: [], selection: { chosen: null } })
    // A window of a second or two has an update period of 50 ms at each edge, and a load that changes at once.
    expect(Math.max(...offPct(bare, result))).toBeLessThan(15)
    expect(ended.stdout).toMatch(/Module Power Socket 0 +[\d.]+ J \+- [\d.]+ J by .* untried on hardware/)
  })

  it('has them beside the CPU packages, whose joules are the headline', async () => {
    const ended = await run(['-n', '40'], SETS, counted.env)
    expect(ended.code, ended.stderr).toBe(0)
    const result = resultIn(ended.outputDir)
    const { energy } = result
    expect(energy).toMatchObject({ backend: 'rapl', domain: 'cpu', total_j: result.total_energy_j })
    const truth = counted.tree.joules(PACKAGE, energy?.window ?? { start_ns: 0, end_ns: 0 })
    expect(Math.abs((energy?.total_j ?? 0) / truth - 1)).toBeLessThan(0.05)
    expect(Math.max(...offPct(counted, result))).toBeLessThan(15)
  })

  it('has them beside the CPU packages in exec', async () => {
    const { stdout } = await llem(['exec', '--json', '--', 'sleep', '2'], { env: counted.env })
    const { energy } = JSON.parse(stdout) as ExecResult
    expect(energy).toMatchObject({ backend: 'rapl', domain: 'cpu', method: 'counter' })
    expect(Math.max(...offPct(counted, { energy }))).toBeLessThan(15)
  })
})
