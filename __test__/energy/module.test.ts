// A GPU that is part of a module (GH200, GB200): both are read side by side, and neither stands for the other.

import { expect, it } from 'vitest'
import { llem } from '../native/llem.js'
import { gpu, nowNs, textFile } from '../native/scenario.js'

interface Told {
  energy: {
    total_j: number
    duration_sec: number
    devices: { index: number; total_j: number }[]
    sensors: { sensor: string; kind: string; source: string; energy_j: number; uncertainty_j: number }[]
  }
}

it('the module of a GPU is measured beside it, named, and in no sum', async () => {
  const devices = [
    gpu(0, [{ for_s: 60, w: 400 }], { module: { extra_w: 150 } }),
    gpu(1, [{ for_s: 60, w: 300 }]),
  ]
  const scenario = textFile(
    'module.json',
    JSON.stringify({ version: 2, epoch_monotonic_ns: nowNs(), devices }),
  )
  const { code, stdout } = await llem(['exec', '--simulate', scenario, '--json', '--', 'sleep', '3'])
  expect(code).toBe(0)
  const { energy } = JSON.parse(stdout) as Told
  const seconds = energy.duration_sec
  expect(energy.devices.map(({ total_j }) => total_j / seconds)).toEqual([
    expect.closeTo(400, 0),
    expect.closeTo(300, 0),
  ])
  expect(energy.total_j / seconds).toBeCloseTo(700, 0)
  expect(energy.sensors).toMatchObject([
    { sensor: 'module of GPU 0', kind: 'module', source: 'NVML, scope module' },
  ])
  expect(Math.abs(Number(energy.sensors[0]?.energy_j) / seconds / 550 - 1)).toBeLessThan(0.01)
  expect(energy.sensors[0]?.uncertainty_j).toBeGreaterThan(0)
})
