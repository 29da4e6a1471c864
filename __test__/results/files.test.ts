import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { newExperimentId, prepareOutputDir, writeJsonAtomically } from '../../dist/results/files.js'
import { scratchFolder } from '../native/scenario.js'

describe('ids', () => {
  it.for(['llamacpp', 'a/b', '../../etc', 'Ünï cödé 漢字', '', '...', 'x'.repeat(200), 'a b\tc'])(
    'are names of folders, also for the label %j',
    (label) => {
      const id = newExperimentId(label)
      expect(id).toMatch(/^\d{8}-\d{6}-([A-Za-z0-9_][A-Za-z0-9._-]{0,39}-)?[0-9a-f]{10}$/)
      expect(id.length).toBeLessThan(80)
    },
  )

  it('do not collide: 1000 of one moment differ', () => {
    const now = new Date()
    expect(new Set(Array.from({ length: 1000 }, () => newExperimentId('x', now))).size).toBe(1000)
  })

  it('sort by time', () => {
    const [early, late] = ['2025-01-02T03:04:05Z', '2025-11-02T03:04:05Z'].map((time) =>
      newExperimentId('x', new Date(time)),
    )
    expect(String(early) < String(late)).toBe(true)
    expect(early).toMatch(/^20250102-030405-x-/)
  })
})

describe('the output folder', () => {
  it('is made with those above it', () => {
    const path = join(scratchFolder(), 'a', 'b', 'c')
    expect(prepareOutputDir(path)).toBe(path)
    expect(existsSync(path)).toBe(true)
  })

  it.for([
    ['is a regular file', (): string => file()],
    ['is below a regular file', (): string => join(file(), 'results')],
    ['is in a file system without new folders', (): string => '/proc/llem-test/results'],
  ] as const)('is refused where it %s, as an error of usage', ([, path]) => {
    expect(() => prepareOutputDir(path())).toThrow(
      expect.objectContaining({
        code: 'OUTPUT_NOT_WRITABLE',
        kind: 'usage',
        hint: expect.stringContaining('choose another folder with -o.'),
      }),
    )
  })

  function file(): string {
    const path = join(scratchFolder(), 'file')
    writeFileSync(path, '')
    return path
  }
})

describe('writing JSON', () => {
  it('replaces what was there', async () => {
    const path = join(scratchFolder(), 'x.json')
    await writeJsonAtomically(path, { a: 1 })
    await writeJsonAtomically(path, { a: 2 })
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ a: 2 })
  })

  it('leaves the old file and no temporary one when it fails', async () => {
    const folder = scratchFolder()
    const path = join(folder, 'x.json')
    mkdirSync(path)
    await expect(writeJsonAtomically(path, {})).rejects.toMatchObject({ code: 'RESULT_NOT_WRITTEN' })
    expect(readdirSync(folder)).toEqual(['x.json'])
  })

  it('survives many writers of one file', async () => {
    const folder = scratchFolder()
    const path = join(folder, 'x.json')
    await Promise.all(Array.from({ length: 20 }, (_, writer) => writeJsonAtomically(path, { writer })))
    expect(readdirSync(folder)).toEqual(['x.json'])
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ writer: expect.any(Number) })
  })
})
