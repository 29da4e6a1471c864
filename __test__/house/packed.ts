// The packed llem, once for all tests that need it: packing takes seconds.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { hostPlatform } from '../../scripts/platform.mjs'
import { root } from './sources.js'

const folder = join(root, '.cache/test/packages')

/** A folder with the tarballs of what is built now. */
export function packedFolder(): string {
  const made = join(folder, digest())
  if (existsSync(made)) return made
  mkdirSync(folder, { recursive: true })
  const fresh = mkdtempSync(join(folder, 'new-'))
  try {
    execFileSync(process.execPath, [join(root, 'scripts/pack.mjs'), fresh], { stdio: 'pipe' })
    // Those of earlier builds are of no use.
    for (const name of readdirSync(folder).filter((each) => !each.startsWith('new-')))
      rmSync(join(folder, name), { recursive: true, force: true })
    renameSync(fresh, made)
  } catch (error) {
    // Another test file was faster.
    if (!existsSync(made)) throw error
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return made
}

export function tarball(name: string): string {
  return join(packedFolder(), `${name}-0.1.0.tgz`)
}

/** Of all that may be packed, by the times of its files. */
function digest(): string {
  const hash = createHash('sha256')
  const native = join('npm', hostPlatform())
  const places = ['dist', 'python', 'bin', 'crates/binding/index.js', 'crates/nvml-sim/scenarios', native]
  for (const place of [...places, 'package.json', 'README.md', 'CHANGELOG.md', 'scripts/pack.mjs'])
    for (const path of filesAt(join(root, place)))
      hash.update(`${path} ${statSync(path).mtimeMs} ${statSync(path).size}\n`)
  return hash
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
    .slice(0, 16)
}

function filesAt(path: string): string[] {
  if (!existsSync(path)) return []
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((each) => !each.includes('__pycache__'))
    .sort()
}
