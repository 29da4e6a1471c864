// Joules of GPUs and sensors that are files of the kernel, by the real command line over trees that move.

import { afterAll, describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, scenarioFile } from '../native/scenario.js'
import {
  arc,
  type FakeGpu,
  type FakeSensor,
  type Faults,
  grace,
  jetson,
  mi300x,
  radeon,
} from './sysfs-machines.js'
import { type Fault, SysfsTree } from './sysfs-tree.js'

vi.setConfig({ testTimeout: 90_000 })

const trees: SysfsTree[] = []
afterAll(() => {
  for (const tree of trees) tree.stop()
})

const NO_NVML = '/nowhere/libnvidia-ml.so.1'
const simulated = scenarioFile([gpu(0, [{ for_s: 100, w: 300 }])])

async function measured(tree: SysfsTree, seconds: number, options: readonly string[] = []) {
  trees.push(tree)
  await tree.start()
  const args = ['exec', '--json', ...options, '--', 'sleep', String(seconds)]
  const { stdout, stderr } = await llem(args, {
    env: { LLEM_SYSFS_ROOT: tree.root, LLEM_NVML_LIBRARY: NO_NVML },
  })
  tree.stop()
  expect(stderr).not.toContain('Error')
  return (JSON.parse(stdout) as ExecResult).energy
}

type Energy = Awaited<ReturnType<typeof measured>>

function deviceOf(energy: Energy, { uuid }: FakeGpu) {
  const device = energy.devices.find((each) => each.uuid === uuid)
  if (device === undefined) throw new Error(`${uuid} was not measured`)
  return device
}

/** Per cent by which what was measured is off. */
function offPct(
  tree: SysfsTree,
  energy: Energy,
  found: number | null,
  { curve }: FakeGpu | FakeSensor,
): number {
  const truth = tree.joules(curve, energy.window)
  return found === null ? Number.NaN : (100 * (found - truth)) / truth
}

/** For whoever runs it by hand: LLEM_TEST_TELL=1. */
function tell(...facts: unknown[]): void {
  if (process.env.LLEM_TEST_TELL) console.log(...facts)
}

async function healthy() {
  const tree = new SysfsTree()
  const gpus = { mi300x: mi300x(tree, 0), radeon: radeon(tree, 1), arc: arc(tree, 2) }
  return { tree, gpus, energy: await measured(tree, 10) }
}

async function ofSensors() {
  const tree = new SysfsTree()
  const sensors = [...jetson(tree), ...grace(tree)]
  return { tree, sensors, energy: await measured(tree, 10, ['--simulate', simulated]) }
}

/** A fault that begins in the window. */
const later = (rest: Omit<Fault, 'fromS'> = {}): Fault => ({ fromS: 4.5, ...rest })

async function faulty() {
  const tree = new SysfsTree()
  const at = (card: number, faults: Faults, rest = {}) => mi300x(tree, card, faults, rest)
  const gpus = {
    energyStuck: at(0, { energy: { fromS: 0 } }),
    energyNone: at(1, { energy: { fromS: 0, text: 'none' } }),
    energyBackwards: at(2, { energy: later({ lessJ: 9e6 }) }),
    // It wraps at 2^32 units, half a minute before they are reached.
    energyWraps: at(3, {}, { offset: 65536 - 3000, range: 2 ** 32 }),
    powerNone: at(4, { power: later({ text: 'N/A' }) }),
    powerZero: at(5, { power: later({ text: '0' }) }),
    powerStuck: at(6, { power: { fromS: 0.01 } }),
    allNone: at(7, { power: later({ text: 'N/A' }), energy: { fromS: 0, text: 'none' } }),
    radeonStuck: radeon(tree, 8, { fromS: 0.01 }),
    radeonZero: radeon(tree, 9, later({ text: '0' })),
    arcStuck: arc(tree, 10, later()),
    arcBackwards: arc(tree, 11, later({ lessJ: 4000 })),
  }
  const sensors = grace(tree, later({ text: '0' }))
  return { tree, gpus, sensors, energy: await measured(tree, 8) }
}

describe('GPUs and sensors below /sys', () => {
  // All of them at once: each waits most of the time.
  const running = Promise.all([healthy(), ofSensors(), faulty()])

  it('are measured within 1 % over 10 s', async () => {
    const [{ tree, gpus, energy }] = await running
    for (const [name, fake] of Object.entries(gpus)) {
      const device = deviceOf(energy, fake)
      const off = offPct(tree, energy, device.total_j, fake)
      tell(
        name,
        off.toFixed(3),
        device.method,
        device.uncertainty_j,
        device.absolute_uncertainty_j,
        device.sensor,
        device.reason,
        device.findings,
        device.power_domain,
        device.max_power_w,
      )
      expect(Math.abs(off), name).toBeLessThan(1)
      const truth = tree.joules(fake.curve, energy.window)
      expect(Math.abs((device.total_j ?? 0) - truth), name).toBeLessThan(device.uncertainty_j ?? 0)
    }
    tell(energy.findings, energy.sampler)
  })

  it('and so are sensors that are of no GPU, which are in no sum', async () => {
    const [, { tree, sensors, energy }] = await running
    for (const sensor of sensors) {
      const found = energy.sensors.find((each) => each.sensor === sensor.sensor)
      const off = offPct(tree, energy, found?.energy_j ?? null, sensor)
      tell(sensor.sensor, off.toFixed(3), found)
      expect(Math.abs(off), sensor.sensor).toBeLessThan(1)
    }
  })

  it('tell of their faults', async () => {
    const [, , { tree, gpus, energy, sensors }] = await running
    for (const [name, fake] of Object.entries(gpus)) {
      const device = deviceOf(energy, fake)
      tell(
        name,
        offPct(tree, energy, device.total_j, fake).toFixed(3),
        device.method,
        device.uncertainty_j,
        device.reason,
        device.missing_reason,
        device.findings.map((f) => f.code + ' ' + f.text),
      )
    }
    tell(energy.sensors, sensors.length)
  })
})
