import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { warning } from '../../dist/results/findings.js'
import { COLUMNS } from '../../dist/results/flat-row.js'
import { llem } from '../native/llem.js'
import { installPyarrow, readParquet, runPython } from '../native/pyarrow.js'
import { scratchFolder, textFile } from '../native/scenario.js'
import { made } from '../report/made-results.js'
import { fixtureJson, placed, written } from '../results/fixtures.js'

let missing: string | null
beforeAll(() => {
  missing = installPyarrow()
}, 180_000)
const needsPyarrow = (context: TestContext) => {
  if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
}

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const NAMES = COLUMNS.map(({ name }) => name)
const experiment = fixtureJson('run')

/** A label that every quoting must survive. */
const LABEL = 'a "label", with a comma;\nand a line'

/** Results at several depths: an experiment with an odd label, a command, and a run that did not end well. */
function results(): string {
  const folder = scratchFolder()
  written(join(folder, 'a/run-1/result.json'), { ...experiment, experiment_name: LABEL })
  placed('exec', join(folder, 'b/deeper/exec-1'))
  placed('incomplete', join(folder, 'a/run-2'))
  return folder
}

/** What a row of an experiment must say, whatever the format. */
const EXPECTED = {
  kind: 'run',
  experiment_id: experiment.experiment_id,
  experiment_name: LABEL,
  simulated: true,
  exit_code: null,
  input_tokens: experiment.input_tokens,
  energy_j: experiment.total_energy_j,
  energy_per_output_token_j: experiment.energy_per_output_token_j,
  energy_adjusted_j: experiment.energy_breakdown.adjusted_j,
  ttft_p95_ms: experiment.latency.ttft_ms.p95,
  mean_power_w: experiment.energy.devices[0].mean_power_w,
  carbon_gco2e: null,
  gpu_names: 'NVIDIA H200',
  warmup_converged: experiment.warmup_result.converged,
  effective_config: JSON.stringify(experiment.effective_config),
}

