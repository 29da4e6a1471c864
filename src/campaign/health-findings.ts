// Two looks at the GPUs -> what is wrong, in words with numbers. Pure: no clock, no GPU.

import type { Meanings } from '../core/meanings.js'
import type { GpuLook, GpuProcess } from '../native/health.js'
import type { MemoryHistory } from './memory-history.js'

/** What may help: a new start of what runs the experiments, a pause of the campaign, or nothing that llem can do. */
export type Remedy = 'restart' | 'pause' | 'none'

export const FINDING_KINDS = [
  'gpu_lost',
  'gpu_reset_required',
  'gpu_unreadable',
  'xid',
  'memory_above_before',
  'memory_growing',
  'memory_of_others',
  'foreign_process',
  'unresponsive',
] as const

export interface Finding {
  kind: (typeof FINDING_KINDS)[number]
  /** Null where it is of no GPU. */
  gpu_index: number | null
  /** Of a process. */
  pid: number | null
  message: string
  remedy: Remedy
}

/** What a look cannot tell; unknown is not healthy. */
export interface Judgement {
  findings: Finding[]
  /** In sentences. */
  unknown: string[]
}

export interface HealthState {
  /** The look before the campaign; null where none could be taken. */
  before: readonly GpuLook[] | null
  now: readonly GpuLook[] | null
  /** Why `now` is null. */
  reason: string | null
  /** Whether what runs experiments answers; null where nothing is running. */
  responds: boolean | null
  /** Nothing of the campaign is meant to be in a GPU's memory. */
  nothingLoaded: boolean
  /** Processes of the campaign are descendants of this one: not those in containers. */
  tellsOwn: boolean
  /** What each process of the campaign held at the looks up to this one. */
  history: Pick<MemoryHistory, 'grownBy'>
  thresholdPct: number
}

const MIB = 1024 * 1024
/** The driver's own use moves by so much: contexts, page tables, what it frees late. */
const TOLERANCE_BYTES = 512 * MIB
const TOLERANCE_SHARE = 0.01

/** What is wrong. */
export function judge(state: HealthState): Judgement {
  const findings: Finding[] = []
  const unknown: string[] = []
  if (state.responds === false) {
    const message = 'what runs the experiments does not answer'
    findings.push({ kind: 'unresponsive', gpu_index: null, pid: null, message, remedy: 'restart' })
  }
  if (state.now === null) unknown.push(`the GPUs: ${state.reason ?? 'nobody looked'}`)
  for (const gpu of state.now ?? []) {
    const one = judgeGpu(gpu, state)
    findings.push(...one.findings)
    unknown.push(...one.unknown.map((text) => `GPU ${gpu.index}: ${text}`))
  }
  return { findings, unknown }
}

function judgeGpu(gpu: GpuLook, state: HealthState): Judgement {
  const findings: Finding[] = []
  const unknown: string[] = []
  const add = (kind: Finding['kind'], message: string, remedy: Remedy, pid: number | null = null) =>
    findings.push({ kind, gpu_index: gpu.index, pid, message: `GPU ${gpu.index} ${message}`, remedy })
  const named = `(${gpu.uuid})`
  if (gpu.condition === 'lost') add('gpu_lost', `${named} is lost: ${gpu.cause}`, 'pause')
  if (gpu.condition === 'reset_required')
    add('gpu_reset_required', `${named} must be reset: ${gpu.cause}`, 'pause')
  if (gpu.condition === 'unreadable')
    add('gpu_unreadable', `${named} answers nothing: ${gpu.cause}`, 'restart')
  if (gpu.xids === undefined) unknown.push('Xid errors, which the driver does not report here')
  for (const xid of gpu.xids ?? []) add('xid', `reported Xid ${xid}${meaningOf(xid)}`, 'restart')
  if (gpu.condition !== 'present') return { findings, unknown }

  const before = state.before?.find(({ uuid }) => uuid === gpu.uuid)
  const above = aboveBefore(gpu, before, state.nothingLoaded)
  const tolerance = Math.max(TOLERANCE_BYTES, TOLERANCE_SHARE * (gpu.memoryTotalBytes ?? 0))
  if (above === null)
    unknown.push('its memory beside that of the campaign, as not all of its users tell theirs')
  else if (above > tolerance) {
    const [now, then] = [mb(gpu.memoryUsedBytes), mb(before?.memoryUsedBytes)]
    add(
      'memory_above_before',
      `has ${mb(above)} MB in use that belong to no process and were free before the campaign (${now} MB now, ${then} MB then)`,
      'restart',
    )
  }
  if (gpu.processes === undefined) {
    unknown.push('who computes on it')
    return { findings, unknown }
  }
  for (const { pid, name, memoryUsedBytes } of gpu.processes.filter(({ relation }) => relation === 'own')) {
    const grown = state.history.grownBy(gpu.uuid, pid)
    if (grown > tolerance)
      add(
        'memory_growing',
        `has ${mb(grown)} MB more of ${who(name, pid)} than when it was first looked at (${mb(memoryUsedBytes)} MB now), more at each look`,
        'restart',
        pid,
      )
  }
  const strangers = strangersOn(gpu.processes, before, state)
  if (strangers === null) unknown.push('whose its processes are, from inside of a container or beside one')
  for (const { pid, name, memoryUsedBytes } of strangers ?? []) {
    const memory = memoryUsedBytes === undefined ? '' : ` with ${mb(memoryUsedBytes)} MB`
    add('foreign_process', `is used by ${who(name, pid)}${memory} too`, 'none', pid)
  }
  const theirs = sumOf((strangers ?? []).map(({ memoryUsedBytes }) => memoryUsedBytes))
  const sharePct = ((theirs ?? 0) / (gpu.memoryTotalBytes ?? Number.POSITIVE_INFINITY)) * 100
  if (sharePct > state.thresholdPct)
    add(
      'memory_of_others',
      `has ${sharePct.toFixed(0)} % of its memory in use by others (${mb(theirs)} MB; ${state.thresholdPct} % are allowed)`,
      'none',
    )
  return { findings, unknown }
}

