// The modules of crates/meter use only those that ARCHITECTURE.md names before them, so that there is no circle.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './sources.js'

const source = join(root, 'crates/meter/src')
const sentence = /Modules of `crates\/meter`,.*?:\s+((?:`\w+`[,.]?\s*)+)/s
const order = [
  ...(sentence.exec(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))?.[1] ?? '').matchAll(/`(\w+)`/g),
].map(([, name]) => name ?? '')

/** What a file uses of the crate, its tests left out. */
function usedBy(code: string): string[] {
  const [own = ''] = code.split(/#\[cfg\((?:all\()?test/)
  const single = [...own.matchAll(/\bcrate::(\w+)/g)].map(([, name]) => name ?? '')
  const several = [...own.matchAll(/\buse crate::\{([^}]*)\}/g)].flatMap(([, names = '']) =>
    [...names.matchAll(/(?:^|,)\s*(\w+)/g)].map(([, name]) => name ?? ''),
  )
  return [...single, ...several]
}

/** "energy uses source", for each use of a module that does not come before. */
function violations(files: readonly { path: string; code: string }[], modules: readonly string[]): string[] {
  const found = files.flatMap(({ path, code }) => {
    const own = (path.split(sep)[0] ?? '').replace(/\.rs$/, '')
    if (own === 'lib') return []
    const allowed = modules.slice(0, Math.max(0, modules.indexOf(own)))
    return usedBy(code)
      .filter((name) => name !== own && modules.includes(name) && !allowed.includes(name))
      .map((name) => `${own} uses ${name}`)
  })
  return [...new Set(found)]
}

describe('the modules of crates/meter', () => {
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.rs') && !/tests?\.rs$/.test(path))
    .map((path) => ({ path: relative('.', path), code: readFileSync(join(source, path), 'utf8') }))

  it('are all in the order, and nothing else is', () => {
    const declared = readFileSync(join(source, 'lib.rs'), 'utf8').matchAll(/^(?:pub )?mod (\w+);/gm)
    const names = [...declared].map(([, name]) => name ?? '').filter((name) => !/tests?$/.test(name))
    expect([...order].sort()).toEqual(names.sort())
  })

  it('use only those before them', () => {
    expect(files.length).toBeGreaterThan(60)
    expect(violations(files, order)).toEqual([])
  })

  it('would be told otherwise', () => {
    const told = violations(
      [
        { path: 'a.rs', code: 'use crate::{b::X, c};' },
        { path: join('b', 'x.rs'), code: 'let y = crate::a::y();\n#[cfg(test)]\nuse crate::c::Z;' },
      ],
      ['a', 'b', 'c'],
    )
    expect(told).toEqual(['a uses b', 'a uses c'])
  })
})
