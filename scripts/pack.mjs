// node scripts/pack.mjs [FOLDER] [--all]: packs llem and each platform's package that is built (see build.mjs) into
// tarballs, by default in .cache/packages, and prints their names and sizes. --all: every platform must be there.
//
// The packed package.json names the platforms' packages as optional dependencies; npm installs the one that fits.
// The committed one does not, as with `napi pre-publish`: until they are published `npm ci` would refuse its lock.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { npmCommand } from './node-modules.mjs'
import { platformOf, targets } from './platform.mjs'
import { thirdPartyOfCrates, thirdPartyOfNpm } from './third-party.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean' } } })
const folder = resolve(positionals[0] ?? join(root, '.cache/packages'))
mkdirSync(folder, { recursive: true })
const staged = mkdtempSync(join(folder, 'staged-'))
/** The licences of others, in each package. */
const THIRD_PARTY = 'THIRD-PARTY-LICENSES'

try {
  const platforms = targets().map(platformOf)
  const built = platforms.filter(isBuilt)
  if (built.length === 0) throw new Error('no platform is built; run `npm run build`')
  if (values.all && built.length < platforms.length) {
    throw new Error(`of ${platforms.join(', ')} only ${built.join(', ')} is built`)
  }
  pack(stageRoot(platforms))
  const licences = thirdPartyOfCrates()
  for (const platform of built) pack(stagePlatform(platform, licences))
} finally {
  rmSync(staged, { recursive: true, force: true })
}

function isBuilt(platform) {
  return ['package.json', ...manifestOf(join(root, 'npm', platform)).files].every((path) =>
    existsSync(join(root, 'npm', platform, path)),
  )
}

/** Copies what package.json lists, so that the working tree keeps its package.json. */
function stageRoot(platforms) {
  const to = join(staged, 'llem')
  const { scripts, devDependencies, napi, ...manifest } = manifestOf(root)
  const names = platforms.map((platform) => [`${manifest.name}-${platform}`, manifest.version])
  const packed = { ...manifest, optionalDependencies: Object.fromEntries(names) }
  copyListed(root, to, manifest.files)
  writeManifest(to, packed, thirdPartyOfNpm())
  return to
}

function stagePlatform(platform, licences) {
  const from = join(root, 'npm', platform)
  const to = join(staged, platform)
  const manifest = manifestOf(from)
  copyListed(from, to, manifest.files)
  writeManifest(to, manifest, licences)
  return to
}

function copyListed(from, to, files) {
  const always = ['LICENSE', 'README.md'].filter((path) => existsSync(join(from, path)))
  for (const path of [...files, ...always]) {
    // What Python leaves beside a file that was imported is of this machine.
    cpSync(join(from, path), join(to, path), {
      recursive: true,
      filter: (source) => !source.endsWith('__pycache__'),
    })
  }
}

function writeManifest(to, manifest, licences) {
  const files = [...manifest.files, THIRD_PARTY]
  writeFileSync(join(to, 'package.json'), `${JSON.stringify({ ...manifest, files }, null, 2)}\n`)
  writeFileSync(join(to, THIRD_PARTY), licences)
}

function pack(path) {
  const [command, ...args] = npmCommand()
  const options = ['--json', '--pack-destination', folder, '--ignore-scripts']
  // What npm warns of is its own configuration; an error of its shows on stderr all the same.
  const output = execFileSync(command, [...args, 'pack', path, ...options, '--loglevel=error'], {
    cwd: folder,
  })
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(output)
  const kilobytes = (bytes) => `${Math.round(bytes / 1000)} kB`
  console.log(
    `${join(folder, filename)}  ${kilobytes(size)}, ${kilobytes(unpackedSize)} in ${entryCount} files`,
  )
}

function manifestOf(path) {
  return JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'))
}
