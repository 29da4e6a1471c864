// Test files that import nothing that starts processes and change neither environment nor modules, themselves or through what they
// import of the tests, share processes: one of its own costs a file half a second, most of it for importing again what the file before has imported.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Starts processes, or the addon with its threads, or changes what later files would see. */
const NEEDS_ITS_OWN =
  /'(node:child_process|node:worker_threads|execa)'|\/dist\/native\/|process\.env\.\w+ =|delete process\.env|vi\.(spyOn|stub|useFake|resetModules|mock|doMock)/
const IMPORT_OF_TESTS = /'(\.[^']*)\.js'/g

/** The files of tests below `root` that can share a process, relative to it. */
export function sharingFiles(root: string): string[] {
  const known = new Map<string, boolean>()
  const needsItsOwn = (path: string): boolean => {
    const told = known.get(path)
    if (told !== undefined) return told
    // Files that import one another.
    known.set(path, false)
    const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
    const imported = [...text.matchAll(IMPORT_OF_TESTS)].map(([, specifier = '']) => specifier)
    const ofTests = imported.filter((specifier) => !specifier.includes('/dist/'))
    const needs =
      NEEDS_ITS_OWN.test(text) || ofTests.some((one) => needsItsOwn(join(dirname(path), `${one}.ts`)))
    known.set(path, needs)
    return needs
  }
  const files = readdirSync(join(root, '__test__'), { recursive: true, encoding: 'utf8' })
  const tests = files.filter((file) => file.endsWith('.test.ts')).map((file) => join('__test__', file))
  return tests.filter((file) => !needsItsOwn(join(root, file)))
}
