// Who else polls the GPUs. NVIDIA's own srt-slurm saw 2 % more inter-token latency from a monitor that reads every
// 100 ms (its pull request 401), so a result must say when one was there.

import { readdirSync, readFileSync } from 'node:fs'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { OtherSampler } from '../results/energy.js'

/** Names in /proc/PID/comm, which the kernel cuts after 15 characters. */
const MONITORS = new Set([
  'dcgm-exporter',
  'dcgmi',
  'gpustat',
  'nv-hostengine',
  'nvidia-smi',
  'nvitop',
  'nvtop',
  'zeusd',
])
/** They have the driver's library loaded and do not poll: they hold the driver open, or wait for its events. */
const IDLERS = new Set(['nvidia-persiste', 'nv-fabricmanage', 'nvidia-device-p'])
/** About 1 ms of reading; then whoever else waits for this thread has its turn. */
const SLICE = 32
/** By now a command that polls by itself has loaded what it polls with. */
const SECOND_LOOK_MS = 1000

/**
 * Looks for other samplers now, a second later and when it is stopped; what stops it resolves with all that were
 * seen, or null where /proc cannot be read. Known monitors are seen by name; anything else that has the driver's
 * library loaded only where this user may look into it.
 */
export function watchOtherSamplers(): () => Promise<OtherSampler[] | null> {
  const looks = [look()]
  const secondLook = setTimeout(() => looks.push(look()), SECOND_LOOK_MS)
  secondLook.unref()
  return async () => {
    clearTimeout(secondLook)
    const seen = await Promise.all([...looks, look()])
    const known = seen.filter((samplers) => samplers !== null).flat()
    if (seen.includes(null) && known.length === 0) return null
    return [...new Map(known.map((sampler) => [sampler.pid, sampler])).values()]
  }
}

/** A warning's words about one of them. */
export function describeOtherSampler({ pid, name, measured }: OtherSampler): string {
  return measured
    ? `${name} (pid ${pid}), which is part of what was measured, polls the GPUs too and may be slower for it. Switch that off and measure again.`
    : `${name} (pid ${pid}) polls the GPUs too, which can slow what is measured. Stop it and measure again.`
}

async function look(): Promise<OtherSampler[] | null> {
  const proc = process.env.LLEM_PROC_ROOT || '/proc'
  // Not in the turn that opened the window: what is measured starts first.
  await nextTurn()
  const processes = readOr(() => readdirSync(proc), null)?.filter((name) => /^\d+$/.test(name))
  if (processes === undefined) return null
  const found: OtherSampler[] = []
  for (const [position, pid] of processes.entries()) {
    if (position % SLICE === SLICE - 1) await nextTurn()
    if (Number(pid) === process.pid) continue
    const name = read(`${proc}/${pid}/comm`).trim()
    if (MONITORS.has(name) || (!IDLERS.has(name) && hasOnlyTheLibrary(`${proc}/${pid}/maps`)))
      found.push({ pid: Number(pid), name, measured: isOurs(proc, pid) })
  }
  return found
}

/** What computes has CUDA loaded beside it: PyTorch and vLLM load the driver's library to count GPUs. */
function hasOnlyTheLibrary(mapsPath: string): boolean {
  const maps = read(mapsPath)
  return maps.includes('/libnvidia-ml.so') && !maps.includes('/libcuda.so')
}

/** Whether it was started by this process, directly or not. */
function isOurs(proc: string, pid: string): boolean {
  const parent = /^PPid:\s+(\d+)$/m.exec(read(`${proc}/${pid}/status`))?.[1]
  if (parent === undefined || parent === '0') return false
  return Number(parent) === process.pid || isOurs(proc, parent)
}

/** Empty where the process is gone, or another user's. */
function read(path: string): string {
  return readOr(() => readFileSync(path, 'latin1'), '')
}

function readOr<T, U>(reading: () => T, otherwise: U): T | U {
  try {
    return reading()
  } catch {
    return otherwise
  }
}
