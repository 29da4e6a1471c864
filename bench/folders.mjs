import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What the bench installs and writes on the way; deleting it is safe. */
export const CACHE = join(ROOT, '.cache/bench')

/** Where the Python peers find the simulated libnvidia-ml.so.1. */
export const SIMULATED_LIBRARY = join(ROOT, 'crates/nvml-sim/lib')

export function isBuilt() {
  return existsSync(join(SIMULATED_LIBRARY, 'libnvidia-ml.so.1')) && existsSync(join(ROOT, 'dist/index.js'))
}
