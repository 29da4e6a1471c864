import { LlemError } from '../../core/errors.js'
import { installVenv } from '../../python/install.js'
import { pythonOf } from '../../python/venv.js'
import type { InstallOptions, InstallResult } from '../backend.js'
import { probeWorker } from '../worker-session.js'
import { installPath, readInstall } from './installs.js'
import { PYTORCH_PACKAGE } from './packages.js'
import { workerCommand } from './worker-command.js'

const PROBE_TIMEOUT_MS = 180_000

/**
 * Installs the pinned torch and transformers into a virtual environment, tries the worker in it and puts it in place.
 * `gpu: cuda` insists on a torch with CUDA; otherwise any will do. Throws BACKEND_UNSUPPORTED, PYTHON_NOT_FOUND,
 * VENV_MISSING, BACKEND_INSTALL_FAILED or ABORTED.
 */
export async function installPytorch({
  gpu,
  dataDir,
  python = 'python3',
  log,
  signal,
}: InstallOptions): Promise<InstallResult> {
  if (gpu === 'vulkan') throw unsupported('torch does not compute with Vulkan', 'auto')
  const path = installPath(dataDir)
  const { installed, what } = await installVenv(path, 'pytorch', PYTORCH_PACKAGE, {
    python,
    log,
    signal,
    step: log,
    async probe(venv) {
      const versions = await probeWorker(workerCommand(pythonOf(venv)), {
        timeoutMs: PROBE_TIMEOUT_MS,
        signal,
      })
      log?.(`It answers: ${JSON.stringify(versions)}`)
      return { gpu: versions.cuda === undefined ? [] : ['cuda'] }
    },
  })
  const found = readInstall(path)
  if (gpu === 'cuda' && !found.gpu.includes('cuda'))
    throw unsupported('pip took a torch without CUDA, as its own settings say', 'none')
  const { version } = PYTORCH_PACKAGE
  const computes = found.gpu.join(', ') || 'none'
  return {
    installed,
    path,
    version,
    gpu: found.gpu,
    message: `pytorch ${version} (gpu: ${computes}) ${what}`,
  }
}

function unsupported(why: string, instead: string): LlemError {
  return new LlemError(why, {
    code: 'BACKEND_UNSUPPORTED',
    hint: `Run: llem backend install pytorch --gpu ${instead}`,
    kind: 'usage',
  })
}
