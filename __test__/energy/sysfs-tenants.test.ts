// Who computes on GPUs of AMD and Intel, and why they are slowed down, by the real command line over trees below /sys and
// /proc. The files are those of the kernel's documentation (drm-usage-stats.rst, kgd_pp_interface.h); no hardware was met.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { arc, mi300x } from './sysfs-machines.js'
import { SysfsTree } from './sysfs-tree.js'

vi.setConfig({ testTimeout: 60_000 })

const trees: SysfsTree[] = []
const strangers: ChildProcess[] = []
afterAll(() => {
  for (const tree of trees) tree.stop()
  for (const stranger of strangers) stranger.kill()
})

/** A process that is no child of llem's. */
function stranger(): number {
  const child = spawn('sleep', ['60'])
  strangers.push(child)
  return child.pid ?? 0
}

async function energyOf(tree: SysfsTree, seconds: number, env: NodeJS.ProcessEnv = {}) {
  trees.push(tree)
  await tree.start()
  const { stdout } = await llem(['exec', '--json', '--', 'sleep', String(seconds)], {
    env: { LLEM_SYSFS_ROOT: tree.root, LLEM_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1', ...env },
  })
  return JSON.parse(stdout) as ExecResult
}

/** amdkfd's view of the MI300X of card 0. */
function kfd(tree: SysfsTree): void {
  tree.place('class/kfd/kfd/topology/nodes/1', {
    gpu_id: '30381\n',
    properties: 'simd_count 1216\nlocation_id 4096\ndomain 0\n',
  })
  mkdirSync(join(tree.root, 'class/kfd/kfd/proc'), { recursive: true })
}

describe('GPUs below /sys', () => {
  it('have a foreign process where amdkfd lists its queues, and none where it lists none', async () => {
    const [shared, alone] = [new SysfsTree(), new SysfsTree()]
    const pid = stranger()
    for (const tree of [shared, alone]) {
      mi300x(tree, 0)
      kfd(tree)
    }
    shared.place(`class/kfd/kfd/proc/${pid}/queues/0`, { gpuid: '30381\n', type: '0\n', size: '8192\n' })
    const [first, second] = await Promise.all([energyOf(shared, 2), energyOf(alone, 2)])
    expect(first.energy?.contamination.foreign_processes).toEqual([
      { gpu_index: 0, pid, name: 'sleep', relation: 'foreign' },
    ])
    expect(first.findings.map(({ code }) => code)).toContain('foreign_process')
    expect(second.energy?.contamination.foreign_processes).toEqual([])
  })

  it('have one where the engines of its file on the GPU work, and else nobody knows', async () => {
    const [tree, quiet] = [new SysfsTree(), new SysfsTree()]
    const { uuid } = arc(tree, 0)
    arc(quiet, 0)
    const [pid, proc] = [stranger(), scratchFolder()]
    mkdirSync(join(proc, `${pid}/fd`), { recursive: true })
    mkdirSync(join(proc, `${pid}/fdinfo`))
    symlinkSync('/dev/dri/renderD128', join(proc, `${pid}/fd/7`))
    let cycles = 1000
    const work = setInterval(() => {
      cycles += 50
      const told = `drm-driver:\txe\ndrm-client-id:\t9\ndrm-pdev:\t${uuid.replace('PCI-', '')}\ndrm-cycles-ccs:\t${cycles}\n`
      // In one step: a file that is written is empty for a moment.
      writeFileSync(join(proc, `${pid}/next`), told)
      renameSync(join(proc, `${pid}/next`), join(proc, `${pid}/fdinfo/7`))
    }, 20)
    const env = { LLEM_PROC_ROOT: proc }
    const [busy, idle] = await Promise.all([energyOf(tree, 2, env), energyOf(quiet, 2, env)]).finally(() =>
      clearInterval(work),
    )
    expect(busy.energy?.contamination.foreign_processes).toMatchObject([{ gpu_index: 0, pid }])
    // Processes of others may be hidden there.
    expect(idle.energy?.contamination.foreign_processes).toBeNull()
  })

  it('tell throttling where gpu_metrics does', async () => {
    const [capped, calm] = [new SysfsTree(), new SysfsTree()]
    mi300x(capped, 0, {}, { throttlers: [0, 4, 0, 0, 0] })
    mi300x(calm, 0, {}, { throttlers: [0, 0, 0, 0, 0] })
    const [first, second] = await Promise.all([energyOf(capped, 2), energyOf(calm, 2)])
    expect(first.energy?.devices[0]).toMatchObject({ throttle_reasons: 0x4 })
    expect(second.energy?.devices[0]).toMatchObject({ throttle_reasons: 0 })
  })
})
