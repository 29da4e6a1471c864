// Results that an older llem really wrote, with the folders of that machine taken out.

import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('fixtures', import.meta.url))

/** The path of `run-3.0.0.json` and the like. */
export function fixture(kind: 'run' | 'exec' | 'incomplete', version = '3.0.0'): string {
  return join(folder, `${kind}-${version}.json`)
}

export function fixtureJson(kind: 'run' | 'exec' | 'incomplete', version = '3.0.0') {
  return JSON.parse(readFileSync(fixture(kind, version), 'utf8'))
}

/** Puts a fixture where llem would have written it, and answers its folder. */
export function placed(kind: 'run' | 'exec' | 'incomplete', dir: string): string {
  mkdirSync(dir, { recursive: true })
  cpSync(fixture(kind), join(dir, kind === 'incomplete' ? 'incomplete.json' : 'result.json'))
  return dir
}

/** Writes a result.json of any content. */
export function written(path: string, content: unknown): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return dirname(path)
}
