import { writeFile } from 'node:fs/promises'
import { makeWholeFolder } from '../core/whole-folder.js'
import type { PythonPackage } from './packages.js'
import { makeVenv, type PipOptions, pipInstall } from './pip.js'
import { installedFile, isWhole } from './venv.js'

export interface VenvOptions extends PipOptions {
  /** What makes the virtual environment: python3 of PATH, or the person's own interpreter. */
  python: string
  /** Told what begins. */
  step?: ((text: string) => void) | undefined
  /** Tries the environment before it is put in place and answers what to note of it; what it throws ends the installation. */
  probe?: ((venv: string) => Promise<Record<string, unknown>>) | undefined
}

export interface VenvInstall {
  /** False when the very same was there before and nothing was done. */
  installed: boolean
  /** Goes on after the name and the version. */
  what: string
}

/**
 * Installs a backend's pinned packages into a virtual environment at `path`, which is whole or absent. Does nothing when
 * it is there already. Throws PYTHON_NOT_FOUND, VENV_MISSING, BACKEND_INSTALL_FAILED, ABORTED, or what `probe` throws.
 */
export async function installVenv(
  path: string,
  backend: string,
  { version, requirements, size }: PythonPackage,
  { python, step, probe, ...pip }: VenvOptions,
): Promise<VenvInstall> {
  if (isWhole(path)) return { installed: false, what: 'is installed already' }
  const isMade = await makeWholeFolder(path, {
    isWhole,
    async make(temp) {
      step?.(`Making a virtual environment with ${python}`)
      await makeVenv(python, temp, pip)
      step?.(`Installing ${requirements.join(' ')} with pip (${size})`)
      await pipInstall(temp, requirements, pip)
      const noted = await probe?.(temp)
      const content = { backend, version, python, ...noted, installed_at: new Date().toISOString() }
      await writeFile(installedFile(temp), `${JSON.stringify(content, null, 2)}\n`)
    },
  })
  return isMade
    ? { installed: true, what: 'is installed' }
    : { installed: false, what: 'was installed meanwhile' }
}
