import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What writeJsonAtomically calls a file that is not whole yet. Those of recordings are told apart: they can be recovered. */
const UNFINISHED = /\.json\.[0-9a-f]{8}\.partial$/
/** Campaign, runs, experiment, cycle, attempt. */
const DEPTH = 4

/**
 * Removes what killed runs of a campaign were about to write. Whoever holds the campaign calls it, so that nobody writes
 * meanwhile. Answers how many there were; what cannot be removed stays.
 */
export function sweepLeftovers(dir: string, depth = DEPTH): number {
  let swept = 0
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name)
    if (entry.isDirectory() && depth > 0) swept += sweepLeftovers(path, depth - 1)
    else if (entry.isFile() && UNFINISHED.test(entry.name)) {
      try {
        rmSync(path)
        swept += 1
      } catch {
        // It is in nobody's way.
      }
    }
  }
  return swept
}
