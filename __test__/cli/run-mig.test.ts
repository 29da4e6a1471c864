// Simulated GPUs that are cut into instances: the joules are the parent's, and what a model says stands beside them.

import { describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, textFile } from '../native/scenario.js'
import { resultIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 90_000 })

/** 300 W, and processes of the instances at these places. */
function cut(...busy: number[]): string {
  const device = gpu(0, [{ for_s: 1000, w: 300 }], {
    mig_instances: [
      { uuid: 'MIG-a', profile: '3g.40gb', gpu_instance_id: 1 },
      { uuid: 'MIG-b', profile: '2g.20gb', gpu_instance_id: 2 },
    ],
    processes: busy.map((mig_instance, k) => ({ pid: 4_000_000 + k, mig_instance })),
  })
  return textFile('cut.json', JSON.stringify({ version: 2, devices: [device] }))
}

describe('MIG instances', () => {
  it('are told with who computes in each, and with no share where idle is not known', async () => {
    const { stdout } = await llem(['exec', '--simulate', cut(1), '--json', '--', 'sleep', '1'])
    const { energy } = JSON.parse(stdout) as ExecResult
    const [device] = energy?.devices ?? []
    expect(device?.total_j).toBe(energy?.total_j)
    const modelled = { modelled_j: null, modelled_reason: expect.stringContaining('idle power') }
    expect(device?.mig).toMatchObject([
      { uuid: 'MIG-a', slices: 3, slices_of_gpu: 7, multiprocessors: 48, processes: 0, ...modelled },
      { uuid: 'MIG-b', slices: 2, slices_of_gpu: 7, multiprocessors: 32, processes: 1, ...modelled },
    ])
  })

  it('have no share in a run in which nobody was seen to compute, and the headline is the parent’s', async () => {
    // No process: a load that llem's children put on a simulated GPU is in no list.
    const sets = ['baseline.enabled=true', 'baseline.duration_seconds=5', 'warmup.enabled=false']
    const ended = await run(['--simulate', cut(), '-n', '10'], sets)
    expect(ended.code, ended.stderr).toBe(0)
    const { energy, total_energy_j, energy_breakdown } = resultIn(ended.outputDir)
    expect(energy_breakdown?.baseline_power_w).toBeCloseTo(300, 0)
    const [device] = energy?.devices ?? []
    expect(device?.total_j).toBe(total_energy_j)
    expect(device?.mig.map(({ modelled_reason }) => modelled_reason)).toEqual(
      Array(2).fill('nobody was seen to compute in any instance, so nobody is known to have drawn it'),
    )
  })
})
