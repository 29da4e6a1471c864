// What the guide shows of tables is run over a table that llem exports.

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { llem } from '../native/llem.js'
import { pythonWithReaders } from '../native/pyarrow.js'
import { scratchFolder } from '../native/scenario.js'
import { made } from '../report/made-results.js'

const guide = readFileSync(fileURLToPath(new URL('../../docs/guide/results.md', import.meta.url)), 'utf8')
const examples = [...guide.matchAll(/^```python\n(.*?)^```$/gms)].map(([, code = '']) => ({
  code,
  reader: /^import (duckdb|pandas|polars)$/m.exec(code)?.[1] ?? '',
}))

let readers: ReturnType<typeof pythonWithReaders>
let folder = ''
beforeAll(async () => {
  readers = pythonWithReaders()
  folder = scratchFolder()
  for (const [at, joules] of [0.2, 0.8].entries())
    made(join(folder, `results/run-${at}`), { name: 'x', hash: 'one', joulesPerToken: joules })
  made(join(folder, 'results/simulated'), { name: 'x', hash: 'one', joulesPerToken: 9, simulated: true })
  for (const name of ['results.parquet', 'results.csv'])
    expect(await llem(['export', join(folder, 'results'), '-o', join(folder, name)])).toMatchObject({
      code: 0,
    })
}, 300_000)

// Their first import reads a few hundred files from a disk.
describe('the examples of the guide', { timeout: 120_000 }, () => {
  it('are of DuckDB, pandas and polars', () => {
    expect(examples.map(({ reader }) => reader)).toEqual(['duckdb', 'pandas', 'polars'])
  })

  it.each(examples)('compute the geometric mean of the real runs in $reader', ({ code }) => {
    if ('missing' in readers) throw new Error(`they cannot be installed: ${readers.missing}`)
    const { status, stdout, stderr } = spawnSync(readers.python, ['-c', code], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect({ status, stderr }).toMatchObject({ status: 0 })
    // Of 0.2 and 0.8: their root of the product.
    expect(stdout).toMatch(/\b0\.4(0*\b|0{6})/)
  })
})

describe('the text format of Prometheus', { timeout: 120_000 }, () => {
  it('is in base units, and its own reader reads it', async () => {
    const own = scratchFolder()
    made(join(own, 'run'), { name: 'a "quoted" \\ name\nof two lines', joulesPerToken: 0.5, ttftMs: 20 })
    const path = join(scratchFolder(), 'llem.prom')
    expect(await llem(['export', own, '-o', path])).toMatchObject({ code: 0 })
    const script = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
print(json.dumps([[s.name, s.labels, s.value] for f in text_string_to_metric_families(open(sys.argv[1]).read()) for s in f.samples]))`
    if ('missing' in readers) throw new Error(`its reader cannot be installed: ${readers.missing}`)
    const samples: [string, Record<string, string>, number][] = JSON.parse(
      execFileSync(readers.python, ['-c', script, path], { encoding: 'utf8' }),
    )
    const sampleOf = (name: string) => samples.find(([each]) => each === name)?.[2]
    expect(sampleOf('llem_energy_per_output_token_joules')).toBe(0.5)
    expect(sampleOf('llem_ttft_p50_seconds')).toBeCloseTo(0.02, 12)
    expect(sampleOf('llem_output_tokens_per_second')).toBe(1000)
    expect(sampleOf('llem_started_at_timestamp_seconds')).toBe(Date.parse('2026-11-22T10:00:00.000Z') / 1000)
    // What is unknown has no sample.
    expect(sampleOf('llem_cost')).toBeUndefined()
    expect(samples[0]?.[1]).toMatchObject({
      experiment_name: 'a "quoted" \\ name\nof two lines',
      model: 'model.gguf',
      kind: 'run',
    })
  })
})
