import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { EnergyBackendName } from '../../core/energy-backends.js'
import { makeWholeFolder } from '../../core/whole-folder.js'
import { INSTALLED_FILE, installPath, isWhole } from './interpreter.js'
import type { PythonPackage } from './packages.js'
import { makeVenv, type PipOptions, pipInstall } from './pip.js'

export interface PythonInstallOptions extends PipOptions {
  dataDir: string
  /** What makes the virtual environment: python3 of PATH, or the person's own interpreter. */
  python: string
  /** Told what begins. */
  step?: ((text: string) => void) | undefined
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
 * Installs a backend's pinned packages into a virtual environment in llem's data folder, which is whole or absent. Does
 * nothing when it is there already. Throws PYTHON_NOT_FOUND, VENV_MISSING, BACKEND_INSTALL_FAILED or ABORTED.
 */
export async function installPythonBackend(
  name: EnergyBackendName,
  { version, requirements, size }: PythonPackage,
  { dataDir, python, step, ...pip }: PythonInstallOptions,
): Promise<PythonInstallResult> {
  const path = installPath(dataDir, name, version)
  const result = (installed: boolean, what: string) => ({
    installed,
    path,
    version,
    message: `${name} ${version} ${what}`,
  })
  if (isWhole(path)) return result(false, 'is installed already')
  const isMade = await makeWholeFolder(path, {
    isWhole,
    async make(temp) {
      step?.(`Making a virtual environment with ${python}`)
      await makeVenv(python, temp, pip)
      step?.(`Installing ${requirements.join(' ')} with pip (${size})`)
      await pipInstall(temp, requirements, pip)
      const content = { backend: name, version, python, installed_at: new Date().toISOString() }
      await writeFile(join(temp, INSTALLED_FILE), `${JSON.stringify(content, null, 2)}\n`)
    },
  })
  return isMade ? result(true, 'is installed') : result(false, 'was installed meanwhile')
}
