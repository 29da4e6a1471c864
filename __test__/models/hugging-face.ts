// The real PyTorch and transformers, installed once into .cache/test as `llem backend install pytorch` installs them, and
// random-weight models of their own. Pip downloads 3 GB where its settings give it a torch with CUDA: 2 to 4 minutes.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installBackend } from '../../dist/backends/install.js'
import { installPath } from '../../dist/backends/pytorch/installs.js'
import { pythonOf } from '../../dist/python/venv.js'

const SCRIPT = fileURLToPath(new URL('./hugging_face_models.py', import.meta.url))

/** Of its own, so that the other tests see no pytorch. */
export const pytorchDataHome = fileURLToPath(new URL('../../.cache/test/pytorch-data', import.meta.url))
export const pytorchDataDir = join(pytorchDataHome, 'llem')

/** Where peft and bitsandbytes are, which only their own tests see: PYTHONPATH is this. */
export const extrasFolder = fileURLToPath(new URL('../../.cache/test/pytorch-extras', import.meta.url))
const EXTRAS = ['peft==0.21.2', 'bitsandbytes==0.50.2']

export const INSTALL_LIMIT_MS = 1_800_000

/** Installs it where it is not; answers why that is impossible, or null. */
export async function installRealPytorch(): Promise<string | null> {
  try {
    await installBackend('pytorch', { gpu: 'auto', dataDir: pytorchDataDir })
    return null
  } catch (error) {
    return `pytorch cannot be installed here: ${(error as Error).message}`
  }
}

/** Installs them without what they need, which is there; answers why that is impossible, or null. */
export function installExtras(): string | null {
  const done = join(extrasFolder, 'installed.json')
  if (existsSync(done) && readFileSync(done, 'utf8') === JSON.stringify(EXTRAS)) return null
  rmSync(extrasFolder, { recursive: true, force: true })
  const args = ['-m', 'pip', 'install', '-q', '--no-deps', '--target', extrasFolder, ...EXTRAS]
  const pip = spawnSync(testPython(), args, { encoding: 'utf8' })
  if (pip.status !== 0) return `${EXTRAS.join(' and ')} cannot be installed here: ${pip.stderr}`
  writeFileSync(done, JSON.stringify(EXTRAS))
  return null
}

/** The interpreter that has torch and transformers. */
export function testPython(): string {
  return pythonOf(installPath(pytorchDataDir))
}

/** Runs a job of hugging_face_models.py and gives what it printed. */
export function models(
  job: string,
  args: readonly string[],
  input = '',
  env: NodeJS.ProcessEnv = {},
): string {
  const { status, stdout, stderr } = spawnSync(testPython(), [SCRIPT, job, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    env: { ...process.env, ...env },
  })
  if (status !== 0) throw new Error(`hugging_face_models.py ${job} failed: ${stderr}`)
  return stdout
}

/** A tiny Llama with a tokenizer, saved into the folder; returns its path. */
export function tinyLlama(folder: string, context = 512): string {
  const path = join(folder, `llama-${context}`)
  models('llama', [path, String(context)])
  return path
}
