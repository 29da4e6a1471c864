import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The top of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

export interface SourceFile {
  /** Relative to the folder that was asked for. */
  path: string
  code: string
}

/** The TypeScript files of src/. */
export function sourceFiles(): SourceFile[] {
  return filesBelow('src', '.ts')
}

/** The Rust files of one crate, or of all. */
export function rustFiles(crate = ''): SourceFile[] {
  return filesBelow(join('crates', crate), '.rs')
}

function filesBelow(folder: string, ending: string): SourceFile[] {
  const top = join(root, folder)
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith(ending))
    .sort()
    .map((path) => ({ path: relative(top, join(top, path)), code: readFileSync(join(top, path), 'utf8') }))
}
