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

/** A program on PATH whose version only the program itself tells. */
export function programInstall(program: string): BackendInstall[] {
  const path = findOnPath(program)
  return path === null ? [] : [{ version: 'unknown', gpu: [], path, problem: null }]
}

/** A Python package of the interpreter on PATH. */
export function packageInstall(python: string, distribution: string): BackendInstall[] {
  const path = findOnPath(python)
  const version = path === null ? null : findPackage(path, distribution)
  return path === null || version === null ? [] : [{ version, gpu: [], path, problem: null }]
}

/** The version of a package by what lies beside its interpreter, which need not be started for it; null where there is none. */
export function findPackage(python: string, distribution: string): string | null {
  const info = new RegExp(`^${distribution}-(.+)\\.dist-info$`)
  // Of a virtual environment, whose interpreter is a link, and of the system's.
  const folders = [join(dirname(python), '..', 'lib'), '/usr/local/lib', '/usr/lib']
  const places = folders.flatMap((folder) => [
    join(folder, 'python3', 'dist-packages'),
    ...namesIn(folder)
      .filter((name) => name.startsWith('python3'))
      .flatMap((name) => ['site-packages', 'dist-packages'].map((kind) => join(folder, name, kind))),
  ])
  const names = places.flatMap(namesIn)
  return names.map((name) => info.exec(name)?.[1]).find((version) => version !== undefined) ?? null
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
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
