import { spawn } from 'node:child_process'
import { expect, it, vi } from 'vitest'
import { execOver, llem } from '../native/llem.js'
import { gpu, nowNs, scenarioFile } from '../native/scenario.js'

vi.setConfig({ testTimeout: 30_000 })

const idle = [{ for_s: 60, w: 75 }]

it('names the process of somebody else that computes on the GPU, and not one that has gone by then', async () => {
  const foreign = spawn('sleep', ['20'])
  try {
    const processes = [
      { from_s: 0, to_s: 60, pid: foreign.pid, used_mib: 512 },
      { from_s: 40, to_s: 60, pid: 1, used_mib: 512 },
    ]
    const scenario = scenarioFile([gpu(0, idle), gpu(1, idle, { processes })], nowNs())
    const { energy } = await execOver(scenario, ['sleep', '1'])
    expect(energy.contamination.foreign_processes).toEqual([
      { gpu_index: 1, pid: foreign.pid, name: 'sleep', relation: 'foreign' },
    ])
    const { stderr } = await llem(['exec', '--simulate', scenario, '--', 'sleep', '1'])
    expect(stderr).toContain(
      `Warning: foreign_process: sleep (pid ${foreign.pid}) computes on GPU 1 too, and its energy is in these numbers.`,
    )
  } finally {
    foreign.kill()
  }
})

it('finds who comes in the middle of the window', async () => {
  const foreign = spawn('sleep', ['20'])
  try {
    const processes = [{ from_s: 3, to_s: 60, pid: foreign.pid, used_mib: 512 }]
    const { energy } = await execOver(scenarioFile([gpu(0, idle, { processes })], nowNs()), ['sleep', '8'])
    expect(energy.contamination.foreign_processes).toMatchObject([{ pid: foreign.pid, relation: 'foreign' }])
  } finally {
    foreign.kill()
  }
})
