import { type GgufCursor, GgufFormatError, MAX_SKIPPED } from './cursor.js'
import { ggmlType } from './types.js'

export type GgufValue = string | number | bigint | boolean | GgufArray

/** Arrays of numbers are kept while short (per-layer settings); of others, such as a vocabulary, only the length. */
export interface GgufArray {
  length: number
  numbers: readonly number[] | null
}

export interface GgufTensor {
  name: string
  /** Logical dimensions, the fastest first; packed types count as their logical elements. */
  dimensions: readonly number[]
  elements: number
  /** ggml's number for how the elements are packed. */
  typeId: number
  /** From the start of the data section. */
  offsetBytes: number
}

/** What the head of a GGUF file says; the weights themselves are not read. */
export interface GgufHeader {
  version: number
  metadata: ReadonlyMap<string, GgufValue>
  tensors: readonly GgufTensor[]
  /** Where the data section starts in the file. */
  dataStartBytes: number
}

const MAGIC = 0x46554747 // "GGUF", little endian
const POINTER = 0x73726576 // "vers", as what Git leaves in the place of a large file begins
const POINTER_REST = Buffer.from('ion https://git-lfs')
const VERSIONS = [2, 3]
// Real models have hundreds of keys and at most some ten thousand tensors.
const MAX_KEYS = 100_000
const MAX_TENSORS = 1_000_000
const MAX_DIMENSIONS = 4
const MAX_KEPT_NUMBERS = 4096
const DEFAULT_ALIGNMENT = 32

const VALUE = {
  U8: 0,
  I8: 1,
  U16: 2,
  I16: 3,
  U32: 4,
  I32: 5,
  F32: 6,
  BOOL: 7,
  STRING: 8,
  ARRAY: 9,
  U64: 10,
  I64: 11,
  F64: 12,
}
const VALUE_BYTES: Readonly<Record<number, number>> = {
  [VALUE.U8]: 1,
  [VALUE.I8]: 1,
  [VALUE.U16]: 2,
  [VALUE.I16]: 2,
  [VALUE.U32]: 4,
  [VALUE.I32]: 4,
  [VALUE.F32]: 4,
  [VALUE.BOOL]: 1,
  [VALUE.U64]: 8,
  [VALUE.I64]: 8,
  [VALUE.F64]: 8,
}

/**
 * Reads the header of a GGUF file, version 2 or 3, little endian
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md). Throws GgufFormatError on anything else.
 */
export function readGgufHeader(cursor: GgufCursor): GgufHeader {
  const magic = cursor.u32()
  if (magic === POINTER && cursor.remaining >= POINTER_REST.length) {
    if (cursor.bytes(POINTER_REST.length).equals(POINTER_REST))
      throw new GgufFormatError('it is a pointer of Git LFS: the content has not come (git lfs pull)')
  }
  if (magic !== MAGIC) throw new GgufFormatError('it does not start with the letters GGUF')
  const version = cursor.u32()
  if (!VERSIONS.includes(version)) {
    const swapped = version > 0xffff ? ' (it may be big endian)' : ''
    throw new GgufFormatError(`its GGUF version is ${version}${swapped}, versions 2 and 3 can be read`)
  }
  const tensorCount = cursor.count('tensors', MAX_TENSORS)
  const keyCount = cursor.count('metadata keys', MAX_KEYS)
  const metadata = new Map<string, GgufValue>()
  for (let key = 0; key < keyCount; key++) metadata.set(cursor.string(), readValue(cursor, cursor.u32()))
  const tensors: GgufTensor[] = []
  for (let tensor = 0; tensor < tensorCount; tensor++) tensors.push(readTensor(cursor))
  const alignment = metadata.get('general.alignment') ?? DEFAULT_ALIGNMENT
  if (typeof alignment !== 'number' || alignment < 1) throw new GgufFormatError('its alignment is no number')
  return { version, metadata, tensors, dataStartBytes: Math.ceil(cursor.position / alignment) * alignment }
}

/** How many bytes the file must have for every tensor to be whole; types unknown to us count as one byte. */
export function requiredBytes({ tensors, dataStartBytes }: GgufHeader): number {
  const ends = tensors.map(({ elements, typeId, offsetBytes }) => {
    const type = ggmlType(typeId)
    return offsetBytes + (type === null ? 1 : Math.ceil(elements / type.blockElements) * type.blockBytes)
  })
  return ends.reduce((most, end) => Math.max(most, dataStartBytes + end), dataStartBytes)
}

function readTensor(cursor: GgufCursor): GgufTensor {
  const name = cursor.string()
  const rank = cursor.u32()
  if (rank > MAX_DIMENSIONS) throw new GgufFormatError(`tensor ${name} has ${rank} dimensions`)
  const dimensions: number[] = []
  for (let axis = 0; axis < rank; axis++) dimensions.push(cursor.count(`elements in ${name}`))
  const elements = dimensions.reduce((product, size) => product * size, 1)
  if (!Number.isSafeInteger(elements)) throw new GgufFormatError(`tensor ${name} has ${elements} elements`)
  return {
    name,
    dimensions,
    elements,
    typeId: cursor.u32(),
    offsetBytes: cursor.count(`bytes before ${name}`),
  }
}

function readValue(cursor: GgufCursor, type: number): GgufValue {
  switch (type) {
    case VALUE.STRING:
      return cursor.string()
    case VALUE.BOOL:
      return cursor.bytes(1).readUInt8() !== 0
    case VALUE.ARRAY:
      return readArray(cursor)
    default:
      return readNumber(cursor, type)
  }
}

function readArray(cursor: GgufCursor): GgufArray {
  const type = cursor.u32()
  if (type === VALUE.ARRAY) throw new GgufFormatError('it has an array of arrays')
  if (type === VALUE.STRING) {
    // Each string costs at least its 8-byte length, so this bounds the loop by the file's size.
    const length = cursor.count('strings in an array', Math.min(cursor.remaining / 8, MAX_SKIPPED))
    for (let index = 0; index < length; index++) cursor.skipString()
    return { length, numbers: null }
  }
  const itemBytes = VALUE_BYTES[type]
  if (itemBytes === undefined)
    throw new GgufFormatError(`it has values of type ${type}, which GGUF does not know`)
  const length = cursor.count('numbers in an array', cursor.remaining / itemBytes)
  if (length > MAX_KEPT_NUMBERS) {
    cursor.skip(length * itemBytes)
    return { length, numbers: null }
  }
  return { length, numbers: Array.from({ length }, () => Number(readNumber(cursor, type))) }
}

function readNumber(cursor: GgufCursor, type: number): number | bigint {
  const width = VALUE_BYTES[type]
  if (width === undefined)
    throw new GgufFormatError(`it has a value of type ${type}, which GGUF does not know`)
  const bytes = cursor.bytes(width)
  if (type === VALUE.F32) return bytes.readFloatLE()
  if (type === VALUE.F64) return bytes.readDoubleLE()
  if (width === 8) {
    const wide = type === VALUE.I64 ? bytes.readBigInt64LE() : bytes.readBigUInt64LE()
    return Number.isSafeInteger(Number(wide)) ? Number(wide) : wide
  }
  const signed = type === VALUE.I8 || type === VALUE.I16 || type === VALUE.I32
  return signed ? bytes.readIntLE(0, width) : bytes.readUIntLE(0, width)
}
