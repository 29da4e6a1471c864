// node scripts/node-modules.mjs: installs the packages of package-lock.json, unless exactly they are installed.
//
// Not `npm ci`: it refuses the lock where the registry has no build of a native package for some other kind of
// machine, which is no business of this one. That the lock fits package.json is checked here instead.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { isDeepStrictEqual } from 'node:util'

const root = fileURLToPath(new URL('..', import.meta.url))

if (import.meta.url === pathToFileURL(process.argv[1]).href) process.exitCode = bring(root) ? 0 : 1

function bring(folder) {
  if (isInstalled(folder)) return true
  const [command, ...args] = npmCommand()
  const options = ['--no-save', '--no-audit', '--no-fund', '--no-progress', '--loglevel=error']
  const { status, error } = spawnSync(command, [...args, 'install', ...options], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  })
  if (error) console.error(`npm does not start: ${error.message}`)
  if (status !== 0) return false
  if (isInstalled(folder)) return true
  console.error('package-lock.json does not fit package.json: run `npm install` and commit what it changes')
  return false
}

/** Under `npm test` the npm that runs, by hand the one on PATH. */
export function npmCommand() {
  const path = process.env.npm_execpath
  return path?.endsWith('npm-cli.js') ? [process.execPath, path] : ['npm']
}

/**
 * True when npm's own record of an installation, which it writes last, has every locked package and the lock has
 * what package.json asks for. A package for another kind of machine is optional and stays out.
 */
export function isInstalled(folder) {
  const record = join(folder, 'node_modules/.package-lock.json')
  if (!existsSync(record)) return false
  const installed = packagesOf(record)
  const { '': asked, ...locked } = packagesOf(join(folder, 'package-lock.json'))
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return (
    isDeepStrictEqual(wishesOf(asked), wishesOf(manifest)) &&
    Object.keys(installed).every((path) => path in locked) &&
    Object.entries(locked).every(([path, { version, optional, devOptional }]) =>
      path in installed ? installed[path].version === version : optional || devOptional,
    )
  )
}

function wishesOf({ dependencies = {}, devDependencies = {}, optionalDependencies = {} }) {
  return { dependencies, devDependencies, optionalDependencies }
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages
}
