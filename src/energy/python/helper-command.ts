import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { EnergyBackendName } from '../../core/energy-backends.js'
import type { WorkerCommand } from '../../workers/worker-process.js'

/** What the driver's library is called, by which every Python package loads it. */
const LIBRARY_NAME = 'libnvidia-ml.so.1'

/** How to start the helper of a backend with an interpreter, so that it reads the very GPUs that llem reads. */
export function helperCommand(
  name: EnergyBackendName,
  python: string,
  libraryPath: string | undefined,
): WorkerCommand {
  return {
    backend: name,
    command: python,
    args: [fileURLToPath(import.meta.resolve('#energy-helper')), name],
    env: helperEnvironment(process.env, libraryPath),
    // Not the person's folder: CodeCarbon would read settings from there.
    cwd: '/',
  }
}

/** GPUs go by UUID, so nothing may hide or renumber them; the library is found by its name in a folder. */
function helperEnvironment(env: NodeJS.ProcessEnv, libraryPath: string | undefined): NodeJS.ProcessEnv {
  const { CUDA_VISIBLE_DEVICES: _, CUDA_DEVICE_ORDER: __, ...kept } = env
  if (libraryPath === undefined || basename(libraryPath) !== LIBRARY_NAME) return kept
  const folders = [dirname(libraryPath), env.LD_LIBRARY_PATH].filter(Boolean)
  return { ...kept, LD_LIBRARY_PATH: folders.join(':') }
}
