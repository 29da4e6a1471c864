import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** Written last into an installation; one without it is not whole. */
const INSTALLED_FILE = 'installed.json'

const installedSchema = z.object({
  backend: z.string(),
  version: z.string(),
  python: z.string(),
  installed_at: z.string(),
})

/** An interpreter that may have a backend's package, and where it comes from. */
export interface Interpreter {
  /** The program to start. */
  python: string
  /** The folder of llem's installation, or the interpreter that the person named. */
  path: string
  /** Of the package, as far as it is known without starting it. */
  version: string | null
}

/** The interpreter of a virtual environment. */
export function pythonOf(path: string): string {
  return join(path, 'bin', 'python')
}

/** The file that is written last into an installation. */
export function installedFile(path: string): string {
  return join(path, INSTALLED_FILE)
}

/** Whether an installation is whole: it has its interpreter, and the file that is written last. */
export function isWhole(path: string): boolean {
  try {
    installedSchema.parse(JSON.parse(readFileSync(installedFile(path), 'utf8')))
    return existsSync(pythonOf(path))
  } catch {
    return false
  }
}
