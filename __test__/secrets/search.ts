// The search for planted secrets in bytes and files.

import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'

/** How a canary may be written. Deliberately not by the code under test. */
function formsOf(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before, 'x'), Buffer.from(text), Buffer.alloc(3, 'x')])
    // Without the groups of four at both ends, which hold neighbours too.
    return bytes.toString('base64').slice(4, -8)
  })
  const json = JSON.stringify(text).slice(1, -1)
  return [text, json, encodeURIComponent(text), ...base64].map((form) => Buffer.from(form))
}

/** Which canaries these bytes hold, and around where. */
export function canariesIn(bytes: Buffer, canaries: Readonly<Record<string, string>>): string[] {
  return Object.entries(canaries).flatMap(([name, text]) =>
    formsOf(text).flatMap((form) => {
      const at = bytes.indexOf(form)
      return at < 0 ? [] : [`${name} in ${bytes.subarray(Math.max(0, at - 60), at + 60).toString('latin1')}`]
    }),
  )
}

/** Where the canaries are below a folder: in names and in every byte of every file. */
export function canariesBelow(root: string, canaries: Readonly<Record<string, string>>): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((entry) => {
    const path = join(entry.parentPath, entry.name)
    const content = entry.isFile() ? contentOf(path) : Buffer.alloc(0)
    return [...canariesIn(Buffer.from(path), canaries), ...canariesIn(content, canaries)].map(
      (found) => `${path}: ${found}`,
    )
  })
}

const MOST_BYTES = 2 ** 29
const ENDS_BYTES = 2 ** 20

/** All of it; of a model of a terabyte, which a test made as one hole, what is before that and behind it. */
function contentOf(path: string): Buffer {
  const { size } = statSync(path)
  if (size <= MOST_BYTES) return readFileSync(path)
  const ends = Buffer.alloc(2 * ENDS_BYTES)
  const file = openSync(path, 'r')
  readSync(file, ends, 0, ENDS_BYTES, 0)
  readSync(file, ends, ENDS_BYTES, ENDS_BYTES, size - ENDS_BYTES)
  closeSync(file)
  return ends
}