/**
 * Bytes in use now that were not before the campaign and belong to no process that the driver names. Where one of them does
 * not tell its memory, the sum of all is compared, which means something only while nothing of the campaign is loaded.
 */
export function aboveBefore(
  now: GpuLook,
  before: GpuLook | undefined,
  nothingLoaded: boolean,
): number | null {
  if (now.memoryUsedBytes === undefined || before?.memoryUsedBytes === undefined) return null
  const [theirs, thens] = [memoryOf(now.processes), memoryOf(before.processes)]
  if (theirs !== null && thens !== null)
    return now.memoryUsedBytes - theirs - (before.memoryUsedBytes - thens)
  return nothingLoaded ? now.memoryUsedBytes - before.memoryUsedBytes : null
}

/** Who is not of the campaign; null where that cannot be told of somebody. */
function strangersOn(
  processes: readonly GpuProcess[],
  before: GpuLook | undefined,
  { tellsOwn, nothingLoaded }: HealthState,
): GpuProcess[] | null {
  const first = new Set(before?.processes?.map(({ pid }) => pid) ?? [])
  const strangers: GpuProcess[] = []
  let told = true
  for (const process of processes) {
    if (process.relation === 'own') continue
    // Who was there before the campaign is none of it, and nobody is while nothing is loaded.
    if (first.has(process.pid) || nothingLoaded || (tellsOwn && process.relation === 'foreign'))
      strangers.push(process)
    else told = false
  }
  return told || strangers.length > 0 ? strangers : null
}

function memoryOf(processes: readonly GpuProcess[] | undefined): number | null {
  return processes === undefined ? null : sumOf(processes.map(({ memoryUsedBytes }) => memoryUsedBytes))
}

function sumOf(bytes: readonly (number | undefined)[]): number | null {
  const known = bytes.filter((each) => each !== undefined)
  return known.length < bytes.length ? null : known.reduce((a, b) => a + b, 0)
}

function who(name: string | undefined, pid: number): string {
  return `${name ?? 'a process'} (pid ${pid})`
}

function mb(bytes: number | null | undefined): string {
  return bytes == null ? 'unknown' : (bytes / MIB).toFixed(0)
}

/** Of those that are told most often (NVIDIA, "XID Errors", driver documentation). */
const XIDS: Record<number, string> = {
  13: 'a fault of the graphics engine, usually of a program',
  31: 'a memory page fault, usually of a program',
  43: 'a program that stopped',
  45: 'a program that was ended',
  48: 'a double-bit ECC error',
  62: 'an internal micro-controller halt',
  63: 'a memory page to be retired or a row to be remapped',
  64: 'a page that could not be retired or a row that could not be remapped',
  74: 'an NVLink error',
  79: 'the GPU has fallen off the bus',
  92: 'a high rate of single-bit ECC errors',
  94: 'a contained ECC error',
  95: 'an uncontained ECC error',
  119: 'the GPU system processor does not answer',
  120: 'a fault of the GPU system processor',
}

function meaningOf(xid: number): string {
  const meaning = XIDS[xid]
  return meaning === undefined ? '' : ` (${meaning})`
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  gpu_lost: {
    meaning: 'A GPU is gone. The campaign pauses.',
    evidence: 'The driver says so.',
    advice: 'Look into the kernel log, mend it, and start the campaign again: it goes on where it was.',
  },
  gpu_reset_required: {
    meaning: 'A GPU has to be reset. The campaign pauses.',
    evidence: 'The driver says so.',
    advice: 'Reset it (`nvidia-smi --gpu-reset`) and start the campaign again.',
  },
  gpu_unreadable: {
    meaning: 'A GPU answers nothing. What runs the experiments is started anew.',
    evidence: 'All calls about it fail.',
    advice: null,
  },
  memory_above_before: {
    meaning: 'Memory of a GPU is in use that was free before the campaign and belongs to no process.',
    evidence: 'More than 512 MB or 1 % of it.',
    advice: null,
  },
  memory_growing: {
    meaning: 'A process of the campaign holds more memory at each look. It is started anew.',
    evidence: 'More than 512 MB or 1 % of the GPU since the first look.',
    advice: 'Look for a leak in the backend or the server.',
  },
  memory_of_others: {
    meaning: 'Others hold much of the memory of a GPU.',
    evidence: '`health_check.gpu_memory_threshold_pct`.',
    advice: 'Stop them.',
  },
}
