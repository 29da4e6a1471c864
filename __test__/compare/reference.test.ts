// References in files, of results that an older llem really wrote.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkedName, listReferences, readSide, saveReference } from '../../dist/compare/reference.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { placed } from '../results/fixtures.js'

function folders() {
  const folder = scratchFolder()
  return { dir: join(folder, 'refs'), result: placed('run', join(folder, 'a-run')), folder }
}

describe('a reference', () => {
  it('has the numbers of what it was made of, also once that is gone', async () => {
    const { dir, result } = folders()
    const { file, replaced, reference } = await saveReference('main', result, dir)
    expect([file, replaced]).toEqual([join(dir, 'main.json'), false])
    for (const typed of ['main', '@main', file]) {
      const { name, series } = readSide(typed, dir)
      expect([name, series]).toEqual(['main', reference.series])
    }
    expect(readSide(result).series[0]?.runs[0]?.values).toEqual(reference.series[0]?.runs[0]?.values)
    expect((await saveReference('main', result, dir)).replaced).toBe(true)
    expect(readdirSync(dir)).toEqual(['main.json'])
  })

  it.each(['../main', 'a/b', '', '.hidden', 'a b', '-x', 'x'.repeat(65), 'a\nb', 'C:\\x'])(
    'is never kept under %j, which is no plain name',
    async (name) => {
      const { dir, result } = folders()
      await expect(saveReference(name, result, dir)).rejects.toMatchObject({ code: 'REFERENCE_NAME_INVALID' })
      expect(() => readSide(`@${name}`, dir)).toThrow(/is no name of a reference/)
      expect(existsSync(dir)).toBe(false)
    },
  )

  it('gets a name that would do instead', () => {
    expect(() => checkedName('feature/int8 weights')).toThrow(
      expect.objectContaining({ hint: 'Use feature-int8-weights.' }),
    )
  })

  it('that is damaged is told, and costs the list no other', async () => {
    const { dir, result } = folders()
    await saveReference('good', result, dir)
    writeFileSync(join(dir, 'torn.json'), '{"reference_version": 1, "series": [')
    writeFileSync(join(dir, 'young.json'), '{"reference_version": 2}')
    const { references, problems } = listReferences(dir)
    expect(references.map(({ name }) => name)).toEqual(['good'])
    expect(problems).toEqual([expect.stringContaining('torn.json'), expect.stringContaining('young.json')])
    expect(() => readSide('torn', dir)).toThrow(expect.objectContaining({ code: 'REFERENCE_DAMAGED' }))
  })
})

describe('llem reference', () => {
  it('saves, lists and removes, and `llem compare` finds it by its name', async () => {
    const { folder, result } = folders()
    const other = placed('run', join(folder, 'another-run'))
    const run = (...args: string[]) =>
      llem(args, { cwd: folder, env: { XDG_DATA_HOME: join(folder, 'data') } })
    expect(await run('reference', 'list')).toMatchObject({ code: 0, stdout: '' })
    const saved = await run('reference', 'save', 'main', result)
    expect([saved.code, saved.stderr]).toEqual([
      0,
      expect.stringMatching(/^Saved main: 1 experiment, 1 run, in .*main\.json\.$/m),
    ])
    const { stdout } = await run('reference', 'list', '--json')
    expect(JSON.parse(stdout).references).toMatchObject([{ name: 'main', experiments: [{ runs: 1 }] }])
    const compared = await run('compare', 'main', other, '--metric', 'output_tokens_per_second', '--json')
    expect(JSON.parse(compared.stdout)).toMatchObject({ a: 'main', b: 'another-run' })
    mkdirSync(join(folder, 'main'))
    const unclear = await run('compare', 'main', other)
    expect([unclear.code, unclear.stderr]).toEqual([
      2,
      expect.stringContaining('Type @main for the reference, ./main for the folder. [REFERENCE_UNCLEAR]'),
    ])
    const mistyped = await run('reference', 'remove', 'mian')
    expect([mistyped.code, mistyped.stderr]).toEqual([
      2,
      expect.stringContaining('Did you mean main? [REFERENCE_MISSING]'),
    ])
    expect((await run('reference', 'remove', 'main')).code).toBe(0)
    expect((await run('reference')).stderr).toContain('No reference is kept in')
  })
})
