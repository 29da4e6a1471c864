// llem exec beside a real process that has the simulated driver's library loaded.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

// A copy in a place of its own: where the library of `--simulate` is, it polls no GPU.
const LIBRARY = join(scratchFolder(), 'libnvidia-ml.so.1')
copyFileSync(fileURLToPath(new URL('../../crates/nvml-sim/lib/libnvidia-ml.so.1', import.meta.url)), LIBRARY)
const LOAD = `import ctypes, time; ctypes.CDLL(${JSON.stringify(LIBRARY)}); print("loaded", flush=True); time.sleep(60)`
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
const hasPython = spawnSync('python3', ['--version']).status === 0

// The real one, where other tests poll too: nothing here may depend on being alone.
const execute = (...args: string[]) =>
  llem(['exec', '--simulate', scenario, ...args], { env: { LLEM_PROC_ROOT: '/proc' } })

describe('a process that polls the GPUs', () => {
  let monitor: ChildProcess
  beforeEach(async (context) => {
    if (!hasPython) context.skip('python3 is not installed')
    monitor = spawn('python3', ['-c', LOAD], {
      stdio: ['ignore', 'pipe', 2],
    })
    await once(monitor.stdout as NodeJS.ReadableStream, 'data')
  })
  afterEach(() => {
    if (hasPython) monitor.kill()
  })

  it('beside the command is in the result and a warning', async () => {
    const { stdout } = await execute('--json', '--', 'true')
    const { other_samplers } = (JSON.parse(stdout) as ExecResult).energy.contamination
    expect(other_samplers).toContainEqual({ pid: monitor.pid, name: 'python3', measured: false })
    const { stderr } = await execute('--', 'true')
    // Other tests poll simulated GPUs at the same time, and a warning names three.
    expect(stderr).toMatch(/\nWarning: other_sampler: .*polls? the GPUs too, which can slow/)
  })

  it('is no longer reported once it has ended', async () => {
    monitor.kill()
    await once(monitor, 'exit')
    const { stdout } = await execute('--json', '--', 'true')
    const { other_samplers } = (JSON.parse(stdout) as ExecResult).energy.contamination
    expect(other_samplers?.map(({ pid }) => pid)).not.toContain(monitor.pid)
  })

  it('in the command itself is told apart', async () => {
    // It has the library from its first moment on: Python takes a second for that on a busy machine.
    const { stdout } = await execute('--json', '--', 'env', `LD_PRELOAD=${LIBRARY}`, 'sleep', '2')
    const { other_samplers } = (JSON.parse(stdout) as ExecResult).energy.contamination
    expect(other_samplers).toContainEqual({ pid: expect.any(Number), name: 'sleep', measured: true })
  })
})
