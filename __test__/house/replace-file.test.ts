import { mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { replaceFile } from '../../scripts/replace-file.mjs'

const folder = mkdtempSync(join(tmpdir(), 'llem-replace-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, content: string) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('putting a built file in place', () => {
  it('leaves whoever has the old one open with the whole old one', () => {
    const to = file('library', 'old')
    const open = openSync(to, 'r')
    replaceFile(file('made', 'new'), to)
    expect([readFileSync(open, 'utf8'), readFileSync(to, 'utf8')]).toEqual(['old', 'new'])
  })

  it('does not touch a file whose content is the same', () => {
    const to = file('same', 'content')
    const before = statSync(to)
    replaceFile(file('made', 'content'), to)
    expect(statSync(to)).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs })
  })

  it('makes the folder that is missing', () => {
    const to = join(folder, 'sim/libnvidia-ml.so.1')
    replaceFile(file('made', 'new'), to)
    expect(readFileSync(to, 'utf8')).toBe('new')
  })
})
