import { describe, expect, it } from 'vitest'
import { chooseDevices } from '../../dist/energy/devices.js'
import type { Device } from '../../dist/native/addon.js'

const gpu = (index: number, uuid: string, rest: Partial<Device> = {}): Device => ({
  index,
  uuid,
  name: 'NVIDIA H200',
  energyCounter: true,
  ...rest,
})

const ALIKE = [gpu(0, 'GPU-aaaa-1'), gpu(1, 'GPU-aabb-2'), gpu(2, 'GPU-cccc-3')]
const MIXED = [gpu(0, 'GPU-aaaa-1'), gpu(1, 'GPU-bbbb-2', { name: 'NVIDIA L4' })]
const CUT = [gpu(0, 'GPU-aaaa-1'), gpu(1, 'GPU-bbbb-2', { migMode: true })]
const TWO_CUT = CUT.map((device) => ({ ...device, migMode: true }))

function chosen(present: Device[], cudaVisibleDevices?: string, cudaDeviceOrder?: string) {
  const { devices, notes } = chooseDevices(present, { explicit: null, cudaVisibleDevices, cudaDeviceOrder })
  return { indices: devices.map((device) => device.index), notes: notes.length }
}

describe('CUDA_VISIBLE_DEVICES', () => {
  it.for([
    ['unset shows every GPU', undefined, [0, 1, 2]],
    ['empty hides every GPU', '', []],
    ['-1 hides every GPU', '-1', []],
    ['indices keep their order', '2,0', [2, 0]],
    ['spaces do not matter', ' 1 , 2 ', [1, 2]],
    ['a UUID', 'GPU-cccc-3', [2]],
    ['a prefix that fits one GPU', 'GPU-c,GPU-aab', [2, 1]],
    ['a prefix that fits two GPUs names none', 'GPU-aa', []],
    ['a UUID without its GPU- names none', 'cccc-3', []],
    ['an unknown UUID hides what follows', '0,GPU-dddd,1', [0]],
    ['an index out of range hides what follows', '1,7,0', [1]],
    ['-1 hides what follows', '0,-1,1', [0]],
    ['an empty entry hides what follows', '0,,1', [0]],
    ['a word hides everything', 'all', []],
    ['what follows the digits is passed over', '1gpu2,2ampere', [1, 2]],
    ['an index that is named twice voids the list', '0,1,0', []],
    ['a GPU that is named twice by prefixes voids the list', 'GPU-c,GPU-cccc', []],
    ['a space before a UUID ends the list', 'GPU-cccc-3, GPU-aaaa-1', [2]],
    ['one GPU named twice is one GPU', '1,GPU-aabb-2', [1]],
  ] as const)('%s', ([, visible, indices]) => {
    expect(chosen(ALIKE, visible)).toEqual({ indices, notes: 0 })
  })

  it.for([
    ['an instance in the old form is its parent', CUT, 'MIG-GPU-bbbb-2/1/0', [1], 1],
    ['an instance in the old form of an absent parent is none', CUT, 'MIG-GPU-dddd/1/0', [], 0],
    ['an instance by its own UUID is the one GPU that is cut', CUT, 'MIG-1234', [1], 1],
    ['an instance by its own UUID is none where two GPUs are cut', TWO_CUT, 'MIG-1234', [], 0],
    ['two instances of one GPU are one GPU', CUT, 'MIG-GPU-bbbb-2/1/0,MIG-GPU-bbbb-2/2/0', [1], 2],
  ] as const)('MIG: %s', ([, present, visible, indices, notes]) => {
    expect(chosen([...present], visible)).toEqual({ indices, notes })
  })

  it('says that an index may mean another GPU where models differ', () => {
    expect(chosen(MIXED, '1')).toEqual({ indices: [1], notes: 1 })
    expect(chosen(MIXED, '0,1')).toEqual({ indices: [0, 1], notes: 1 })
    expect(chosen(MIXED, '1', 'FASTEST_FIRST')).toEqual({ indices: [1], notes: 1 })
  })

  it('needs no such note in PCI order, or with UUIDs', () => {
    expect(chosen(MIXED, '1', 'PCI_BUS_ID')).toEqual({ indices: [1], notes: 0 })
    expect(chosen(MIXED, 'GPU-bbbb-2')).toEqual({ indices: [1], notes: 0 })
  })
})

describe('what cannot be measured', () => {
  const silent = gpu(1, 'GPU-bbbb-2', { problem: 'the GPU answers neither power nor energy' })
  const present = [gpu(0, 'GPU-aaaa-1'), silent, gpu(3, 'GPU-dddd-4')]
  const unreadable = [{ index: 2, reason: 'GPU is lost' }]
  const among = (cudaVisibleDevices?: string, there = present) => {
    const choice = chooseDevices(there, { explicit: null, cudaVisibleDevices, unreadable })
    return [choice.devices, choice.unmeasured].map((gpus) => gpus.map(({ index }) => index))
  }

  it.for([
    ['is left out of all that are there', undefined, [0, 3], [1, 2]],
    ['hides nothing that follows', '2,1,0', [0], [2, 1]],
    ['is not spoken of where it is not visible', '3,0', [3, 0], []],
    ['alone is handed on, so that its reason is told', '1', [1], []],
    ['alone is none where it cannot even be opened', '2', [], []],
  ] as const)('%s', ([, visible, measured, left]) => {
    expect(among(visible)).toEqual([measured, left])
  })

  it('has its reason', () => {
    const { unmeasured } = chooseDevices(present, { explicit: null, unreadable })
    expect(unmeasured).toEqual([
      { index: 1, reason: 'the GPU answers neither power nor energy' },
      { index: 2, reason: 'GPU is lost' },
    ])
  })

  it('is an error where it was asked for', () => {
    expect(() => chooseDevices(present, { explicit: [2], unreadable })).toThrow(
      expect.objectContaining({
        code: 'NVML_QUERY_FAILED',
        message: 'GPU 2 cannot be read: GPU is lost.',
      }),
    )
  })
})

describe('a MIG instance by its UUID', () => {
  const cut = TWO_CUT.map((device, k) => ({ ...device, migUuids: [`MIG-${k}-a`, `MIG-${k}-b`] }))

  it('is the GPU that lists it, and none where others are listed', () => {
    expect(chosen(cut, 'MIG-1-b')).toEqual({ indices: [1], notes: 1 })
    expect(chosen(cut.slice(1), 'MIG-9-a')).toEqual({ indices: [], notes: 0 })
  })
})

describe('devices named in the configuration', () => {
  const explicit = (present: Device[], ...wishes: (number | string)[]) =>
    chooseDevices(present, { explicit: wishes, cudaVisibleDevices: '0' })

  it('override CUDA_VISIBLE_DEVICES', () => {
    expect(explicit(ALIKE, 2, 'GPU-aaaa-1').devices.map((device) => device.index)).toEqual([2, 0])
  })

  it('are taken once each', () => {
    expect(explicit(ALIKE, 0, '0', 'GPU-aaaa-1').devices).toHaveLength(1)
  })

  it('count as the driver does, so that differing models need no note', () => {
    expect(explicit(MIXED, 1).notes).toEqual([])
  })

  it('that are not there are named in the error, with those that are', () => {
    expect(() => explicit(MIXED, 5)).toThrow(
      expect.objectContaining({
        code: 'GPU_NOT_FOUND',
        kind: 'usage',
        message: 'No GPU 5 on this machine, which has GPU 0 (GPU-aaaa-1), GPU 1 (GPU-bbbb-2).',
      }),
    )
    expect(() => explicit([], 0)).toThrow('which has none')
  })
})
