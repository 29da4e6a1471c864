// What only one place may touch, so that there is one place to look at.

import { readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { importsOf } from './imports.js'
import { shellUses } from './shell-uses.js'
import { root, rustFiles, sourceFiles } from './sources.js'

const imports = sourceFiles().flatMap(({ path, code }) => importsOf(code).map((each) => ({ path, ...each })))

describe('the addon', () => {
  it('is loaded in src/native and nowhere else', () => {
    const users = imports.filter(({ specifier }) => specifier === '#addon').map(({ path }) => path)
    expect(users).not.toEqual([])
    expect(users.filter((path) => !path.startsWith('native/'))).toEqual([])
  })

  it('is reached by its name and never by a path into crates/', () => {
    expect(imports.filter(({ specifier }) => specifier.includes('crates/'))).toEqual([])
  })
})

describe('NVML', () => {
  it('is named by one Rust module of the meter and by no other crate', () => {
    const users = rustFiles().filter(({ code }) => /\bnvml_wrapper\b/.test(withoutComments(code)))
    expect(users).not.toEqual([])
    expect(
      users.map(({ path }) => path).filter((path) => !path.startsWith('meter/src/source/nvml/')),
    ).toEqual([])
  })

  it('has its C declarations used in that module, and in the stand-in that implements them', () => {
    const users = rustFiles().filter(({ code }) => /\bnvml_wrapper_sys\b/.test(withoutComments(code)))
    const places = users.map(({ path }) => path).filter((path) => !path.startsWith('nvml-sim/'))
    expect(places.filter((path) => !path.startsWith('meter/src/source/nvml/'))).toEqual([])
  })
})

describe('napi', () => {
  it.each(['meter', 'nvml-sim'])('is no dependency of crates/%s', (crate) => {
    const manifest = readFileSync(join(root, 'crates', crate, 'Cargo.toml'), 'utf8')
    expect(manifest).not.toMatch(/^\s*(\[.*dependencies\.)?["']?napi\b/m)
  })
})

describe('packages', () => {
  it('are declared in package.json where src/ imports them', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const known = new Set([...Object.keys(dependencies), ...builtinModules.map((name) => `node:${name}`)])
    const unknown = imports.filter(
      ({ specifier }) => !/^[.#]/.test(specifier) && !known.has(packageOf(specifier)),
    )
    expect(unknown).toEqual([])
  })
})

describe('a shell', () => {
  it('runs nothing that src/ starts', () => {
    expect(
      sourceFiles().flatMap(({ path, code }) => shellUses(code).map((use) => `src/${path}:${use}`)),
    ).toEqual([])
  })

  it.each([
    [`import { exec } from 'node:child_process'`, '1: exec of node:child_process'],
    [`import { execSync as run } from 'child_process'`, '1: execSync of child_process'],
    [`import * as processes from 'node:child_process'`, '1: all of node:child_process'],
    [`spawn('ls', [], { shell: true })`, '1: shell'],
    [`\nexeca('ls', { 'shell': '/bin/sh' })`, '2: shell'],
  ])('is found in %s', (code, use) => {
    expect(shellUses(code)).toEqual([use])
  })

  it.each([`import { spawn } from 'node:child_process'`, `spawn('ls', [], { shell: false })`])(
    'is not seen in %s',
    (code) => {
      expect(shellUses(code)).toEqual([])
    },
  )
})

function packageOf(specifier: string): string {
  const parts = specifier.split('/')
  if (specifier.startsWith('node:')) return specifier
  return parts.slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function withoutComments(rust: string): string {
  return rust.replace(/\/\/.*$/gm, '')
}
