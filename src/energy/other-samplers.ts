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
/** The library that plays the driver for `--simulate`, in the package and in its sources. */
const SIMULATED = /\/(sim|nvml-sim\/lib)\/libnvidia-ml\.so/
/** Of reading; then whoever else waits for this thread has its turn. */
const SLICE_MS = 1
/** By now a command that polls by itself has loaded what it polls with. */
const FIRST_LOOK_MS = 1000

/**
 * Looks for other samplers in a second and when it is stopped; what stops it resolves with all that were seen, or null
 * where /proc cannot be read. Known monitors are seen by name; anything else that has the driver's library loaded only
 * where this user may look into it. A look costs the time of reading one file of every process, 20 ms for a hundred.
 * `helperPid`: the process of a backend that was chosen, which is no other.
 */
export function watchOtherSamplers(helperPid?: number): () => Promise<OtherSampler[] | null> {
  const looks: Promise<OtherSampler[] | null>[] = []
  const firstLook = setTimeout(() => looks.push(look(helperPid)), FIRST_LOOK_MS)
  // Nobody has to end a window, and a process that forgot one must not stay for it.
  firstLook.unref()
  return async () => {
    clearTimeout(firstLook)
    const seen = await Promise.all([...looks, look(helperPid)])
    const known = seen.filter((samplers) => samplers !== null).flat()
    if (seen.includes(null) && known.length === 0) return null
    return [...new Map(known.map((sampler) => [sampler.pid, sampler])).values()]
  }
}

/** How many a warning names. */
const NAMED = 3

/** The words of warnings about them: one about those that are part of what was measured, one about all others. */
export function describeOtherSamplers(samplers: readonly OtherSampler[]): string[] {
  const measured = samplers.filter((sampler) => sampler.measured)
  const others = samplers.filter((sampler) => !sampler.measured)
  return [
    ...(measured.length === 0
      ? []
      : [
          measured.length === 1
            ? `${named(measured)}, which is part of what was measured, polls the GPUs too and may be slower for it. Switch that off and measure again.`
            : `${named(measured)}, which are part of what was measured, poll the GPUs too and may be slower for it. Switch that off and measure again.`,
        ]),
    ...(others.length === 0
      ? []
      : [
          others.length === 1
            ? `${named(others)} polls the GPUs too, which can slow what is measured. Stop it and measure again.`
            : `${others.length} processes poll the GPUs too, which can slow what is measured: ${named(others)}. Stop them and measure again.`,
        ]),
  ]
}

function named(samplers: readonly OtherSampler[]): string {
  const names = samplers.slice(0, NAMED).map(({ pid, name }) => `${name} (pid ${pid})`)
  const more = samplers.length - names.length
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

async function look(helperPid: number | undefined): Promise<OtherSampler[] | null> {
  const proc = process.env.LLEM_PROC_ROOT || '/proc'
  const processes = readOr(() => readdirSync(proc), null)?.filter((name) => /^\d+$/.test(name))
  if (processes === undefined) return null
  // A campaign holds the driver open and asks it between two experiments alone.
  const own = new Set([process.pid, helperPid, Number(process.env.LLEM_CAMPAIGN_PID)])
  const found: OtherSampler[] = []
  let turnMs = performance.now()
  for (const pid of processes) {
    if (performance.now() - turnMs > SLICE_MS) {
      await nextTurn()
      turnMs = performance.now()
    }
    if (own.has(Number(pid))) continue
    const name = read(`${proc}/${pid}/comm`).trim()
    if (MONITORS.has(name) || (!IDLERS.has(name) && hasOnlyTheLibrary(`${proc}/${pid}/maps`)))
      found.push({ pid: Number(pid), name, measured: isOurs(proc, pid) })
  }
  return found
}

/** What computes has CUDA loaded beside it: PyTorch and vLLM load the driver's library to count GPUs. */
function hasOnlyTheLibrary(mapsPath: string): boolean {
  const maps = read(mapsPath)
  const isReal = maps.split('\n').some((line) => line.includes('/libnvidia-ml.so') && !SIMULATED.test(line))
  return isReal && !maps.includes('/libcuda.so')
}

/** Whether it was started by this process, directly or not. */
function isOurs(proc: string, pid: string): boolean {
  const parent = /^PPid:\s+(\d+)$/m.exec(read(`${proc}/${pid}/status`))?.[1]
  if (parent === undefined || parent === '0') return false
  return Number(parent) === process.pid || isOurs(proc, parent)
}

/** Empty where the process is gone, or another user's. */
function read(path: string): string {
  return readOr(() => readFileSync(path, 'utf8'), '')
}

function readOr<T, U>(reading: () => T, otherwise: U): T | U {
  try {
    return reading()
  } catch {
    return otherwise
  }
}
