import { inferenceBackends } from './registry.js'

/** A line of `llem backend list`. */
export interface BackendRow {
  name: string
  installed: boolean
  version: string | null
  /** What it computes on besides the CPU; null when it is not installed. */
  gpu: string[] | null
  path: string | null
  /** Why it cannot be used, null when it can. */
  problem: string | null
}

/** One row per installation, and one for each backend that has none. */
export function listBackends(dataDir: string): BackendRow[] {
  return inferenceBackends.flatMap(({ name, installs, absence }): BackendRow[] => {
    const found = installs(dataDir)
    if (found.length > 0) return found.map((install) => ({ name, installed: true, ...install }))
    const problem = absence ?? `not installed; run: llem backend install ${name}`
    return [{ name, installed: false, version: null, gpu: null, path: null, problem }]
  })
}
