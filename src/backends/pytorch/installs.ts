import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LlemError } from '../../core/errors.js'
import { installedFile, isWhole, pythonOf } from '../../python/venv.js'
import type { BackendInstall } from '../backend.js'
import { PYTORCH_INSTALL, PYTORCH_PACKAGE } from './packages.js'

const installedSchema = z.object({ version: z.string(), gpu: z.array(z.string()) })

/** Where this llem's installation lies. */
export function installPath(dataDir: string): string {
  return join(dataDir, 'backends', 'pytorch', PYTORCH_INSTALL)
}

/** Every installation in the data folder, also of other releases. */
export function pytorchInstalls(dataDir: string): BackendInstall[] {
  const folder = join(dataDir, 'backends', 'pytorch')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .map((name) => readInstall(join(folder, name), name))
}

/** The installation in a folder. */
export function readInstall(path: string, name: string = PYTORCH_INSTALL): BackendInstall {
  const content = isWhole(path)
    ? installedSchema.safeParse(JSON.parse(readFileSync(installedFile(path), 'utf8')))
    : null
  if (content?.success !== true)
    return { version: 'unknown', gpu: [], path, problem: 'installed.json is missing or unreadable' }
  const problem =
    name === PYTORCH_INSTALL ? null : `this llem uses ${PYTORCH_PACKAGE.requirements.join(', ')}`
  return { ...content.data, path, problem }
}

/** The interpreter to use: the person's own where one is named. Throws BACKEND_NOT_INSTALLED. */
export function findPython(python: string | null, dataDir: string): string {
  if (python !== null) return python
  const path = installPath(dataDir)
  if (isWhole(path)) return pythonOf(path)
  throw new LlemError('pytorch is not installed', {
    code: 'BACKEND_NOT_INSTALLED',
    hint: 'Run: llem backend install pytorch, or set python to an interpreter that has torch and transformers.',
    kind: 'usage',
  })
}
