import { accessSync, constants, readdirSync, realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { BackendInstall } from '../backend.js'

/** Where a program lies on PATH, null where it does not. */
export function findOnPath(program: string, env: NodeJS.ProcessEnv = process.env): string | null {
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')
  const found = folders.map((folder) => join(folder, program)).find(isExecutable)
  return found ?? null
}

/**
 * A program that a Python package has put on PATH, with the package's version where it lies in the same environment:
 * asking the program itself would import PyTorch, which takes seconds.
 */
export function pythonProgramInstall(program: string, distribution: string): BackendInstall[] {
  const path = findOnPath(program)
  if (path === null) return []
  return [{ version: versionBeside(path, distribution) ?? 'unknown', gpu: [], path, problem: null }]
}

function versionBeside(path: string, distribution: string): string | null {
  try {
    const lib = join(dirname(realpathSync(path)), '..', 'lib')
    const pythons = readdirSync(lib).filter((name) => name.startsWith('python3'))
    const names = pythons.flatMap((python) => readdirSync(join(lib, python, 'site-packages')))
    const info = new RegExp(`^${distribution}-(.+)\\.dist-info$`)
    return names.map((name) => info.exec(name)?.[1]).find((version) => version !== undefined) ?? null
  } catch {
    return null
  }
}

/** Whether a program can be run: by its path, from here, or by its name on PATH. */
export function isProgram(program: string, env: NodeJS.ProcessEnv): boolean {
  return program.includes('/') ? isExecutable(program) : findOnPath(program, env) !== null
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
