// Which GPUs the children of llem are kept to, and what becomes of one that computes elsewhere.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { InferenceBackend, StartOptions } from '../../dist/backends/backend.js'
import { findingsOfLists, gpusForChildren, refuseUnmeasured } from '../../dist/experiment/computing.js'
import { startFleet } from '../../dist/experiment/fleet.js'
import type { Device, Machine } from '../../dist/native/addon.js'
import { listDevices } from '../../dist/native/machine.js'
import { simulate } from '../../dist/native/simulation.js'
import { silentObserver } from '../../dist/progress/observer.js'
import { listenersOn } from '../../dist/workers/listening.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'
import { config } from './observed.js'

const UUIDS = ['GPU-aaaa', 'GPU-bbbb', 'GPU-cccc']

function machineOf(changes: Partial<Machine> = {}, ofDevice: Partial<Device> = {}): Machine {
  const devices = UUIDS.map((uuid, index) => ({ index, uuid, energyCounter: true, ...ofDevice }))
  return { simulated: false, driverVersion: '1', devices, ...changes } as Machine
}

const measuring = (indices: readonly number[], machine = machineOf()) => ({
  machine,
  devices: machine.devices.filter(({ index }) => indices.includes(index)),
})

describe('the GPUs to which children are kept', () => {
  it.for([
    ['those that are measured', measuring([1, 2]), ['GPU-bbbb', 'GPU-cccc']],
    ['what llem sees where none is measured', measuring([]), null],
    ['what llem sees where they are simulated', measuring([0], machineOf({ simulated: true })), null],
    [
      'what the person says where one is cut into instances',
      measuring([0], machineOf({}, { migMode: true })),
      null,
    ],
  ] as const)('are %s', ([, measured, kept]) => {
    expect(gpusForChildren(measured)).toEqual(kept)
  })

  it('are told them by UUID, in the order of the driver, whatever the person has set', async () => {
    const seen: StartOptions[] = []
    const backend = {
      start: async (options: StartOptions) => {
        seen.push(options)
        return { info: {}, close: async () => undefined }
      },
    } as unknown as InferenceBackend
    const context = { observer: silentObserver, signal: undefined }
    const visible = process.env.CUDA_VISIBLE_DEVICES
    process.env.CUDA_VISIBLE_DEVICES = '2,1'
    onTestFinished(() => {
      if (visible === undefined) delete process.env.CUDA_VISIBLE_DEVICES
      else process.env.CUDA_VISIBLE_DEVICES = visible
    })
    const one = await startFleet(backend, config(), UUIDS, { ...context, keptTo: UUIDS.slice(1) })
    const several = await startFleet(backend, config({ processes: 2 }), UUIDS, { ...context, keptTo: UUIDS })
    await startFleet(backend, config(), [], context)
    expect(seen.map(({ env }) => [env?.CUDA_VISIBLE_DEVICES, env?.CUDA_DEVICE_ORDER])).toEqual([
      ['GPU-bbbb,GPU-cccc', 'PCI_BUS_ID'],
      ['GPU-aaaa', 'PCI_BUS_ID'],
      ['GPU-bbbb', 'PCI_BUS_ID'],
      ['2,1', 'PCI_BUS_ID'],
    ])
    expect(one.members.map(({ visibleUuids }) => visibleUuids)).toEqual([['GPU-bbbb', 'GPU-cccc']])
    expect(several.members.map(({ visibleUuids }) => visibleUuids)).toEqual([['GPU-aaaa'], ['GPU-bbbb']])
  })
})

describe('a worker', () => {
  const using = (...device_uuids: string[]) =>
    [{ session: { info: { device_uuids } } }] as unknown as Parameters<typeof refuseUnmeasured>[0]

  it('that says it computes on a GPU which is not measured ends the experiment', () => {
    expect(() => refuseUnmeasured(using('GPU-aaaa', 'GPU-cccc'), measuring([0]))).toThrow(
      expect.objectContaining({
        code: 'GPU_NOT_MEASURED',
        message:
          'the model computes on GPU 2, and GPU 0 would be measured: what computes is not what is measured',
      }),
    )
  })

  it('that names an instance computes on its GPU', () => {
    const machine = machineOf()
    Object.assign(machine.devices[1] as Device, { migUuids: ['MIG-1'] })
    expect(() => refuseUnmeasured(using('MIG-1'), measuring([0], machine))).toThrow('computes on GPU 1')
    expect(() => refuseUnmeasured(using('MIG-1'), measuring([1], machine))).not.toThrow()
  })

  it.for([
    ['that computes on what is measured', using('GPU-aaaa')],
    ['that computes on the CPU', using()],
    ['that cannot tell', [{ session: { info: { device_uuids: null } } }]],
    ['on a GPU that this machine does not list', using('GPU-dddd')],
  ] as const)('%s goes on', ([, members]) => {
    expect(() => refuseUnmeasured(members as ReturnType<typeof using>, measuring([0, 1]))).not.toThrow()
  })
})

describe('a worker that is seen on a GPU which is not measured', () => {
  /** A machine of three GPUs, of which one lists this process. */
  async function found(listedOn: number, measured: readonly number[]) {
    const processes = [{ pid: process.pid, used_mib: 512 }]
    const gpus = UUIDS.map((_, index) =>
      gpu(index, [{ for_s: 600, w: 100 }], index === listedOn ? { processes } : {}),
    )
    const libraryPath = simulate(scenarioFile(gpus, nowNs()))
    const machine = await listDevices(libraryPath)
    const members = [{ session: { info: { pid: process.pid } } }] as unknown as Parameters<
      typeof findingsOfLists
    >[1]
    return findingsOfLists(config(), members, measuring(measured, machine), libraryPath)
  }

  it('is told of, as Vulkan takes no notice of CUDA_VISIBLE_DEVICES', async () => {
    expect(await found(2, [0, 1])).toMatchObject([
      {
        code: 'computes_elsewhere',
        devices: [2],
        text: expect.stringContaining('computes on GPU 2, and GPU 0, 1 was measured'),
      },
    ])
  })

  it.for([
    ['that is measured', 1, [0, 1]],
    ['where all are', 2, [0, 1, 2]],
  ] as const)('and on one %s nothing is', async ([, on, measured]) => {
    expect(await found(on, measured)).toEqual([])
  })
})

it('who listens on a port is found, and of another port nobody', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  expect(listenersOn(port)).toEqual([process.pid])
  await new Promise((resolve) => server.close(resolve))
  expect(listenersOn(port)).toEqual([])
})
