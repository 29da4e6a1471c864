import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import type { EnergyBackendName } from '../../core/energy-backends.js'

/** Written last into an installation; one without it is not whole. */
export const INSTALLED_FILE = 'installed.json'

export const installedSchema = z.object({
  backend: z.string(),
  version: z.string(),
  python: z.string(),
  installed_at: z.string(),
})

/** An interpreter that may have a backend's package, and where it comes from. */
export interface Interpreter {
  /** The program to start. */
  python: string
  /** The folder of llem's installation, or the interpreter that the person named. */
  path: string
  /** Of the package, as far as it is known without starting it. */
  version: string | null
}

/** Where a release of a backend is installed. */
export function installPath(dataDir: string, name: EnergyBackendName, version: string): string {
  return join(dataDir, 'energy-backends', `${name}-${version}`)
}

export function pythonOf(path: string): string {
  return join(path, 'bin', 'python')
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

/** Whether an installation is whole: it has its interpreter, and the file that is written last. */
export function isWhole(path: string): boolean {
  try {
    installedSchema.parse(JSON.parse(readFileSync(join(path, INSTALLED_FILE), 'utf8')))
    return existsSync(pythonOf(path))
  } catch {
    return false
  }
}
