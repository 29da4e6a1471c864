import { join } from 'node:path'
import type { EnergyBackendName } from '../../core/energy-backends.js'
import { type Interpreter, isWhole, pythonOf } from '../../python/venv.js'

/** Where a release of a backend is installed. */
export function installPath(dataDir: string, name: EnergyBackendName, version: string): string {
  return join(dataDir, 'energy-backends', `${name}-${version}`)
}

/**
 * The interpreter for a backend: the person's own where one is named, else that of llem's installation; null where
 * there is none. Starts nothing.
 */
export function findInterpreter(
  name: EnergyBackendName,
  version: string,
  { python, dataDir }: { python: string | null; dataDir: string },
): Interpreter | null {
  if (python !== null) return { python, path: python, version: null }
  const path = installPath(dataDir, name, version)
  return isWhole(path) ? { python: pythonOf(path), path, version } : null
}
