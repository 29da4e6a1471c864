import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ExecaError, execa } from 'execa'
import { LlemError } from '../core/errors.js'
import { abortedError } from '../workers/worker-error.js'

export interface NpmInstallOptions {
  /** An empty folder; the packages come into its node_modules. */
  folder: string
  /** Package name -> exact version. */
  packages: Record<string, string>
  log?: ((line: string) => void) | undefined
  signal?: AbortSignal | undefined
}

const TAIL_LINES = 12

/**
 * Installs packages without running their scripts and without optional dependencies, which for native packages
 * are the builds for every other machine. Throws NPM_NOT_FOUND, BACKEND_INSTALL_FAILED or ABORTED.
 */
export async function runNpmInstall({ folder, packages, log, signal }: NpmInstallOptions): Promise<void> {
  const manifest = { name: 'llem-backend', private: true, dependencies: packages }
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
  const args = ['install', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--no-progress']
  // Under `npx llem` the outer npm's prefix is in the environment.
  const place = ['--global=false', '--prefix', folder]
  const npm = execa(npmProgram(), [...args, ...place], {
    cwd: folder,
    all: true,
    stdin: 'ignore',
    forceKillAfterDelay: 2000,
    ...(signal && { cancelSignal: signal }),
  })
  try {
    for await (const line of npm.iterable({ from: 'all' })) log?.(String(line))
    await npm
  } catch (error) {
    if (signal?.aborted) throw abortedError('npm install', signal)
    throw installError(error)
  }
}

/** The npm that belongs to this Node, else the one on PATH. */
function npmProgram(): string {
  const beside = join(dirname(process.execPath), 'npm')
  return existsSync(beside) ? beside : 'npm'
}

function installError(error: unknown): LlemError {
  if (!(error instanceof ExecaError)) throw error
  if (error.code === 'ENOENT') {
    return new LlemError('npm was not found', {
      code: 'NPM_NOT_FOUND',
      hint: 'Install npm, which comes with Node, and see that it is on PATH.',
      cause: error,
    })
  }
  const output = typeof error.all === 'string' ? error.all : ''
  const tail = output.trim().split('\n').slice(-TAIL_LINES).join('\n')
  return new LlemError(`npm install failed with exit code ${error.exitCode ?? 'unknown'}:\n${tail}`, {
    code: 'BACKEND_INSTALL_FAILED',
    hint: 'Look at the network and at npm\'s registry and proxy settings ("npm ping"), then run it again.',
    cause: error,
  })
}
