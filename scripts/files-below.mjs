import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'

/** The paths of all files below a folder, relative to it and sorted; none where there is no folder. */
export function filesBelow(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
    .sort()
}
