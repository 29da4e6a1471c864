// The files of a model held against what its name says, before they are measured: a blob is named by its content when it
// comes, and disks, copies and other tools may change it later. What a result says of a file is of its bytes.

import { realpath } from 'node:fs/promises'
import { LlemError, messageOf } from '../core/errors.js'
import { bareName } from '../core/named-model.js'
import { adviceOn } from '../core/system-fault.js'
import type { ModelSource } from '../results/identity.js'
import type { Asking } from './ask-hub.js'
import { digestOf, gitIdOf } from './file-digest.js'
import type { FileHere } from './source.js'

/** The source with length and SHA-256 of the very bytes that are here. Throws MODEL_DAMAGED, MODEL_UNREADABLE and INTERRUPTED. */
export async function verified(
  source: ModelSource,
  here: readonly FileHere[],
  asking: Asking,
): Promise<ModelSource> {
  const files: ModelSource['files'] = []
  for (const [place, told] of source.files.entries()) {
    const at = here[place]
    if (at === undefined) throw new Error(`nobody says where ${told.path} is`)
    files.push({ path: told.path, ...(await checked(told.bytes, at, source, asking)) })
  }
  return { ...source, files }
}

async function checked(
  bytes: number,
  { file, expected }: FileHere,
  source: ModelSource,
  asking: Asking,
): Promise<{ bytes: number; sha256: string }> {
  const found = await orUnreadable(file, digestOf(file, asking))
  const blob = await realpath(file)
  const mend = fetchAnew(blob, source.registry === 'ollama' ? `ollama:${source.repository}` : null)
  if (found.bytes !== bytes) throw damaged(blob, `has ${found.bytes} bytes where ${bytes} were told`, mend)
  if (expected === null) return found
  const id = expected.length === 64 ? found.sha256 : await orUnreadable(file, gitIdOf(file))
  if (id === expected) return found
  throw damaged(blob, `has the checksum ${id} where its name says ${expected}`, mend)
}

async function orUnreadable<T>(file: string, work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (cause) {
    if (cause instanceof LlemError) throw cause
    throw new LlemError(`${file} cannot be read: ${messageOf(cause)}`, {
      code: 'MODEL_UNREADABLE',
      hint: adviceOn(cause),
      cause,
    })
  }
}

/** How to have a file again. Neither llem nor Ollama fetches what seems to be there, so it has to go first. */
export function fetchAnew(file: string, ollama: string | null): string {
  return ollama === null
    ? `Delete ${file} and run it again where there is a network: it is fetched anew.`
    : `Delete ${file} and fetch it again: ollama pull ${bareName(ollama)}`
}

export function damaged(file: string, how: string, hint: string): LlemError {
  return new LlemError(`${file} is not what it was: it ${how}`, { code: 'MODEL_DAMAGED', hint })
}