describe('llem export', () => {
  it('writes CSV that another reader reads back, with empty cells for what is unknown', async (context) => {
    needsPyarrow(context)
    const folder = results()
    const { code, stdout, stderr } = await llem(['export', folder])
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: 'Exported 2 results as csv, 1 incomplete run left out.\n',
    })
    const script = `
import csv, json, sys
print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline="")))))`
    const [row, command, ...others] = JSON.parse(runPython(script, textFile('out.csv', stdout)))
    expect(others).toEqual([])
    expect(Object.keys(row)).toEqual(NAMES)
    const cells = Object.entries(EXPECTED).map(([name, cell]) => [name, cell === null ? '' : String(cell)])
    expect(row).toMatchObject(Object.fromEntries(cells))
    expect(command).toMatchObject({ kind: 'exec', exit_code: '0', command: '["sleep","0.6"]', model: '' })
  })

  it('writes JSON lines with null for what is unknown', async () => {
    const { code, stdout } = await llem(['export', results(), '--format', 'jsonl'])
    expect(code).toBe(0)
    const rows = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows).toHaveLength(2)
    for (const row of rows) expect(Object.keys(row)).toEqual(NAMES)
    expect(rows[0]).toMatchObject(EXPECTED)
    expect(rows[1]).toMatchObject({ kind: 'exec', model: null, energy_method: 'integral', simulated: true })
  })

  it('writes Parquet that pyarrow reads, with null and types', async (context) => {
    needsPyarrow(context)
    const path = join(scratchFolder(), 'out.parquet')
    const { code, stdout, stderr } = await llem(['export', results(), '-o', path])
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toBe(`Exported 2 results as parquet to ${path}, 1 incomplete run left out.\n`)
    const { schema, metadata, columns } = readParquet(path)
    expect(metadata).toMatchObject({ 'llem.schema_version': '3.2.0' })
    const types = {
      text: 'string',
      integer: 'int64',
      number: 'double',
      boolean: 'bool',
      time: 'timestamp[ms, tz=UTC]',
    }
    expect(schema).toEqual(COLUMNS.map(({ name, type }) => [name, types[type], true]))
    const row = Object.fromEntries(Object.entries(columns).map(([name, cells]) => [name, cells[0]]))
    expect(row).toMatchObject(EXPECTED)
    expect(columns.model).toEqual(['tiny-random.gguf', null])
  })

  it('writes times as timestamps of Parquet, and as ISO 8601 elsewhere', async (context) => {
    needsPyarrow(context)
    const path = join(scratchFolder(), 'out.parquet')
    const folder = results()
    await llem(['export', folder, '-o', path])
    const script = `
import sys, pyarrow.parquet as parquet
print(parquet.read_table(sys.argv[1])["started_at"][0].as_py().isoformat(timespec="milliseconds"))`
    expect(runPython(script, path).trim()).toBe(experiment.started_at.replace('Z', '+00:00'))
    const { stdout } = await llem(['export', folder, '--format', 'jsonl'])
    expect(JSON.parse(stdout.split('\n')[0] ?? '').started_at).toBe(experiment.started_at)
  })

  it('has the load, the failures, the phases, the steady state and the findings of a run', async () => {
    const folder = scratchFolder()
    made(join(folder, 'run'), {
      name: 'x',
      change: (result) => {
        result.findings = [
          warning('sample_gap', 'a gap'),
          { ...warning('cpu_estimated', 'a note'), severity: 'info' },
        ]
        result.phases = {
          prefill: {
            energy_j: 10,
            uncertainty_j: 1,
            duration_s: 1,
            requests: 4,
            left_out: 0,
            input_tokens: 100,
            j_per_input_token: 0.1,
          },
          decode: null,
          ...{ mixed_j: 3, idle_j: 2, unattributable_j: 5, reason: 'decode: too short' },
        }
        for (const each of result.process_results) each.failures = 2
      },
    })
    const { stdout } = await llem(['export', folder, '--format', 'jsonl'])
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ prefill_j: 10, prefill_uncertainty_j: 1, prefill_per_input_token_j: 0.1, decode_j: null },
      ...{ mixed_phases_j: 3, no_request_j: 2, unattributable_j: 5, phases_reason: 'decode: too short' },
      ...{ failed_requests: 2, concurrency: null, steady_s: null },
      ...{ finding_codes: '["cpu_estimated","sample_gap"]', warnings: 1, notes: 1 },
    })
  })

  it('writes no formula into a CSV: a text that begins like one is text, and numbers stay numbers', async (context) => {
    needsPyarrow(context)
    const folder = scratchFolder()
    const formulas = ['=cmd|calc', '+1', '-1', '@SUM(A1)', '\t=1', '\uff1d1']
    for (const [at, name] of formulas.entries()) made(join(folder, `run-${at}`), { name, model: name })
    made(join(folder, 'run-9'), {
      name: 'negative',
      change: ({ energy }) => {
        if (energy !== null) energy.residual_pct = -1.5
      },
    })
    const { stdout } = await llem(['export', folder])
    const script = `
import csv, json, sys
print(json.dumps(list(csv.DictReader(open(sys.argv[1], newline="")))))`
    const rows: Record<string, string>[] = JSON.parse(runPython(script, textFile('out.csv', stdout)))
    expect(rows.slice(0, -1).map(({ model }) => model)).toEqual(formulas.map((text) => `'${text}`))
    expect(rows.at(-1)?.energy_residual_pct).toBe('-1.5')
  })

  it('writes the same bytes to a pipe as to a file', async () => {
    const folder = results()
    const path = join(scratchFolder(), 'out.parquet')
    await llem(['export', folder, '-o', path])
    const { status, stdout } = spawnSync(process.execPath, [BIN, 'export', folder, '--format', 'parquet'])
    expect(status).toBe(0)
    expect(stdout.equals(readFileSync(path))).toBe(true)
  })

  it('says what it cannot read, writes the rest, and ends with 1', async () => {
    const folder = results()
    written(join(folder, 'c/result.json'), '{"schema_version": "3.0.0", "kind": "exec"')
    written(join(folder, 'd/result.json'), { ...experiment, schema_version: '9.0.0' })
    const { code, stdout, stderr } = await llem([
      'export',
      folder,
      join(folder, 'nowhere'),
      '--format',
      'jsonl',
    ])
    expect(code).toBe(1)
    expect(stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(stderr.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/There is no folder \S+nowhere\. .*\[FOLDER_UNREADABLE\]$/),
      expect.stringMatching(/c\/result\.json is no result of llem: .*\[RESULT_INVALID\]$/),
      expect.stringMatching(/d\/result\.json has schema 9\.0\.0, which is newer.*\[RESULT_NEWER\]$/),
      'Exported 2 results as jsonl, 1 incomplete run left out.',
    ])
  })

  it('exports a folder once, however often and however it is named', async () => {
    const folder = scratchFolder()
    const dir = placed('run', join(folder, 'run'))
    symlinkSync(folder, join(folder, 'again'))
    const { stdout } = await llem(['export', folder, dir, join(dir, 'result.json'), '--format', 'jsonl'])
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
  })

  it('says nothing with -q', async () => {
    expect(await llem(['export', results(), '-q'])).toMatchObject({ code: 0, stderr: '' })
  })

  it('finds no result in an empty folder, and leaves no file', async () => {
    const folder = scratchFolder()
    mkdirSync(join(folder, 'empty'))
    const path = join(folder, 'out.csv')
    const { code, stderr } = await llem(['export', join(folder, 'empty'), '-o', path])
    expect({ code, there: existsSync(path) }).toEqual({ code: 2, there: false })
    expect(stderr).toContain('[RESULT_MISSING]')
  })

  it.for([
    [['--format', 'parqet'], 'Did you mean parquet? [FORMAT_UNKNOWN]'],
    [['--format', 'xml'], 'Leave it away for CSV. [FORMAT_UNKNOWN]'],
  ] as const)('refuses %j', async ([args, hint]) => {
    const { code, stdout, stderr } = await llem(['export', results(), ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.trimEnd().endsWith(hint)).toBe(true)
  })

  it('has columns in snake case, each once', () => {
    expect(new Set(NAMES).size).toBe(NAMES.length)
    expect(NAMES.filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name))).toEqual([])
  })
})
