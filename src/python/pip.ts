import { ExecaError, execa } from 'execa'
import { LlemError } from '../core/errors.js'
import { abortedError } from '../workers/worker-error.js'
import { pythonOf } from './venv.js'

export interface PipOptions {
  log?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

const TAIL_LINES = 12
/** pip asks nobody, and says nothing of its own releases. Where it downloads from is the person's own setting. */
const QUIET = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off']

/** Makes a virtual environment in a folder. Throws PYTHON_NOT_FOUND, VENV_MISSING or ABORTED. */
export async function makeVenv(python: string, folder: string, options: PipOptions): Promise<void> {
  try {
    await run(python, ['-m', 'venv', folder], options)
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error
    if (error.code === 'ENOENT') {
      throw new LlemError(`${python} was not found`, {
        code: 'PYTHON_NOT_FOUND',
        hint: 'Install Python 3.10 or newer, or name an interpreter with LLEM_PYTHON.',
        cause: error,
      })
    }
    throw new LlemError(`${python} cannot make a virtual environment:\n${tailOf(error)}`, {
      code: 'VENV_MISSING',
      hint: 'On Debian and Ubuntu it is a package of its own: sudo apt-get install python3-venv',
      cause: error,
    })
  }
}

/** Installs pinned requirements into a virtual environment. Throws BACKEND_INSTALL_FAILED or ABORTED. */
export async function pipInstall(
  venv: string,
  requirements: readonly string[],
  options: PipOptions,
): Promise<void> {
  try {
    await run(pythonOf(venv), ['-m', 'pip', 'install', ...QUIET, ...requirements], options)
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error
    throw new LlemError(
      `pip install failed with exit code ${error.exitCode ?? 'unknown'}:\n${tailOf(error)}`,
      {
        code: 'BACKEND_INSTALL_FAILED',
        hint: "Look at the network and at pip's index and proxy settings, then run it again.",
        cause: error,
      },
    )
  }
}

async function run(program: string, args: readonly string[], { log, signal }: PipOptions): Promise<void> {
  const child = execa(program, args, {
    all: true,
    stdin: 'ignore',
    forceKillAfterDelay: 2000,
    // Packages of the person's own must not count as installed here.
    env: { PYTHONNOUSERSITE: '1', PYTHONPATH: '' },
    ...(signal && { cancelSignal: signal }),
  })
  try {
    for await (const line of child.iterable({ from: 'all' })) log?.(String(line))
    await child
  } catch (error) {
    if (signal?.aborted) throw abortedError(program, signal)
    throw error
  }
}

function tailOf(error: ExecaError): string {
  const output = typeof error.all === 'string' ? error.all : error.message
  return output.trim().split('\n').slice(-TAIL_LINES).join('\n')
}
