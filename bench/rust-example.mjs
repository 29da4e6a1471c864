import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from './folders.mjs'

/** Builds a program of `crates/meter` that only the bench needs, and answers its path. */
export function builtExample(name) {
  const build = ['build', '--release', '--locked', '--quiet', '-p', 'llem-meter', '--example', name]
  execFileSync('cargo', build, { cwd: ROOT, stdio: ['ignore', 2, 2] })
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target')
  return join(target, 'release/examples', name)
}
