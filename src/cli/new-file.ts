// A file of its own for somebody: never half of it, and over one that is there only where that was asked for.

import { chmodSync, linkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { LlemError, messageOf } from '../core/errors.js'

/** Throws FILE_EXISTS or FILE_NOT_WRITTEN with the hint. */
export function writeNewFile(
  path: string,
  text: string,
  { hint, force = false }: { hint: string; force?: boolean },
): void {
  const half = `${path}.${process.pid}.part`
  try {
    writeFileSync(half, text, { flag: 'wx' })
    // A link is refused where something is.
    if (force) {
      // Who may read it stays as it was.
      const mode = statSync(path, { throwIfNoEntry: false })?.mode
      if (mode !== undefined) chmodSync(half, mode & 0o7777)
      renameSync(half, path)
    } else linkSync(half, path)
  } catch (cause) {
    const isThere = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new LlemError(isThere ? `${path} is there already` : `cannot write ${path}: ${messageOf(cause)}`, {
      code: isThere ? 'FILE_EXISTS' : 'FILE_NOT_WRITTEN',
      hint: isThere ? hint : 'The folder has to be there and to be written to: make it, or name another one.',
      kind: 'usage',
      cause,
    })
  } finally {
    rmSync(half, { force: true })
  }
}
