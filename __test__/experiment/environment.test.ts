import { describe, expect, it } from 'vitest'
import { takeEnvironment } from '../../dist/experiment/environment.js'
import type { Device, Machine } from '../../dist/native/addon.js'
import { environmentSchema } from '../../dist/results/experiment.js'

const H200: Device = {
  index: 0,
  uuid: 'GPU-1',
  name: 'NVIDIA H200',
  memoryTotalBytes: 143_771 * 1024 ** 2,
  temperatureC: 41,
  energyCounter: true,
}
const BARE: Device = { index: 0, uuid: 'GPU-1', energyCounter: false }
const MACHINE = { driverVersion: '580.95.05', cudaVersion: '13.0', simulated: false }

/** The line without the part about the container, which depends on where the tests run. */
function summaryOf(machine: Partial<Machine> | null, devices: Device[]): string {
  const whole = machine === null ? null : { devices, simulated: false, ...machine }
  const line = takeEnvironment(whole, devices).summary_line
  return line.replace(/(^| \| )container$/, '')
}

describe('the summary line', () => {
  it.for([
    ['has every part that is known', MACHINE, [H200], 'H200 140GB | CUDA 13.0 | Driver 580.95.05 | 41C'],
    [
      'counts equal GPUs',
      MACHINE,
      [H200, { ...H200, uuid: 'GPU-2' }],
      '2x H200 140GB | CUDA 13.0 | Driver 580.95.05 | 41C',
    ],
    [
      'leaves out a memory, a temperature and versions that are not known',
      {},
      [{ ...BARE, name: 'Tesla T4' }],
      'Tesla T4',
    ],
    ['leaves out a name that is not known', MACHINE, [BARE], 'CUDA 13.0 | Driver 580.95.05'],
    ['is empty where nothing is known', null, [], ''],
  ] as const)('%s', ([, machine, devices, line]) => {
    expect(summaryOf(machine, [...devices])).toBe(line)
  })

  it('says that it is a container exactly where the environment does', () => {
    const { summary_line, container } = takeEnvironment(null, [])
    expect(summary_line).toBe(container === null ? '' : 'container')
  })
})

describe('the environment', () => {
  it('has null, not 0, for what a GPU does not tell', () => {
    const { gpus } = takeEnvironment(null, [BARE])
    expect(gpus).toEqual([
      {
        index: 0,
        uuid: 'GPU-1',
        name: null,
        memory_total_mb: null,
        compute_capability: null,
        pcie_generation: null,
        pcie_width: null,
        mig_mode: null,
        persistence_mode: null,
        power_limit_w: null,
        power_limit_default_w: null,
        temperature_c: null,
        vbios_version: null,
      },
    ])
  })

  it('knows the CPU, the system and the versions', () => {
    const environment = environmentSchema.parse(takeEnvironment(null, []))
    expect(environment.cpu_count).toBeGreaterThan(0)
    expect(environment.versions).toEqual({ llem: expect.any(String), node: process.versions.node })
  })
})
