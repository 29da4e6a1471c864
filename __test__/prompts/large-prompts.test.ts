import { execFileSync } from 'node:child_process'
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installPyarrow, runPython } from '../native/pyarrow.js'
import { scratchFolder } from '../native/scenario.js'

// Large files cost no more memory than small ones. With LLEM_TEST_LARGE=1 the files have 560 MB and 2 GB.

const IS_LARGE = process.env.LLEM_TEST_LARGE === '1'
const JSONL_BYTES = (IS_LARGE ? 560 : 80) * 1e6
const PARQUET_BYTES = (IS_LARGE ? 2000 : 200) * 1e6
/** Two groups of rows as text, and what V8 has not collected yet, which on a busy machine is more. */
const MAX_RSS_BYTES = 500e6
const FIRST_CPU_MS = 2000
const LOAD = fileURLToPath(new URL('../../dist/prompts/load.js', import.meta.url))
const folder = scratchFolder()

/** Loads prompts in a process of its own: its CPU time, and the most memory it had. */
function load(
  path: string,
  count: number,
): { cpuMs: number; rssBytes: number; loaded: number; chars: number } {
  const script = `
    import { loadPrompts } from ${JSON.stringify(LOAD)}
    const { prompts } = await loadPrompts(${JSON.stringify(path)}, { count: ${count}, warmup: 0 })
    console.log(JSON.stringify({
      cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1000,
      rssBytes: process.resourceUsage().maxRSS * 1024,
      loaded: prompts.length,
      chars: prompts.reduce((sum, { text }) => sum + text.length, 0),
    }))`
  const told = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  if (IS_LARGE) console.log(`${path}, ${count} prompts: ${told.trim()}`)
  return JSON.parse(told)
}

describe('a large .jsonl file of conversations', () => {
  const path = join(folder, 'large.jsonl')
  const answer = 'a'.repeat(5400)
  const line = (index: number) =>
    `${JSON.stringify({
      messages: [
        { role: 'user', content: `question ${index} `.repeat(10) },
        { role: 'assistant', content: answer },
      ],
    })}\n`
  let lines = 0
  beforeAll(() => {
    const file = openSync(path, 'w')
    for (let bytes = 0; bytes < JSONL_BYTES; ) {
      let block = ''
      for (let each = 0; each < 200; each += 1) block += line(lines++)
      bytes += writeSync(file, block)
    }
    closeSync(file)
  })
  afterAll(() => rmSync(path, { force: true }))

  it('gives its first prompts at once', () => {
    const { cpuMs, rssBytes, loaded } = load(path, 5)
    expect(loaded).toBe(5)
    expect(cpuMs).toBeLessThan(FIRST_CPU_MS)
    expect(rssBytes).toBeLessThan(MAX_RSS_BYTES)
  })

  it('is read to its end in little memory', () => {
    expect(statSync(path).size).toBeGreaterThan(JSONL_BYTES)
    const { rssBytes, loaded } = load(path, lines - 5)
    expect(loaded).toBe(lines - 5)
    expect(rssBytes).toBeLessThan(MAX_RSS_BYTES)
  }, 120_000)
})

it('a large .json list is read entry by entry, however it is written', () => {
  const path = join(folder, 'large.json')
  const entry = {
    id: 'x',
    conversations: [
      { from: 'human', value: 'Who? '.repeat(40) },
      { from: 'gpt', value: 'a"}]'.repeat(1300) },
    ],
  }
  const text = JSON.stringify(entry, null, 2)
  const file = openSync(path, 'w')
  let entries = 0
  for (let bytes = writeSync(file, '['); bytes < JSONL_BYTES; entries += 100)
    bytes += writeSync(file, `${entries === 0 ? '' : ','}\n${Array(100).fill(text).join(',\n')}`)
  writeSync(file, '\n]\n')
  closeSync(file)
  const first = load(path, 5)
  const all = load(path, entries)
  rmSync(path)
  expect(first.cpuMs).toBeLessThan(FIRST_CPU_MS)
  expect(all.loaded).toBe(entries)
  expect(Math.max(first.rssBytes, all.rssBytes)).toBeLessThan(MAX_RSS_BYTES)
}, 120_000)

const WRITE = `
import sys, os
import pyarrow as arrow, pyarrow.parquet as parquet
path, size, column = sys.argv[1], int(sys.argv[2]), sys.argv[3]
rows = 12000
writer = None
written = 0
while written < size:
    noise = os.urandom(1500).hex()
    texts = [f"prompt {written} {i} " + noise[i % 1000:] + noise[: 2000] for i in range(rows)]
    talks = [[{"role": "user", "content": text[:2000]}, {"role": "assistant", "content": text[2000:]}] for text in texts]
    table = arrow.table({"id": list(range(rows)), column: texts if column == "text" else talks})
    writer = writer or parquet.ParquetWriter(path, table.schema, compression="none", use_dictionary=False)
    writer.write_table(table, row_group_size=rows)
    written += sum(map(len, texts))
writer.close()
file = parquet.ParquetFile(path)
print(max(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)))
`

describe.each(['text', 'messages'])('a large Parquet file of %s', (column) => {
  const path = join(folder, `large-${column}.parquet`)
  let missing: string | null
  let largestGroupBytes = 0
  beforeAll(() => {
    missing = installPyarrow()
    if (missing === null) largestGroupBytes = Number(runPython(WRITE, path, String(PARQUET_BYTES), column))
  }, 180_000)
  afterAll(() => rmSync(path, { force: true }))

  it.for([
    ['its first prompts at once', 5],
    ['prompts of several row groups', 30_000],
  ] as const)('gives %s in little memory', ([, count], context) => {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    expect(largestGroupBytes).toBeGreaterThan(40e6)
    expect(largestGroupBytes).toBeLessThan(64e6)
    const { cpuMs, rssBytes, loaded } = load(path, count)
    expect(loaded).toBe(count)
    if (count === 5) expect(cpuMs).toBeLessThan(FIRST_CPU_MS)
    expect(rssBytes).toBeLessThan(MAX_RSS_BYTES)
  })
})
