import { readdirSync, statSync } from 'node:fs'
import { totalmem } from 'node:os'
import { basename, dirname, join } from 'node:path'
import type { ExperimentConfig } from '../../config/schema.js'
import { LlemError } from '../../core/errors.js'
import { cachedModelFolder, isModelPath } from '../../models/folder.js'
import type { Device } from '../../native/addon.js'
import { isAttached } from '../identity.js'
import { tensorParallelOf } from './tensor-parallel.js'

const GB = 1e9
/** What vLLM takes of each GPU where nothing is said. */
const VLLM_SHARE = 0.9
/** Arguments by which weights lie elsewhere than tensor_parallel_size says. */
const SPREADING = ['--cpu-offload-gb', '--pipeline-parallel-size', '-pp', '--quantization', '-q', '--dtype']

/** Backends that load weights onto GPUs alone, or of which llem knows where; others spread them as they like. */
const RESERVING: readonly string[] = ['llamacpp', 'pytorch', 'vllm', 'tensorrt']

/** What the weights need beside what there is for them; a null that nobody can tell from here. */
export interface MemoryNeed {
  weightBytes: number
  roomBytes: number
  /** What the room is, in words. */
  room: string
}

interface Memory {
  /** RAM of the machine; null where it does not tell. */
  totalMemoryBytes: number | null
  /** Of a model that is yet to be fetched, as the hub lists it. */
  weightBytes: number | null
}

/** Throws MEMORY_TOO_SMALL where the weights alone do not fit. Null where that cannot be told without loading them. */
export function checkMemory(
  config: ExperimentConfig,
  gpus: readonly Device[],
  { totalMemoryBytes = memoryOfMachine(), weightBytes = weightBytesOf(config) }: Partial<Memory> = {},
): MemoryNeed | null {
  if (weightBytes === null || totalMemoryBytes === null) return null
  const room = roomOf(config, gpus, totalMemoryBytes)
  if (room === null) return null
  const need = { weightBytes, roomBytes: room.bytes, room: room.what }
  if (weightBytes <= room.bytes) return need
  throw new LlemError(
    `the weights of ${config.model} have ${gb(weightBytes)}, and ${room.what} ${gb(room.bytes)}`,
    {
      code: 'MEMORY_TOO_SMALL',
      hint: 'Take a smaller or more quantised model, or more GPUs.',
      kind: 'usage',
    },
  )
}

/** Null where the system does not tell. */
function memoryOfMachine(): number | null {
  try {
    return totalmem()
  } catch {
    return null
  }
}

/** Bytes of the weights on this machine's disk; null where they are not there, or are changed while they are loaded. */
export function weightBytesOf({ model, backend, pytorch, vllm }: ExperimentConfig): number | null {
  try {
    if (statSync(model, { throwIfNoEntry: false })?.isFile()) return bytesOf(partsOf(model))
    const revision = backend === 'pytorch' ? pytorch.revision : null
    const folder = isModelPath(model) ? model : cachedModelFolder(model, revision)
    if (folder === null) return null
    const quantises =
      backend === 'pytorch' ? pytorch.quantisation : backend === 'vllm' ? vllm.quantization : null
    if (quantises !== null) return null
    const names = readdirSync(folder)
    const weights = names.filter((name) => name.endsWith('.safetensors'))
    const files = weights.length > 0 ? weights : names.filter((name) => /^pytorch_model.*\.bin$/.test(name))
    if (files.length === 0) return null
    const bytes = bytesOf(files.map((name) => join(folder, name)))
    // Single precision may become half of it on the way.
    return backend === 'pytorch' && pytorch.dtype === 'float32' ? bytes : bytes / 2
  } catch {
    // Whoever loads it says what is wrong with it.
    return null
  }
}

/** All files of a GGUF model, given one of them. */
function partsOf(path: string): string[] {
  const [, stem, , of] = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(basename(path)) ?? []
  if (stem === undefined || of === undefined) return [path]
  return Array.from({ length: Number(of) }, (_, index) =>
    join(dirname(path), `${stem}-${String(index + 1).padStart(5, '0')}-of-${of}.gguf`),
  )
}

function bytesOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}

/** Where weights can be; null where a server decides it, or a GPU does not tell its memory. */
function roomOf(
  config: ExperimentConfig,
  gpus: readonly Device[],
  ramBytes: number,
): { bytes: number; what: string } | null {
  const { backend, llamacpp, pytorch } = config
  if (isAttached(config) || !RESERVING.includes(backend)) return null
  const sizes = gpus.flatMap(({ memoryTotalBytes }) => memoryTotalBytes ?? [])
  if (sizes.length < gpus.length) return null
  const largest = (count: number) =>
    [...sizes]
      .sort((a, b) => b - a)
      .slice(0, count)
      .reduce((sum, bytes) => sum + bytes, 0)
  const all = largest(sizes.length)
  const ram = { bytes: ramBytes, what: 'this machine has' }
  if (backend === 'llamacpp') {
    if (llamacpp.gpu === 'none' || sizes.length === 0) return ram
    if (llamacpp.gpu_layers === 'max') return { bytes: all, what: gpusHave(sizes.length) }
    return { bytes: all + ramBytes, what: 'this machine and its GPUs have' }
  }
  if (backend === 'pytorch') {
    if (pytorch.device === 'cpu' || sizes.length === 0) return ram
    if (pytorch.device_map !== null) return { bytes: all + ramBytes, what: 'this machine and its GPUs have' }
    return { bytes: largest(1), what: gpusHave(1) }
  }
  if (sizes.length === 0 || (backend !== 'vllm' && backend !== 'tensorrt')) return null
  const { args } = config[backend]
  if (args.some((arg) => SPREADING.some((name) => arg === name || arg.startsWith(`${name}=`)))) return null
  const shares = tensorParallelOf(config, backend).gpus ?? 1
  const share = backend === 'vllm' ? (config.vllm.gpu_memory_utilization ?? VLLM_SHARE) : 1
  const part = share < 1 ? `, of which it takes ${Math.round(share * 100)} %,` : ''
  return { bytes: largest(shares) * share, what: `${gpusOf(shares)}${part} ${shares === 1 ? 'has' : 'have'}` }
}

function gpusHave(count: number): string {
  return `${gpusOf(count)} ${count === 1 ? 'has' : 'have'}`
}

function gpusOf(count: number): string {
  return count === 1 ? 'the GPU' : `the ${count} GPUs`
}

export function gb(bytes: number): string {
  return `${(bytes / GB).toFixed(bytes < 10 * GB ? 2 : 0)} GB`
}
