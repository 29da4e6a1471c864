import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LlemError, messageOf } from '../../core/errors.js'
import type { GpuChoice, InstallOptions, InstallResult } from '../backend.js'
import { runNpmInstall } from '../npm.js'
import { probeWorker } from '../worker-session.js'
import { INSTALLED_FILE, installPath, installsFolder, readInstall } from './installs.js'
import { type Build, LLAMACPP_VERSION, packagesOf } from './packages.js'
import { workerCommand } from './worker-command.js'

const TEMP_PREFIX = '.tmp-'
const PROBE_TIMEOUT_MS = 120_000

/**
 * Installs the pinned node-llama-cpp with npm: built in a folder beside its place, tried out, then renamed, so
 * that an installation is whole or absent and two at once are safe. Does nothing when it is there already.
 * Throws BACKEND_UNSUPPORTED, NPM_NOT_FOUND, BACKEND_INSTALL_FAILED or ABORTED.
 */
export async function installLlamacpp({ gpu, dataDir, log, signal }: InstallOptions): Promise<InstallResult> {
  const build = resolveBuild(gpu)
  const packages = packagesOf(build, process.platform, process.arch)
  if (packages === null) throw unsupported(build)
  const path = installPath(dataDir, build)
  if (readInstall(path)?.problem === null) return result(false, path, build, 'is installed already')
  const folder = installsFolder(dataDir)
  await mkdir(folder, { recursive: true })
  await removeStale(folder)
  const temp = await mkdtemp(join(folder, `${TEMP_PREFIX}${process.pid}-`))
  try {
    log?.(`Installing node-llama-cpp ${LLAMACPP_VERSION} (gpu: ${build}) with npm`)
    await runNpmInstall({ folder: temp, packages: pinned(packages), log, signal })
    const versions = await probeWorker(workerCommand(temp), { timeoutMs: PROBE_TIMEOUT_MS, signal })
    log?.(`It answers: ${JSON.stringify(versions)}`)
    await writeFile(join(temp, INSTALLED_FILE), installedJson(build))
    return await moveIntoPlace(temp, path, build)
  } finally {
    await rm(temp, { recursive: true, force: true })
  }
}

/** "auto" takes CUDA where the NVIDIA driver is loaded and a build for this machine exists. */
function resolveBuild(gpu: GpuChoice): Build {
  if (gpu !== 'auto') return gpu
  const nvidia = existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version')
  return nvidia && packagesOf('cuda', process.platform, process.arch) !== null ? 'cuda' : 'none'
}

async function moveIntoPlace(temp: string, path: string, build: Build): Promise<InstallResult> {
  // What is there and broken makes room; it is removed with the temporary folder.
  if (existsSync(path) && readInstall(path)?.problem !== null)
    await rename(path, join(temp, 'replaced')).catch(() => {})
  try {
    await rename(temp, path)
  } catch (error) {
    if (readInstall(path)?.problem === null) return result(false, path, build, 'was installed meanwhile')
    throw new LlemError(`the installation could not be moved to ${path} (${messageOf(error)})`, {
      code: 'BACKEND_INSTALL_FAILED',
      hint: 'Look at the permissions of the data folder.',
      cause: error,
    })
  }
  await rm(join(path, 'replaced'), { recursive: true, force: true })
  return result(true, path, build, 'is installed')
}

/** Removes what an installer left that was killed; its process id is in the folder's name. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(TEMP_PREFIX)
      ? Number.parseInt(name.slice(TEMP_PREFIX.length), 10)
      : Number.NaN
    if (Number.isInteger(pid) && !isAlive(pid)) await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function pinned(packages: readonly string[]): Record<string, string> {
  return Object.fromEntries(packages.map((name) => [name, LLAMACPP_VERSION]))
}

function installedJson(build: Build): string {
  const content = {
    backend: 'llamacpp',
    version: LLAMACPP_VERSION,
    gpu: build === 'none' ? [] : [build],
    arch: process.arch,
    installed_at: new Date().toISOString(),
  }
  return `${JSON.stringify(content, null, 2)}\n`
}

function result(installed: boolean, path: string, build: Build, what: string): InstallResult {
  return {
    installed,
    path,
    version: LLAMACPP_VERSION,
    gpu: build === 'none' ? [] : [build],
    message: `llamacpp ${LLAMACPP_VERSION} (gpu: ${build}) ${what}`,
  }
}

function unsupported(build: Build): LlemError {
  return new LlemError(
    `there is no prebuilt llamacpp for gpu: ${build} on ${process.platform} ${process.arch}`,
    {
      code: 'BACKEND_UNSUPPORTED',
      hint: 'Run: llem backend install llamacpp --gpu none',
      kind: 'usage',
    },
  )
}
