import type { EnergyBackendName } from '../../core/energy-backends.js'
import { installVenv, type VenvOptions } from '../../python/install.js'
import type { PythonPackage } from '../../python/packages.js'
import { installPath } from './interpreter.js'

export interface PythonInstallOptions extends Omit<VenvOptions, 'probe'> {
  dataDir: string
}

export interface PythonInstallResult {
  /** False when the very same was there before and nothing was done. */
  installed: boolean
  path: string
  version: string
  /** One sentence for a person. */
  message: string
}

/**
 * Installs a backend's pinned packages into a virtual environment in llem's data folder. Throws PYTHON_NOT_FOUND,
 * VENV_MISSING, BACKEND_INSTALL_FAILED or ABORTED.
 */
export async function installPythonBackend(
  name: EnergyBackendName,
  installs: PythonPackage,
  { dataDir, ...options }: PythonInstallOptions,
): Promise<PythonInstallResult> {
  const { version } = installs
  const path = installPath(dataDir, name, version)
  const { installed, what } = await installVenv(path, name, installs, options)
  return { installed, path, version, message: `${name} ${version} ${what}` }
}
