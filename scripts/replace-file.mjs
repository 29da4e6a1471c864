import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Puts a copy of `from` at `to` by renaming, and only when its content is new. Copying over a library that a
 * process has mapped kills that process; after a rename it keeps the old file, and no reader ever sees half of
 * the new one.
 */
export function replaceFile(from, to) {
  const content = readFileSync(from)
  if (existsSync(to) && readFileSync(to).equals(content)) return
  const partial = `${to}.${process.pid}.partial`
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, partial)
  chmodSync(partial, statSync(from).mode)
  renameSync(partial, to)
}
