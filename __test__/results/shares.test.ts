import { describe, expect, it } from 'vitest'
import { joulesOfDevices, unionOfWindowsS } from '../../dist/results/shares.js'
import { deviceEnergy, energy } from '../experiment/findings.js'

const window = (startS: number, endS: number) => ({ start_ns: startS * 1e9, end_ns: endS * 1e9 })

describe('the union of windows', () => {
  it.for([
    ['of none is nothing', [], 0],
    ['of one is its length', [window(1, 4)], 3],
    ['counts what overlaps once', [window(0, 4), window(2, 6)], 6],
    ['counts no time in which nobody was at work', [window(0, 1), window(5, 7)], 3],
    ['does not shrink by a window inside another', [window(0, 10), window(2, 3), window(9, 11)], 11],
    ['does not depend on the order', [window(9, 11), window(0, 10), window(2, 3)], 11],
  ] as const)('%s', ([, windows, seconds]) => {
    expect(unionOfWindowsS(windows)).toBeCloseTo(seconds, 9)
  })
})

describe('the energy of some GPUs', () => {
  const two = energy({
    total_j: 9000,
    devices: [deviceEnergy({ total_j: 6000 }), deviceEnergy({ index: 1, uuid: 'GPU-2', total_j: 3000 })],
  })

  it.for([
    ['is the total where none are named', null, 9000],
    ['is that of the one', ['GPU-2'], 3000],
    ['has each once, however many processes share it', ['GPU-2', 'GPU-1', 'GPU-2'], 9000],
    ['is unknown where one was not measured', ['GPU-1', 'GPU-9'], null],
  ] as const)('%s', ([, uuids, joules]) => {
    expect(joulesOfDevices(two, uuids)).toBe(joules)
  })

  it('is what another backend tells of each', () => {
    const measurement = {
      per_gpu_j: { 'GPU-1': 10, 'GPU-2': 20 },
      samples: null,
      domains: [],
      emissions: null,
      versions: {},
    }
    const byZeus = energy({ backend: 'zeus', total_j: 30, devices: two.devices, measurement })
    expect(joulesOfDevices(byZeus, ['GPU-2'])).toBe(20)
    expect(
      joulesOfDevices({ ...byZeus, measurement: { ...measurement, per_gpu_j: null } }, ['GPU-2']),
    ).toBeNull()
  })
})
