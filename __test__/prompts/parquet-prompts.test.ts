import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { loadPrompts } from '../../dist/prompts/load.js'
import { readParquetFile, type TablePrompts } from '../../dist/prompts/parquet-file.js'
import { installPyarrow, runPython } from '../native/pyarrow.js'
import { scratchFolder } from '../native/scenario.js'

// Files that pyarrow wrote, as the hub has them.

let missing: string | null
beforeAll(() => {
  missing = installPyarrow()
}, 180_000)

const WRITE = `
import sys
import pyarrow as arrow, pyarrow.parquet as parquet
path, expression, options = sys.argv[1:]
parquet.write_table(arrow.table(eval(expression)), path, **eval(options))
`

/** Writes a table, a Python expression of columns, with options of pyarrow.parquet.write_table. */
function table(columns: string, options = '{}'): string {
  const path = join(scratchFolder(), 'table.parquet')
  runPython(WRITE, path, columns, options)
  return path
}

const texts = async (path: string, column: string | null = null, needed = 3) =>
  textsOf(await readParquetFile(path, { column, needed }))
const textsOf = ({ prompts }: TablePrompts) => prompts.map(({ prompt }) => prompt.text)

describe.for(['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4'])(
  'a file compressed with %s',
  (compression) => {
    it('gives the text of its rows, over several row groups', async (context) => {
      if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
      const rows = '{"id": list(range(1000)), "text": [f"row {i} äöü" for i in range(1000)]}'
      const path = table(rows, `{"compression": "${compression}", "row_group_size": 300}`)
      const read = await readParquetFile(path, { column: null, needed: 700 })
      expect(textsOf(read)).toEqual(Array.from({ length: 700 }, (_, index) => `row ${index} äöü`))
      expect(read).toMatchObject({ column: 'text', empty: 0, complete: false })
      expect(await readParquetFile(path, { column: null, needed: 5000 })).toMatchObject({ complete: true })
    })
  },
)

describe('a Parquet file', () => {
  it('is read no further than needed: what is damaged behind that does not matter', async (context) => {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    const path = table(
      '{"noise": [str(i) * 50 for i in range(1000)], "text": [f"row {i}" for i in range(1000)]}',
      '{"row_group_size": 100, "compression": "none", "use_dictionary": False, "write_statistics": False}',
    )
    const bytes = readFileSync(path)
    const second = bytes.indexOf('row 100')
    expect(second).toBeGreaterThan(0)
    bytes.fill(0xff, second - 40, bytes.lastIndexOf('row 999'))
    // Neither is the other column.
    bytes.fill(0xff, bytes.indexOf('1'.repeat(50)), bytes.indexOf('1'.repeat(50)) + 40)
    writeFileSync(path, bytes)
    expect(await texts(path, 'text', 100)).toHaveLength(100)
    await expect(texts(path, 'text', 101)).rejects.toMatchObject({ code: 'PROMPTS_INVALID' })
  })

  it.for([
    ['a list of messages', '[[{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]] * 4'],
    ['ShareGPT', '[[{"from": "human", "value": "u"}, {"from": "gpt", "value": "g"}]] * 4'],
    ['a struct of lists', '[{"role": ["system", "user"], "content": ["s", "u"]}] * 4'],
  ] as const)(
    'with %s gives the first message of the user, and what the system was told',
    async ([what, column], context) => {
      if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
      const path = table(`{"id": ["a", "b", "c", "d"], "n": [1, 2, 3, 4], "messages": ${column}}`)
      const { prompts } = await readParquetFile(path, { column: null, needed: 3 })
      const told = what === 'ShareGPT' ? {} : { system: 's' }
      expect(prompts.map(({ prompt }) => prompt)).toEqual(Array(3).fill({ ...told, text: 'u' }))
    },
  )

  it('joins an instruction with its input, takes the first of several turns and a system beside it', async (context) => {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    const alpaca = table('{"instruction": ["Sum", "Ask"], "input": ["1 2", ""], "output": ["3", "x"]}')
    const read = await loadPrompts(alpaca, { count: 2, warmup: 0 })
    expect(read.prompts).toEqual([{ text: 'Sum\n\n1 2' }, { text: 'Ask' }])
    expect(read.taken).toEqual([
      { from: 'instruction+input', as: 'text', count: 1 },
      { from: 'instruction', as: 'text', count: 1 },
    ])
    const turns = table('{"id": [1], "turns": [["one", "two"]], "system": ["s"], "category": ["c"]}')
    expect((await loadPrompts(turns, { count: 1, warmup: 0 })).prompts).toEqual([
      { system: 's', text: 'one' },
    ])
  })

  it('skips rows without text and counts them', async (context) => {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    const path = table('{"text": [None, "a", "", "b", "  ", "c", "d"]}')
    const { prompts, warmup, notes, column, source } = await loadPrompts(path, { count: 3, warmup: 1 })
    expect([...prompts, ...warmup].map(({ text }) => text)).toEqual(['a', 'b', 'c', 'd'])
    expect({ notes, column, source }).toEqual({
      notes: [`3 rows of ${path} have no prompt and are left out`],
      column: 'text',
      source: path,
    })
  })

  it.for([
    ['an unknown column', '{"prompt": ["p"]}', 'promt', 'DATASET_COLUMN_UNKNOWN', 'Did you mean prompt?'],
    [
      'a column of numbers',
      '{"prompt": ["p"], "n": [1]}',
      'n',
      'DATASET_COLUMN_NOT_TEXT',
      'dataset.column: prompt',
    ],
    ['two texts', '{"a": ["a"], "b": ["b"]}', null, 'DATASET_COLUMN_UNCLEAR', 'dataset.column: a, b'],
    [
      'no text at all',
      '{"a": [1.5]}',
      null,
      'DATASET_COLUMN_UNCLEAR',
      'None of its columns is text: a (DOUBLE)',
    ],
    ['too few rows', '{"text": ["a"]}', null, 'DATASET_TOO_SMALL', 'Set n_prompts to 1 or less.'],
  ] as const)(
    'with %s is an error that says what to do',
    async ([, columns, column, code, hint], context) => {
      if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
      const dataset = { column, order: 'interleaved' as const, seed: 1, max_input_tokens: null }
      const loading = loadPrompts(table(columns), { count: 2, warmup: 0, dataset })
      await expect(loading).rejects.toMatchObject({
        code,
        kind: 'usage',
        hint: expect.stringContaining(hint),
      })
    },
  )

  it.for([
    ['is cut off', (path: string) => truncateSync(path, 300)],
    ['is something else', (path: string) => writeFileSync(path, 'text\n'.repeat(100))],
    ['is empty', (path: string) => writeFileSync(path, '')],
    ['is not there', (path: string) => rmSync(path)],
  ] as const)('that %s is an error', async ([, spoil], context) => {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    const path = table('{"text": [f"row {i}" for i in range(100)]}')
    spoil(path)
    await expect(loadPrompts(path, { count: 1, warmup: 0 })).rejects.toMatchObject({
      code: 'PROMPTS_INVALID',
      kind: 'usage',
    })
  })
})
