import { closeSync, fstatSync, openSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { LlemError, messageOf } from '../../core/errors.js'
import { GgufCursor, GgufFormatError } from './cursor.js'
import { type GgufHeader, readGgufHeader, requiredBytes } from './header.js'

/** llama.cpp's name for one part of a model in several files, numbered from 1. */
const SPLIT_NAME = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/

/**
 * Reads the header of a GGUF model and checks that its data are all there; a model in several files is read
 * whole, given any of them, and comes back as one header. Throws MODEL_NOT_FOUND or MODEL_UNREADABLE.
 */
export function readGgufModel(path: string): GgufHeader {
  const first = readPart(path)
  const parts = first.metadata.get('split.count')
  if (typeof parts !== 'number' || parts <= 1) return first
  const split = SPLIT_NAME.exec(basename(path))
  if (!split) {
    throw unreadable(
      path,
      `it is one of ${parts} files, but its name does not end in -00001-of-${String(parts).padStart(5, '0')}.gguf`,
    )
  }
  const headers = Array.from({ length: parts }, (_, index) => {
    const number = String(index + 1).padStart(5, '0')
    return readPart(join(dirname(path), `${split[1]}-${number}-of-${split[3]}.gguf`))
  })
  // The first file holds the metadata; the others repeat only what concerns the split.
  return { ...(headers[0] ?? first), tensors: headers.flatMap((header) => header.tensors) }
}

function readPart(path: string): GgufHeader {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (cause) {
    if (isMissing(cause)) throw notFound(path, cause)
    throw unreadable(path, messageOf(cause), cause)
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new GgufFormatError('it is not a file')
    const header = readGgufHeader(GgufCursor.ofFile(fd, stat.size))
    const needed = requiredBytes(header)
    if (stat.size < needed) {
      throw new GgufFormatError(`it has ${stat.size} bytes of ${needed}, so it is incomplete`)
    }
    return header
  } catch (cause) {
    if (cause instanceof GgufFormatError) throw unreadable(path, cause.message, cause)
    throw cause
  } finally {
    closeSync(fd)
  }
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function notFound(path: string, cause: unknown): LlemError {
  return new LlemError(`there is no model file ${path}`, {
    code: 'MODEL_NOT_FOUND',
    hint: /^[\w.-]+\/[\w.-]+$/.test(path)
      ? 'llama.cpp reads GGUF files on this machine; an id of Hugging Face needs another backend, such as -b pytorch.'
      : 'Give the path of a GGUF file that is on this machine.',
    kind: 'usage',
    cause,
  })
}

function unreadable(path: string, why: string, cause?: unknown): LlemError {
  return new LlemError(`the model ${path} cannot be read because ${why}`, {
    code: 'MODEL_UNREADABLE',
    hint: 'Download or convert it again; llama.cpp reads whole GGUF files only.',
    kind: 'usage',
    cause,
  })
}
