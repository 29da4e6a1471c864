// npm run image [-- --base IMAGE] [--tag NAME] [--context-only]: puts the packed llem and the packages of its lock file into
// .cache/image and builds the image of it (Dockerfile). The same commit gives the same layers: all files have its time.
import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { npmCommand } from './node-modules.mjs'
import { hostPlatform } from './platform.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    tag: { type: 'string', default: 'llem' },
    folder: { type: 'string', default: join(root, '.cache/image') },
    packages: { type: 'string' },
    'context-only': { type: 'boolean', default: false },
  },
})
const folder = resolve(values.folder)
const scratch = mkdtempSync(join(tmpdir(), 'llem-image-'))

try {
  fill(values.packages ?? packed())
  if (values['context-only']) console.log(folder)
  else process.exitCode = build()
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

/** The tarballs of this machine's platform. */
function packed() {
  execFileSync(process.execPath, [join(root, 'scripts/pack.mjs'), scratch], {
    stdio: ['ignore', 'ignore', 2],
  })
  return scratch
}

function fill(packages) {
  rmSync(folder, { recursive: true, force: true })
  const app = join(folder, 'system/opt/llem')
  mkdirSync(app, { recursive: true })
  mkdirSync(join(folder, 'home/llem'), { recursive: true })
  // By the lock file, which knows nothing of packages that are not published yet (not `npm ci`: node-modules.mjs).
  for (const name of ['package.json', 'package-lock.json', '.npmrc'])
    copyFileSync(join(root, name), join(app, name))
  const [npm, ...args] = npmCommand()
  const quiet = ['--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  execFileSync(npm, [...args, 'install', '--no-save', ...quiet], { cwd: app, stdio: ['ignore', 2, 2] })
  for (const name of ['package-lock.json', '.npmrc', 'node_modules/.package-lock.json', 'node_modules/.bin'])
    rmSync(join(app, name), { recursive: true, force: true })
  const native = join(app, 'node_modules', `llem-${hostPlatform()}`)
  mkdirSync(native)
  for (const [name, to] of [
    ['llem-', app],
    [`llem-${hostPlatform()}-`, native],
  ]) {
    const tarball = readdirSync(packages).find((file) => new RegExp(`^${name}\\d.*\\.tgz$`).test(file))
    execFileSync('tar', ['-xzf', join(packages, tarball), '--strip-components=1', '-C', to])
  }
  copyFileSync(join(root, 'Dockerfile'), join(folder, 'Dockerfile'))
  settle(folder, commitTime())
}

/** Times and rights that are the same on every machine. */
function settle(path, seconds) {
  const stat = lstatSync(path)
  if (stat.isDirectory()) for (const name of readdirSync(path)) settle(join(path, name), seconds)
  if (!stat.isSymbolicLink()) chmodSync(path, stat.isDirectory() || stat.mode & 0o100 ? 0o755 : 0o644)
  lutimesSync(path, seconds, seconds)
}

function commitTime() {
  if (process.env.SOURCE_DATE_EPOCH) return Number(process.env.SOURCE_DATE_EPOCH)
  const { stdout, status } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' })
  return status === 0 ? Number(stdout) : 0
}

function build() {
  const base = values.base === undefined ? [] : ['--build-arg', `BASE=${values.base}`]
  const { status, error } = spawnSync('docker', ['build', ...base, '--tag', values.tag, folder], {
    stdio: 'inherit',
  })
  if (error) console.error(`docker does not start: ${error.message}. The context of the image is ${folder}.`)
  return status ?? 1
}
