import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LlemError } from '../../core/errors.js'
import type { BackendInstall, GpuChoice } from '../backend.js'
import { type Build, LIBRARY_ENTRY, LLAMACPP_VERSION } from './packages.js'

/** Written last into an installation; one without it is not whole. */
export const INSTALLED_FILE = 'installed.json'

const installedSchema = z.object({
  version: z.string(),
  gpu: z.array(z.string()),
  arch: z.string(),
  installed_at: z.string(),
})

/** Where the installations of this backend lie, one folder each. */
export function installsFolder(dataDir: string): string {
  return join(dataDir, 'backends', 'llamacpp')
}

/** The place of the pinned release's build. */
export function installPath(dataDir: string, build: Build): string {
  return join(installsFolder(dataDir), `${LLAMACPP_VERSION}-${build}`)
}

/** What lies in an installation's folder, null when there is nothing. */
export function readInstall(path: string): BackendInstall | null {
  if (!existsSync(path)) return null
  const broken = (problem: string): BackendInstall => ({ version: 'unknown', gpu: [], path, problem })
  let content: unknown
  try {
    content = JSON.parse(readFileSync(join(path, INSTALLED_FILE), 'utf8'))
  } catch {
    return broken(`${INSTALLED_FILE} is missing or unreadable`)
  }
  const installed = installedSchema.safeParse(content)
  if (!installed.success) return broken(`${INSTALLED_FILE} is not what llem writes`)
  const { version, gpu, arch } = installed.data
  return { version, gpu, path, problem: problemOf(path, version, arch) }
}

/** Every installation in the data folder. */
export function llamacppInstalls(dataDir: string): BackendInstall[] {
  const folder = installsFolder(dataDir)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .flatMap((name) => readInstall(join(folder, name)) ?? [])
}

/**
 * The installation to use for a choice of GPU: one built for it, and for "auto" the most capable one. Throws
 * BACKEND_NOT_INSTALLED.
 */
export function findInstall(dataDir: string, gpu: GpuChoice): BackendInstall {
  const usable = llamacppInstalls(dataDir).filter(({ problem }) => problem === null)
  const wanted = gpu === 'auto' || gpu === 'none' ? (['cuda', 'vulkan', null] as const) : ([gpu] as const)
  for (const kind of gpu === 'none' ? [...wanted].reverse() : wanted) {
    const found = usable.find((install) =>
      kind === null ? install.gpu.length === 0 : install.gpu.includes(kind),
    )
    if (found) return found
  }
  const option = gpu === 'auto' || gpu === 'none' ? '' : ` --gpu ${gpu}`
  const what = option === '' ? 'llamacpp' : `a build of llamacpp for ${gpu}`
  throw new LlemError(`${what} is not installed`, {
    code: 'BACKEND_NOT_INSTALLED',
    hint: `Run: llem backend install llamacpp${option}`,
    kind: 'usage',
  })
}

function problemOf(path: string, version: string, arch: string): string | null {
  if (version !== LLAMACPP_VERSION) return `this llem uses ${LLAMACPP_VERSION}`
  if (arch !== process.arch) return `built for ${arch}, this machine is ${process.arch}`
  if (!existsSync(join(path, LIBRARY_ENTRY))) return 'its files are missing'
  return null
}
