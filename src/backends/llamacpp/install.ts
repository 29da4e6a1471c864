import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { LlemError } from '../../core/errors.js'
import { makeWholeFolder } from '../../core/whole-folder.js'
import type { GpuChoice, InstallOptions, InstallResult } from '../backend.js'
import { runNpmInstall } from '../npm.js'
import { probeWorker } from '../worker-session.js'
import { INSTALLED_FILE, installPath, readInstall } from './installs.js'
import { type Build, LLAMACPP_VERSION, packagesOf } from './packages.js'
import { workerCommand } from './worker-command.js'

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
  const isMade = await makeWholeFolder(path, {
    isWhole: (place) => readInstall(place)?.problem === null,
    async make(temp) {
      log?.(`Installing node-llama-cpp ${LLAMACPP_VERSION} (gpu: ${build}) with npm`)
      await runNpmInstall({ folder: temp, packages: pinned(packages), log, signal })
      const versions = await probeWorker(workerCommand(temp), { timeoutMs: PROBE_TIMEOUT_MS, signal })
      log?.(`It answers: ${JSON.stringify(versions)}`)
      await writeFile(join(temp, INSTALLED_FILE), installedJson(build))
    },
  })
  return result(isMade, path, build, isMade ? 'is installed' : 'was installed meanwhile')
}

/** "auto" takes CUDA where the NVIDIA driver is loaded and a build for this machine exists. */
function resolveBuild(gpu: GpuChoice): Build {
  if (gpu !== 'auto') return gpu
  const nvidia = existsSync('/dev/nvidiactl') || existsSync('/proc/driver/nvidia/version')
  return nvidia && packagesOf('cuda', process.platform, process.arch) !== null ? 'cuda' : 'none'
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
