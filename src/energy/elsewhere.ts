// Whether what is measured computes on a GPU that is not: CUDA may count GPUs in another order than the driver, and a
// program may choose one by itself. Only the lists of processes of the GPUs that nobody measures are read.

import type { Meanings } from '../core/meanings.js'
import type { Device } from '../native/addon.js'
import { type GpuLook, GpuWatch } from '../native/health.js'
import { type Finding, warning } from '../results/findings.js'
import type { FoundDevices } from './open.js'

/** A process of the load that was seen on a GPU that is not measured. */
export interface SeenElsewhere {
  gpu_index: number
  pid: number
  name: string | null
}

const FIRST_LOOK_MS = 300
const LOOK_EVERY_MS = 2000
/** Whoever has ended waits for the last look. */
const PATIENCE_MS = 2000

/** Looks from now on; what stops it resolves with what was seen. Where all GPUs are measured, or none can be asked, nothing is. */
export function watchElsewhere(
  { machine, devices }: Pick<FoundDevices, 'machine' | 'devices'>,
  libraryPath: string | undefined,
): () => Promise<SeenElsewhere[]> {
  const others = notMeasured(machine.devices, devices)
  if (others.length === 0) return async () => []
  const seen = new Map<string, SeenElsewhere>()
  let watch: GpuWatch | null = null
  let isOver = false
  const look = async () => {
    try {
      watch ??= await GpuWatch.later(others, libraryPath)
      for (const each of ownOn(await watch.look(PATIENCE_MS))) seen.set(`${each.gpu_index} ${each.pid}`, each)
    } catch {
      // A GPU that tells nothing tells nothing of this either.
    }
    if (!isOver) timer = again(LOOK_EVERY_MS)
  }
  let looking: Promise<void> = Promise.resolve()
  const again = (ms: number) => {
    const next = setTimeout(() => {
      looking = look()
    }, ms)
    // Nobody has to stop it, and a process must not stay for it.
    next.unref()
    return next
  }
  let timer = again(FIRST_LOOK_MS)
  return async () => {
    isOver = true
    clearTimeout(timer)
    await looking
    watch?.close()
    return [...seen.values()]
  }
}

/** The GPUs that are there and not measured. */
export function notMeasured(present: readonly Device[], measured: readonly Device[]): Device[] {
  const uuids = new Set(measured.map(({ uuid }) => uuid))
  return present.filter(({ uuid }) => !uuids.has(uuid))
}

/** What descends from this process, on each of the GPUs. */
function ownOn(looks: readonly GpuLook[]): SeenElsewhere[] {
  return looks.flatMap(({ index, processes }) =>
    (processes ?? []).flatMap(({ pid, name, relation }) =>
      relation === 'own' ? [{ gpu_index: index, pid, name: name ?? null }] : [],
    ),
  )
}

/** What a reader of the joules should know of it. `measured`: indices. */
export function findingsElsewhere(seen: readonly SeenElsewhere[], measured: readonly number[]): Finding[] {
  return seen.map(({ gpu_index, pid, name }) => ({
    ...warning(
      'computes_elsewhere',
      `${name ?? 'a process'} (pid ${pid}) of what was measured computes on GPU ${gpu_index}, and GPU ${measured.join(', ')} was measured: its energy is not in these numbers. Measure GPU ${gpu_index} too (--devices, energy.devices), or name GPUs by UUID in CUDA_VISIBLE_DEVICES.`,
    ),
    devices: [gpu_index],
  }))
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  computes_elsewhere: {
    meaning: 'What was measured computes on a GPU that was not measured. Its energy is not in these joules.',
    evidence: 'The process lists of the GPUs.',
    advice: 'Measure that GPU (`--devices`), or name GPUs by UUID in CUDA_VISIBLE_DEVICES.',
  },
}
