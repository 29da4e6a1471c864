// A whole experiment on a machine whose GPU NVML does not know.

import { afterAll, describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { run } from '../cli/experiment.js'
import { mi300x } from './sysfs-machines.js'
import { SysfsTree } from './sysfs-tree.js'

vi.setConfig({ testTimeout: 60_000 })

const tree = new SysfsTree()
afterAll(() => tree.stop())

describe('llem run', () => {
  it('measures an AMD GPU without NVML, with the sensor that was never tried among its warnings', async () => {
    const gpu = mi300x(tree, 0)
    await tree.start()
    const env = { LLEM_SYSFS_ROOT: tree.root, LLEM_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1' }
    const sets = [
      `energy.devices=[${gpu.uuid}]`,
      'n_prompts=40',
      'generation.max_tokens=200',
      'generation.ignore_eos=true',
    ]
    const { code, stdout, stderr } = await run(['--json'], sets, env)
    expect(code, stderr).toBe(0)
    const { energy } = JSON.parse(stdout) as ExperimentResult
    expect(energy).toMatchObject({
      backend: 'nvml',
      domain: 'gpu',
      devices: [{ index: 0, uuid: gpu.uuid, method: 'counter', power_domain: 'hwmon power1_input' }],
    })
    const truth = tree.joules(gpu.curve, energy?.window ?? { start_ns: 0, end_ns: 0 })
    expect(Math.abs((energy?.total_j ?? 0) / truth - 1)).toBeLessThan(0.03)
    expect(energy?.findings.map(({ code }) => code)).toContain('untried_hardware')
  })
})
