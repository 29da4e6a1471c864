import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { installBackend } from '../../dist/backends/install.js'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A data folder that lasts from one test run to the next, because an installation takes 10 s and 85 MB. */
export const testDataDir = process.env.LLEM_TEST_DATA_DIR ?? join(root, '.cache', 'test-data')

const scratch: string[] = []
afterAll(() => {
  for (const folder of scratch) rmSync(folder, { recursive: true, force: true })
})

/** An empty folder that is removed after the test file. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'llem-test-'))
  scratch.push(folder)
  return folder
}

/** Writes a random-weight model into the folder and returns its path. */
export function tinyModel(folder: string, name: string, ...args: string[]): string {
  const path = join(folder, `${name}.gguf`)
  execFileSync(process.execPath, [join(root, 'scripts', 'make-tiny-model.mjs'), path, ...args])
  return path
}

/** The CPU build of llamacpp, installed when it is not there yet. */
export async function installedLlamacpp(): Promise<string> {
  return (await installBackend('llamacpp', { gpu: 'none', dataDir: testDataDir })).path
}
