// The CPU packages as the headline where no GPU can be read, over powercap trees that move by known powers.

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Energy } from '../../dist/results/energy.js'
import type { ExecResult } from '../../dist/results/exec.js'
import { type Ended, llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { type MovingTrees, movingTrees, type Zone, type Zones } from './powercap.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const RANGE_UJ = 262_143_328_850
/** No GPU, whatever the machine has. */
const NO_GPU = { LLEM_NVML_LIBRARY: '', CUDA_VISIBLE_DEVICES: '' }

const INTEL: Zones = {
  'intel-rapl:0': { name: 'package-0', watts: 60, swing_w: 40, period_s: 1.7 },
  'intel-rapl:0:0': { name: 'core', watts: 30 },
  'intel-rapl:0:1': { name: 'dram', watts: 4 },
  'intel-rapl:1': { name: 'psys', watts: 90 },
}
const die = (index: number, more: Partial<Zone> = {}): Zone => ({
  name: `package-0-die-${index}`,
  watts: 14.225,
  ...more,
})
const sockets = (second: Partial<Zone>): Zones => ({
  'intel-rapl:0': { name: 'package-0', watts: 50 },
  'intel-rapl:1': { name: 'package-1', watts: 70, ...second },
})

const TREES = {
  intel: INTEL,
  amd: {
    'intel-rapl:0': { name: 'package-0', watts: 80, swing_w: 79, period_s: 0.9 },
    'intel-rapl:0:0': { name: 'core', watts: 3 },
    'intel-rapl:1': { name: 'package-1', watts: 45 },
    'intel-rapl:1:0': { name: 'core', watts: 2 },
  },
  mirrored: { 'intel-rapl:0': die(0), 'intel-rapl:1': die(1) },
  'mirrored from elsewhere': { 'intel-rapl:0': die(0), 'intel-rapl:1': die(1, { from_uj: 777_000_000 }) },
  'nearly alike': { 'intel-rapl:0': die(0), 'intel-rapl:1': die(1, { watts: 14.224 }) },
  'second die at rest': { 'intel-rapl:0': die(0), 'intel-rapl:1': die(1, { watts: 0 }) },
  wrapping: sockets({ from_uj: RANGE_UJ - 300_000_000 }),
  stuck: sockets({ fault: 'stuck', fault_s: 6 }),
  backwards: sockets({ fault: 'backwards', fault_s: 8 }),
  'without a number': sockets({ fault: 'N/A', fault_s: 6 }),
} satisfies Record<string, Zones>
type Case = keyof typeof TREES
const CASES = Object.keys(TREES) as Case[]

let moving: MovingTrees
const ended = new Map<Case, Ended>()

/** `llem exec` over the tree of a case. */
function exec(name: Case, command: readonly string[], ...options: string[]): Promise<Ended> {
  const LLEM_SYSFS_ROOT = moving.roots[CASES.indexOf(name)]
  return llem(['exec', ...options, '--', ...command], { env: { ...NO_GPU, LLEM_SYSFS_ROOT } })
}

beforeAll(async () => {
  moving = await movingTrees(Object.values(TREES))
  // All at once: they sleep.
  await Promise.all(CASES.map(async (name) => ended.set(name, await exec(name, ['sleep', '10'], '--json'))))
}, 120_000)

afterAll(() => moving?.stop())

function resultOf(name: Case): ExecResult & { energy: Energy } {
  const { stdout, stderr } = ended.get(name) as Ended
  try {
    return JSON.parse(stdout)
  } catch {
    throw new Error(`llem printed no result: ${stdout}${stderr}`)
  }
}

/** The joules of all packages of a case in the window of its result. */
function truthOf(name: Case, folders: readonly string[]): number {
  const { window } = resultOf(name).energy
  return folders.reduce(
    (sum, folder) => sum + moving.joules((TREES[name] as Zones)[folder] as Zone, window),
    0,
  )
}

describe('10 s without a GPU', () => {
  it.for([
    ['intel', ['intel-rapl:0'], 'CPU package, by RAPL'],
    ['amd', ['intel-rapl:0', 'intel-rapl:1'], '2 CPU packages, by RAPL'],
    ['mirrored', ['intel-rapl:0'], 'CPU package, by RAPL'],
    ['mirrored from elsewhere', ['intel-rapl:0'], 'CPU package, by RAPL'],
    ['nearly alike', ['intel-rapl:0', 'intel-rapl:1'], '2 CPU packages, by RAPL'],
    ['wrapping', ['intel-rapl:0', 'intel-rapl:1'], '2 CPU packages, by RAPL'],
  ] as const)('has the joules of the packages within 1 % of their truth: %s', ([name, folders, whose]) => {
    const { energy, energy_reason, findings } = resultOf(name)
    const truth = truthOf(name, folders)
    // On a busy machine the edges are read late, which the uncertainty says.
    expect(Math.abs(Number(energy.total_j) - truth)).toBeLessThan(0.01 * truth + Number(energy.uncertainty_j))
    expect(energy).toMatchObject({ backend: 'rapl', domain: 'cpu', method: 'counter', devices: [] })
    expect(energy.duration_sec).toBeGreaterThan(10)
    expect(Number(energy.uncertainty_j)).toBeGreaterThan(0)
    // Nobody documents how far a counter itself may be off.
    expect(energy.absolute_uncertainty_j).toBeNull()
    expect(energy.reason).toMatch(new RegExp(`^${whose}: no GPU is measured \\(.+\\)$`))
    expect(energy_reason).toBeNull()
    expect(findings.map(({ code }) => code)).toEqual(['energy_of_cpu', 'rapl_not_proven'])
  })

  it('has the other domains beside the packages, in no sum', () => {
    const { cpu, total_j, window } = resultOf('intel').energy
    expect(cpu.package_j).toBe(total_j)
    expect(cpu.domains.map(({ domain, kind }) => [domain, kind])).toEqual([
      ['package-0', 'package'],
      ['package-0/core', 'core'],
      ['package-0/dram', 'dram'],
      ['psys', 'psys'],
    ])
    for (const [place, folder] of Object.keys(INTEL).entries()) {
      const truth = moving.joules(INTEL[folder] as Zone, window)
      expect(Math.abs(Number(cpu.domains[place]?.energy_j) / truth - 1)).toBeLessThan(0.01)
    }
    expect(resultOf('amd').energy.cpu).toMatchObject({
      dram_j: null,
      reason: 'RAPL does not count the memory of this CPU',
    })
  })

  it('counts two dies that show one counter once: 142 J and not 284.5 J', () => {
    const { total_j, cpu } = resultOf('mirrored').energy
    expect(Number(total_j)).toBeGreaterThan(140)
    expect(Number(total_j)).toBeLessThan(160)
    expect(cpu.domains).toMatchObject([
      { domain: 'package-0-die-0', energy_j: total_j, mirrors: null },
      {
        ...{ domain: 'package-0-die-1', energy_j: null, mirrors: 'package-0-die-0' },
        reason: 'it mirrors package-0-die-0: both move by the same microjoules, which are counted once',
      },
    ])
  })

  it.for([
    ['stuck', 'package-1: the RAPL counter stood still for '],
    ['backwards', 'package-1: the RAPL counter fell from '],
    ['without a number', 'intel-rapl:1/energy_uj cannot be read: "N/A" is no number'],
    ['second die at rest', 'package-0-die-1: the RAPL counter has not moved since it was first read, for '],
  ] as const)('has no joules, and says why: %s', ([name, why]) => {
    const { energy, exit_code } = resultOf(name)
    expect(exit_code).toBe(0)
    expect(energy).toMatchObject({ total_j: null, method: null, uncertainty_j: null, domain: 'cpu' })
    expect(energy.reason).toContain(why)
    expect(energy.cpu.package_j).toBeNull()
    // The other one has its own.
    const [first, second] = energy.cpu.domains
    const truth = moving.joules(TREES[name]['intel-rapl:0'], energy.window)
    expect(Math.abs(Number(first?.energy_j) - truth)).toBeLessThan(
      0.01 * truth + Number(first?.uncertainty_j),
    )
    expect(second).toMatchObject({ energy_j: null, mirrors: null })
  })
})

describe('who is told what', () => {
  it('names the domain beside the number on the screen', async () => {
    const { stderr } = await exec('amd', ['sleep', '1'])
    expect(stderr).toMatch(
      /\nCPU +2 CPU packages, by RAPL +[\d.]+ J \+- [\d.]+ J +[\d.]+ W +[\d.]+ s +counter\n/,
    )
    expect(stderr).toContain('Warning: energy_of_cpu: 2 CPU packages, by RAPL: no GPU is measured (')
    expect(stderr).toContain('Note: rapl_not_proven: ')
    expect(stderr).not.toContain('beside the energy of the GPUs')
  })

  it('compares commands in rounds by the joules of the CPU', async () => {
    const LLEM_SYSFS_ROOT = moving.roots[CASES.indexOf('mirrored')]
    const rounds = ['exec', '--runs', '2', 'sleep 0.3', 'sleep 0.6']
    const { stdout, stderr, code } = await llem(rounds, { env: { ...NO_GPU, LLEM_SYSFS_ROOT } })
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('CPU, by RAPL') })
    expect(stdout).toMatch(/sleep 0\.6 uses [\d.]+ % more energy than sleep 0\.3/)
    expect(stdout).toContain('energy_of_cpu: CPU package, by RAPL')
  })

  it('measures nothing and says both reasons where the counters cannot be read', async () => {
    const root = scratchFolder()
    const zone = join(root, 'class/powercap/intel-rapl:0')
    mkdirSync(join(zone, 'energy_uj'), { recursive: true })
    writeFileSync(join(zone, 'name'), 'package-0\n')
    const env = { ...NO_GPU, LLEM_SYSFS_ROOT: root }
    const { stdout, code } = await llem(['exec', '--json', '--', 'true'], { env })
    const { energy, energy_reason } = JSON.parse(stdout) as ExecResult
    expect({ code, energy }).toEqual({ code: 0, energy: null })
    expect(energy_reason).toMatch(
      /\. Nor can the CPU's energy be read in its place: \S+\/energy_uj cannot be read: Is a directory/,
    )
    const required = await llem(['exec', '--require-energy', '--', 'true'], { env })
    expect(required.code).toBe(1)
    expect(required.stderr).toContain("Nor can the CPU's energy be read in its place: ")
  })

  it('runs its command, and measures GPUs, beside a counter whose file blocks', async () => {
    const root = scratchFolder()
    const zone = join(root, 'class/powercap/intel-rapl:0')
    mkdirSync(zone, { recursive: true })
    writeFileSync(join(zone, 'name'), 'package-0\n')
    execFileSync('mkfifo', [join(zone, 'energy_uj')])
    const { stdout, code } = await llem(['exec', '--json', '--simulate', '--', 'sh', '-c', 'exit 7'], {
      env: { ...NO_GPU, LLEM_SYSFS_ROOT: root, CUDA_VISIBLE_DEVICES: undefined },
    })
    const { energy } = JSON.parse(stdout) as ExecResult
    expect({ code, domain: energy?.domain }).toEqual({ code: 7, domain: 'gpu' })
    expect(energy?.cpu.reason).toMatch(/intel-rapl:0\/energy_uj has not answered for 1\.\d s$/)
  })

  it('measures no CPU in the place of GPUs that were asked for', async () => {
    const LLEM_SYSFS_ROOT = moving.roots[0]
    const asked = await llem(['exec', '--json', '-d', '0', '--', 'true'], {
      env: { ...NO_GPU, LLEM_SYSFS_ROOT },
    })
    expect(asked.code).not.toBe(0)
    const library = { LLEM_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1', LLEM_SYSFS_ROOT }
    const { stdout } = await llem(['exec', '--json', '--', 'true'], { env: library })
    expect(JSON.parse(stdout)).toMatchObject({
      energy: null,
      energy_reason: expect.not.stringContaining('RAPL'),
    })
    const simulated = await llem(['exec', '--json', '--simulate', '--', 'sleep', '0.6'], {
      env: { ...NO_GPU, LLEM_SYSFS_ROOT, CUDA_VISIBLE_DEVICES: undefined },
    })
    const { energy, findings } = JSON.parse(simulated.stdout) as ExecResult
    expect(energy).toMatchObject({ backend: 'nvml', domain: 'gpu', cpu: { package_j: expect.any(Number) } })
    expect(findings.map(({ code }) => code)).not.toContain('rapl_not_proven')
  })
})
