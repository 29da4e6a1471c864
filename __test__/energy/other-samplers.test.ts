import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeOtherSamplers, watchOtherSamplers } from '../../dist/energy/other-samplers.js'
import { scratchFolder } from '../native/scenario.js'

const LIBRARY = '7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.580.95.05\n'
const CUDA = '7f02-7f03 r-xp 00000000 08:01 2 /usr/lib/x86_64-linux-gnu/libcuda.so.580.95.05\n'

let proc: string
let before: string | undefined
beforeEach(() => {
  before = process.env.LLEM_PROC_ROOT
  proc = scratchFolder()
  process.env.LLEM_PROC_ROOT = proc
})
afterEach(() => {
  process.env.LLEM_PROC_ROOT = before
})

/** Puts a process into the folder that stands for /proc; without `maps` it is another user's. */
function start(pid: number, name: string, { maps, parent = 1 }: { maps?: string; parent?: number } = {}) {
  const folder = join(proc, String(pid))
  mkdirSync(folder)
  writeFileSync(join(folder, 'comm'), `${name}\n`)
  writeFileSync(join(folder, 'status'), `Name:\t${name}\nPid:\t${pid}\nPPid:\t${parent}\n`)
  if (maps !== undefined) writeFileSync(join(folder, 'maps'), maps)
}

const seen = () => watchOtherSamplers()()

describe('other samplers', () => {
  it('are known monitors, whoever runs them', async () => {
    start(10, 'nv-hostengine')
    start(11, 'dcgm-exporter', { maps: LIBRARY + CUDA })
    start(12, 'bash')
    expect(await seen()).toEqual([
      { pid: 10, name: 'nv-hostengine', measured: false },
      { pid: 11, name: 'dcgm-exporter', measured: false },
    ])
  })

  it('are programs that have the driver’s library loaded, but not CUDA', async () => {
    start(10, 'python3', { maps: LIBRARY })
    start(11, 'vllm', { maps: LIBRARY + CUDA })
    start(12, 'trainer', { maps: CUDA })
    expect(await seen()).toEqual([{ pid: 10, name: 'python3', measured: false }])
  })

  it('are not what holds the driver open, nor llem itself', async () => {
    start(10, 'nvidia-persiste', { maps: LIBRARY })
    start(process.pid, 'node', { maps: LIBRARY })
    expect(await seen()).toEqual([])
  })

  it('may be part of what is measured, and are told apart', async () => {
    start(10, 'sh', { parent: process.pid })
    start(11, 'python3', { maps: LIBRARY, parent: 10 })
    expect(await seen()).toEqual([{ pid: 11, name: 'python3', measured: true }])
  })

  it('that begin while the window is open are seen', async () => {
    const stop = watchOtherSamplers()
    start(10, 'nvtop')
    expect(await stop()).toEqual([{ pid: 10, name: 'nvtop', measured: false }])
  })

  it('are unknown where there is no /proc', async () => {
    process.env.LLEM_PROC_ROOT = join(proc, 'nowhere')
    expect(await seen()).toBeNull()
  })

  it('are found among a thousand processes without holding anybody up', async () => {
    for (let pid = 1000; pid < 2000; pid++) start(pid, 'sleep', { maps: CUDA.repeat(100) })
    start(2000, 'nvtop')
    // How often others had their turn: held against a clock, a busy machine would count too.
    let turns = 0
    const timer = setInterval(() => {
      turns += 1
    }, 1)
    expect(await seen()).toHaveLength(1)
    clearInterval(timer)
    expect(turns).toBeGreaterThan(10)
  })
})

describe('the warning', () => {
  it.for([
    [false, 'nvtop (pid 7) polls the GPUs too, which can slow what is measured. Stop it and measure again.'],
    [
      true,
      'nvtop (pid 7), which is part of what was measured, polls the GPUs too and may be slower for it. Switch that off and measure again.',
    ],
  ] as const)('says what to do (part of what is measured: %s)', ([measured, text]) => {
    expect(describeOtherSamplers([{ pid: 7, name: 'nvtop', measured }])).toEqual([text])
  })

  it('are one sentence, however many they are', () => {
    const node = (pid: number, measured = false) => ({ pid, name: 'node', measured })
    expect(describeOtherSamplers([1, 2, 3, 4, 5].map((pid) => node(pid)))).toEqual([
      '5 processes poll the GPUs too, which can slow what is measured: node (pid 1), node (pid 2), node (pid 3) and 2 more. Stop them and measure again.',
    ])
    expect(describeOtherSamplers([node(1, true), node(2, true), node(3)])).toEqual([
      'node (pid 1), node (pid 2), which are part of what was measured, poll the GPUs too and may be slower for it. Switch that off and measure again.',
      'node (pid 3) polls the GPUs too, which can slow what is measured. Stop it and measure again.',
    ])
    expect(describeOtherSamplers([])).toEqual([])
  })
})
