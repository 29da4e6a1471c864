import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readImportTable, violations } from './import-table.js'
import { importsOf } from './imports.js'
import { root, sourceFiles } from './sources.js'

const table = readImportTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))

describe('src/', () => {
  it('imports only what the table of ARCHITECTURE.md allows', () => {
    const found = sourceFiles().flatMap(({ path, code }) => violations(table, path, importsOf(code)))
    expect(found).toEqual([])
  })

  it('has a row for every folder, and a folder for every row', () => {
    const places = new Set(sourceFiles().map(({ path }) => path.split('/')[0]))
    expect([...table.keys()].sort()).toEqual([...places].sort())
  })
})

describe('the rule', () => {
  const small = readImportTable(`## Who may import whom
| folder | what it is | may import |
|---|---|---|
| \`core/\` | words | - |
| \`cli/\` | argv | core |
| \`index.ts\` | the library | everything |
`)

  it.each([
    ['a static import', `import { x } from '../cli/x.js'`],
    ['an import for its effect', `import '../cli/x.js'`],
    ['a re-export', `export * from '../cli/x.js'`],
    ['a dynamic import', `const x = await import('../cli/x.js')`],
    ['an import of a type', `import type { X } from '../cli/x.js'`],
    ['a type in place', `let x: import('../cli/x.js').X`],
    ['a require', `const x = require('../cli/x.js')`],
    ['an import with require', `import x = require('../cli/x.js')`],
  ])('refuses %s', (_, code) => {
    expect(violations(small, 'core/a.ts', importsOf(`\n${code}\n`))).toEqual([
      'src/core/a.ts:2: `core` may not import `cli/x.js`',
    ])
  })

  it.each([
    ['what the table allows', 'cli/a.ts', `import '../core/x.js'`],
    ['the folder itself', 'core/a/b.ts', `import '../c.js'`],
    ['packages', 'core/a.ts', `import 'zod'`],
    ['everything where the table says so', 'index.ts', `import './cli/x.js'`],
    [
      'what only looks like an import',
      'core/a.ts',
      `const text = "import '../cli/x.js'" // import '../cli/y.js'`,
    ],
  ])('allows %s', (_, file, code) => {
    expect(violations(small, file, importsOf(code))).toEqual([])
  })

  it('refuses a folder without a row', () => {
    expect(violations(small, 'new/a.ts', [])).toEqual(['src/new/a.ts: the table has no row for `new`'])
  })
})
