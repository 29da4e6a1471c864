// What belongs to one machine or one network stays out of the repository.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './sources.js'

// In pieces, because this file is committed too.
const HOSTS = [
  ['registry', 'npmjs', 'org'],
  ['registry', 'yarnpkg', 'com'],
  ['registry', 'npmmirror', 'com'],
  ['static', 'crates', 'io'],
  ['index', 'crates', 'io'],
  ['pypi', 'org'],
  ['files', 'pythonhosted', 'org'],
  ['deb', 'debian', 'org'],
].map((parts) => parts.join('.'))

const committed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
const paths = committed.split('\0').filter(Boolean)
const files = paths.flatMap((path) => textOf(path))

const TOP_LEVEL = [
  ...[
    '.ci',
    '.github',
    '__test__',
    'bench',
    'bin',
    'crates',
    'docs',
    'examples',
    'npm',
    'python',
    'scripts',
    'src',
  ],
  ...[
    'ARCHITECTURE.md',
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'GLOSSARY.md',
    'LICENSE',
    'README.md',
    'SECURITY.md',
  ],
  ...['Cargo.lock', 'Cargo.toml', 'rustfmt.toml', 'package-lock.json', 'package.json', 'tsconfig.json'],
  ...['.editorconfig', '.gitignore', '.npmrc', 'biome.json', 'vitest.config.ts', 'Dockerfile', 'action.yml'],
]

describe('a committed text', () => {
  it.each(HOSTS)('does not name the registry host %s', (host) => {
    expect(filesWith(host)).toEqual([])
  })

  it('does not name a folder of the machine it was written on', () => {
    const home = homedir()
    // Root's home is the same everywhere, and containers name it.
    const folders = home === '/root' ? [root] : [root, home]
    expect(folders.flatMap((folder) => filesWith(`${folder}/`))).toEqual([])
  })
})

it('the top level holds what belongs there, and nothing that a job has left', () => {
  const topLevel = new Set(paths.map((path) => path.split('/')[0] ?? ''))
  expect([...topLevel].filter((name) => !TOP_LEVEL.includes(name))).toEqual([])
})

describe('package-lock.json', () => {
  const packages = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages as Record<
    string,
    { resolved?: string; integrity?: string; link?: boolean }
  >
  const locked = Object.entries(packages).filter(([path]) => path !== '')

  it('says of no package where one machine got it from', () => {
    expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
  })

  it('has the hash of every package', () => {
    expect(locked.filter(([, { integrity }]) => !/^sha512-/.test(integrity ?? ''))).toEqual([])
  })
})

describe('Cargo.lock', () => {
  const crates = readFileSync(join(root, 'Cargo.lock'), 'utf8')
    .split('[[package]]')
    .slice(1)
    .map((text) => ({
      name: key(text, 'name'),
      source: key(text, 'source'),
      checksum: key(text, 'checksum'),
    }))

  it('has every crate from the registry that cargo uses by default, with its hash, or from this repository', () => {
    const ours = /^(llem-|nvml-sim$)/
    const standard = 'registry+https://github.com/rust-lang/crates.io-index'
    const odd = crates.filter(({ name, source, checksum }) =>
      ours.test(name ?? '') ? source !== undefined : source !== standard || checksum === undefined,
    )
    expect(odd).toEqual([])
  })
})

function key(text: string, name: string): string | undefined {
  return new RegExp(`^${name} = "(.*)"$`, 'm').exec(text)?.[1]
}

function textOf(path: string): { path: string; text: string }[] {
  try {
    const bytes = readFileSync(join(root, path))
    return bytes.includes(0) ? [] : [{ path, text: bytes.toString('utf8') }]
  } catch {
    // Removed from the working tree, and not yet from the index.
    return []
  }
}

function filesWith(text: string): string[] {
  return files.filter((file) => file.text.includes(text)).map(({ path }) => path)
}
