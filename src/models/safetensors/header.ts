import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '../../core/errors.js'
import { limitedJson } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'

// The heads of safetensors files (https://huggingface.co/docs/safetensors): eight bytes with the length of a JSON text
// that names each tensor, its type and shape. The weights themselves are not read.

export interface StoredTensor {
  name: string
  /** As the file says: F32, BF16, U8, I32 ... */
  dtype: string
  shape: readonly number[]
}

/** Files with weights, of this kind and of older ones. */
const WEIGHTS = /\.(safetensors|bin|pt|pth|gguf|h5|msgpack)$/
const SINGLE = 'model.safetensors'
const INDEX = 'model.safetensors.index.json'

/**
 * Every tensor of a model's folder, of one file or of all that its index names; null where there is no such file. Throws
 * where one of them is missing or broken; the message goes on after "because".
 */
export function storedTensors(folder: string): StoredTensor[] | null {
  const files = filesOf(folder)
  return files === null ? null : files.flatMap((path) => headOf(path).tensors)
}

/** Why the weights of a folder are not whole, such as a download that broke off; null where they are, or there are none of this kind. */
export function brokenWeights(folder: string): string | null {
  try {
    const files = filesOf(folder)
    if (files === null && !readdirSync(folder).some((name) => WEIGHTS.test(name))) return 'it has no weights'
    for (const path of files ?? []) {
      const { endBytes, sizeBytes } = headOf(path)
      if (sizeBytes < endBytes)
        return `${basename(path)} has ${sizeBytes} bytes of the ${endBytes} that its head tells of`
    }
    return null
  } catch (error) {
    return messageOf(error)
  }
}

function filesOf(folder: string): string[] | null {
  const index = join(folder, INDEX)
  if (!existsSync(index)) {
    const single = join(folder, SINGLE)
    return existsSync(single) ? [single] : null
  }
  const { size } = statSync(index)
  if (size > LIMITS.safetensors_head_bytes) throw new Error(`its index has ${size} bytes`)
  const map = (
    limitedJson(readFileSync(index, 'utf8'), LIMITS.safetensors_values) as { weight_map?: unknown }
  ).weight_map
  if (typeof map !== 'object' || map === null) throw new Error('its index has no weight_map')
  const names = [...new Set(Object.values(map))]
  return names.map((name) => {
    // A name that leads elsewhere is none of this model.
    if (typeof name !== 'string' || basename(name) !== name) throw new Error('its index names no file')
    const path = join(folder, name)
    if (!existsSync(path)) throw new Error(`${name} is not there, of ${names.length} files`)
    return path
  })
}

/** `endBytes`: where its last tensor ends, by its head. */
function headOf(path: string): { tensors: StoredTensor[]; endBytes: number; sizeBytes: number } {
  const fd = openSync(path, 'r')
  try {
    const { size } = fstatSync(fd)
    const length = Number(bytesOf(fd, 8, 0).readBigUInt64LE())
    if (length > LIMITS.safetensors_head_bytes || length + 8 > size)
      throw new Error(`${basename(path)} has no head of safetensors`)
    const head: unknown = limitedJson(bytesOf(fd, length, 8).toString('utf8'), LIMITS.safetensors_values)
    if (typeof head !== 'object' || head === null)
      throw new Error(`${basename(path)} has no head of safetensors`)
    let endBytes = 8 + length
    const tensors = Object.entries(head).flatMap(([name, entry]) => {
      if (name === '__metadata__') return []
      const { dtype, shape, data_offsets: offsets } = (entry ?? {}) as Record<string, unknown>
      const isWhole = typeof dtype === 'string' && Array.isArray(shape) && shape.every(Number.isSafeInteger)
      if (!isWhole) throw new Error(`${basename(path)} does not say the shape of ${name}`)
      if (Array.isArray(offsets) && Number.isSafeInteger(offsets[1]))
        endBytes = Math.max(endBytes, 8 + length + offsets[1])
      return [{ name, dtype, shape: shape as number[] }]
    })
    return { tensors, endBytes, sizeBytes: size }
  } finally {
    closeSync(fd)
  }
}

function bytesOf(fd: number, length: number, position: number): Buffer {
  const bytes = Buffer.alloc(length)
  if (readSync(fd, bytes, 0, length, position) < length) throw new Error('it ends in the middle of its head')
  return bytes
}
