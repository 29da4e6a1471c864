// node bench/python-environment.mjs: installs the peers and nothing else.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { CACHE, ROOT } from './folders.mjs'

const REQUIREMENTS = join(ROOT, 'bench/requirements.txt')

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    pythonWithPeers()
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}

/** The interpreter of a virtual environment with the peers, made on first use (a minute, 700 MB). */
export function pythonWithPeers() {
  const home = join(CACHE, 'venv')
  const python = join(home, 'bin/python')
  // Written last, so that an installation that was cut off is not taken for a whole one.
  const installed = join(home, 'installed.txt')
  const wanted = readFileSync(REQUIREMENTS, 'utf8')
  if (existsSync(installed) && readFileSync(installed, 'utf8') === wanted) return python
  console.error('bench: installing the peers into .cache/bench/venv ...')
  run('python3', ['-m', 'venv', '--clear', home], 'Debian and Ubuntu have it in python3 and python3-venv')
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]
  run(python, pip, 'it needs the network, or a package index that pip is configured for')
  writeFileSync(installed, wanted)
  return python
}

/** "zeus 0.16.0" for zeus, as requirements.txt pins it; null for what is no Python package. */
export function versionOf(name) {
  const line = readFileSync(REQUIREMENTS, 'utf8')
    .split('\n')
    .find((each) => each.startsWith(`${name}==`))
  return line?.replace('==', ' ') ?? null
}

function run(command, args, hint) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) throw new Error(`${command} does not start (${error.message}); ${hint}`)
  if (status !== 0) {
    throw new Error(`${[command, ...args].join(' ')} failed; ${hint}\n${stdout}${stderr}`.trimEnd())
  }
}
