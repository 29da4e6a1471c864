import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import type { Check } from '../../dist/verify/check.js'
import { execOver, llem } from '../native/llem.js'
import { installPyarrow, runPython } from '../native/pyarrow.js'
import { type Gpu, gpu, randomOf, scenarioFile, scratchFolder, servingLoad } from '../native/scenario.js'
import { pathIn, run } from './experiment.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

interface Verified {
  code: number | null
  checks: Check[]
  differing: string[]
  notRecomputed: string[]
}

async function verify(dir: string): Promise<Verified> {
  const { code, stdout, stderr } = await llem(['verify', '--json', dir])
  if (stdout === '') throw new Error(`llem verify printed nothing: ${stderr}`)
  const { agrees, checks, not_recomputed: notRecomputed } = JSON.parse(stdout)
  const differing = (checks as Check[]).filter((each) => !each.agrees)
  expect(agrees).toBe(differing.length === 0)
  expect(code).toBe(agrees ? 0 : 1)
  return {
    code,
    checks,
    differing: differing.map(({ quantity, from }) => `${quantity} by ${from}`),
    // Only where the machine of the tests has RAPL.
    notRecomputed: (notRecomputed as string[]).filter((sentence) => !sentence.includes('CPU counter')),
  }
}

/** Measures GPUs for some seconds and answers the folder of the result. */
async function measured(devices: Gpu[], seconds: number, options: string[] = []): Promise<string> {
  const outputDir = scratchFolder()
  await execOver(scenarioFile(devices), ['sleep', String(seconds)], ['-o', outputDir, ...options])
  return dirname(pathIn(outputDir, 'result.json'))
}

const JOULES = [
  ...['total_j', 'integral_j', 'counter_j', 'counter_raw_j', 'uncertainty_j', 'absolute_uncertainty_j'],
]

const load = (position: number) => servingLoad(randomOf(position), 0.8, 2.6)

/** A copy of a result, to be tampered with. */
function copyOf(dir: string): string {
  const copy = join(scratchFolder(), 'copy')
  cpSync(dir, copy, { recursive: true })
  return copy
}

function edit(path: string, change: (text: string) => string): void {
  const before = readFileSync(path, 'utf8')
  const after = change(before)
  expect(after).not.toBe(before)
  writeFileSync(path, after)
}

let missing: string | null = null
let full: string
let trained: string
beforeAll(async () => {
  missing = installPyarrow()
  const [ofExec, ofRun] = await Promise.all([
    measured([gpu(0, load(0)), gpu(1, load(1))], 2.4),
    run(['--simulate'], ['n_prompts=10', 'baseline.enabled=true', 'baseline.duration_sec=5']),
  ])
  expect(ofRun.code, ofRun.stderr).toBe(0)
  full = ofExec
  trained = dirname(pathIn(ofRun.outputDir, 'result.json'))
})

describe('an untouched result verifies', () => {
  it('of llem exec over two GPUs, every joule by the samples', async () => {
    const { differing, checks, notRecomputed } = await verify(full)
    expect(differing).toEqual([])
    expect(notRecomputed).toEqual([])
    for (const name of [...JOULES, 'method'])
      for (const path of ['energy', 'energy.devices[0]', 'energy.devices[1]']) {
        const found = checks.find(
          ({ quantity, from }) => quantity === `${path}.${name}` && from === 'samples.parquet',
        )
        expect(found?.stored, `${path}.${name}`).not.toBeNull()
      }
    for (const name of ['update_period_ms', 'counter_period_ms', 'counter_first_update_ms']) {
      const quantity = `energy.devices[1].sensor.${name}`
      const found = checks.find((each) => each.quantity === quantity && each.from === 'samples.parquet')
      expect(found?.stored, quantity).toBeGreaterThanOrEqual(0)
    }
  })

  it('of llem run, with its tokens, its baseline and its joules per token', async () => {
    const { differing, checks, notRecomputed } = await verify(trained)
    expect(differing).toEqual([])
    const names = checks.map(({ quantity, from }) => `${quantity} by ${from}`)
    expect(names).toContain('energy_per_output_token_j by result.json')
    expect(names).toContain('energy_breakdown.adjusted_j by result.json')
    expect(names).toContain('output_tokens by requests.jsonl')
    expect(names).toContain('energy.total_j by samples.parquet')
    expect(names).toContain('phases.idle_j by samples.parquet')
    expect(names).toContain('request_energy.per_request_j.p95 by samples.parquet')
    expect(names).toContain('energy_j of requests.jsonl:10 by samples.parquet')
    expect(names).toContain('request_energy.total_j by requests.jsonl')
    expect(notRecomputed).toEqual([
      expect.stringContaining('the baseline power'),
      expect.stringContaining('the energy of loading'),
    ])
  })

  it.for<[string, Record<string, unknown>]>([
    ['a GPU that was lost', { faults: [{ call: 'all', from_s: 1.6, to_s: 1e9, error: 'gpu_is_lost' }] }],
    ['a counter that is stuck', { counter: { update_period_ms: 1e9 } }],
    ['a gap in the readings', { faults: [{ call: 'fields', from_s: 1.2, to_s: 2, error: 'unknown' }] }],
    [
      'averages over a second',
      { faults: [{ call: 'fields', from_s: 0, to_s: 1e9, error: 'not_supported' }] },
    ],
  ])('of %s', async ([, rest]) => {
    const { differing } = await verify(await measured([gpu(0, load(3), rest), gpu(1, load(4))], 2))
    expect(differing).toEqual([])
  })

  it('of a llem that did not tell phases, to the same joules', async (context) => {
    const dir = copyOf(full)
    const path = join(dir, 'samples.parquet')
    rewrite(context, path, 'said.pop(b"llem.first_updates_ns")')
    edit(join(dir, 'result.json'), (text) => {
      const result = JSON.parse(text)
      for (const { sensor } of result.energy.devices)
        for (const key of Object.keys(sensor).filter((name) => name.includes('first_update')))
          delete sensor[key]
      return JSON.stringify(result)
    })
    const { differing, checks } = await verify(dir)
    expect(differing).toEqual([])
    const phases = checks.filter(({ quantity }) => quantity.endsWith('first_update_ms'))
    expect(phases.map(({ stored, recomputed }) => [stored, recomputed])).toEqual(Array(4).fill([null, null]))
    const joules = (all: Check[]) => all.filter(({ quantity }) => quantity.endsWith('_j'))
    expect(joules(checks)).toEqual(joules((await verify(full)).checks))
  })

  it('without samples as far as the 1 Hz rows go, and says why the rest is not there', async () => {
    const dir = await measured([gpu(0, load(2))], 1.5, ['--no-full-rate'])
    const { differing, checks, notRecomputed } = await verify(dir)
    expect(differing).toEqual([])
    expect(checks.some(({ from }) => from === 'timeseries.parquet')).toBe(true)
    expect(notRecomputed).toEqual([expect.stringContaining('unless --no-full-rate is given')])
  })

  it('counts what it recomputed apart from what result.json says twice, and neither what is null', async () => {
    const { checks } = await verify(full)
    const known = checks.filter(({ stored, recomputed }) => stored !== null || recomputed !== null)
    const here = known.filter(({ from }) => from !== 'result.json').length
    expect(known.length).toBeLessThan(checks.length)
    const { stdout } = await llem(['verify', full])
    expect(stdout).toContain(`${here} of ${here} recomputed quantities agree.\n`)
    const twice = known.length - here
    expect(stdout).toContain(`${twice} of ${twice} sums and quotients within result.json agree.\n`)
  })

  it.for([
    [
      'another estimator',
      { estimator: 'llem-older-1' },
      /measured by estimator llem-older-1, this is llem-\S+: /,
    ],
    [
      'an older llem',
      { estimator: null, constants_hash: null },
      /measured by estimator one of an older llem, this/,
    ],
    [
      'other constants',
      { constants_hash: 'abc' },
      /with other constants \(abc, here [0-9a-f]+\): not compared/,
    ],
  ] as const)('of %s by name, which is no difference, whatever its joules', async ([, change, words]) => {
    const dir = copyOf(full)
    edit(join(dir, 'result.json'), (text) => {
      const result = JSON.parse(text)
      Object.assign(result.energy, change)
      // Consistent in itself, and not what the samples say by the estimator of this llem.
      for (const each of [result.energy, ...result.energy.devices]) each.uncertainty_j *= 1.5
      for (const device of result.energy.devices) {
        for (const part of device.uncertainty) part.standard_uncertainty_j *= part.of_board ? 1 : 1.5
        device.absolute_uncertainty_j =
          2 *
          Math.hypot(
            ...device.uncertainty.map(
              (part: { standard_uncertainty_j: number }) => part.standard_uncertainty_j,
            ),
          )
      }
      result.energy.absolute_uncertainty_j = Math.hypot(
        ...result.energy.devices.map(
          (device: { absolute_uncertainty_j: number }) => device.absolute_uncertainty_j,
        ),
      )
      return JSON.stringify(result)
    })
    const { differing, checks, notRecomputed } = await verify(dir)
    expect(differing).toEqual([])
    expect(notRecomputed).toEqual([expect.stringMatching(words)])
    expect(checks.some(({ from }) => from === 'samples.parquet')).toBe(false)
    expect(checks.some(({ from }) => from === 'timeseries.parquet')).toBe(true)
  })
})

describe('what was tampered with is named', () => {
  it('a number of result.json', async () => {
    const dir = copyOf(full)
    edit(join(dir, 'result.json'), (text) => {
      const result = JSON.parse(text)
      result.energy.devices[1].counter_j += 1e-4
      return JSON.stringify(result)
    })
    const { differing } = await verify(dir)
    expect(differing).toContain('energy.devices[1].counter_j by samples.parquet')
    expect(differing.join()).not.toContain('devices[0]')
    const { code, stdout } = await llem(['verify', dir])
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /^Differs: energy\.devices\[1\]\.counter_j is [\d.]+ in result\.json and [\d.]+ by /m,
    )
  })

  it('the phase of a counter, and no joule', async () => {
    const dir = copyOf(full)
    edit(join(dir, 'result.json'), (text) => {
      const result = JSON.parse(text)
      result.energy.devices[0].sensor.counter_first_update_ms += 1
      return JSON.stringify(result)
    })
    expect((await verify(dir)).differing).toEqual([
      'energy.devices[0].sensor.counter_first_update_ms by samples.parquet',
    ])
  })

  it('one reading of samples.parquet', async (context) => {
    const dir = copyOf(full)
    tamper(context, join(dir, 'samples.parquet'), 'power_mw', 'value + 1')
    const { differing } = await verify(dir)
    expect(differing).toContain('energy.devices[0].integral_j by samples.parquet')
    expect(differing).not.toContain('energy.devices[0].integral_j by timeseries.parquet')
  })

  it('one row of timeseries.parquet', async (context) => {
    const dir = copyOf(full)
    tamper(context, join(dir, 'timeseries.parquet'), 'power_w', 'value * 1.001')
    expect((await verify(dir)).differing).toEqual(['energy.devices[0].integral_j by timeseries.parquet'])
  })

  it('a count of tokens', async () => {
    const dir = copyOf(trained)
    edit(join(dir, 'result.json'), (text) =>
      text.replace(/("output_tokens": )(\d+)/, (_, key, n) => key + (Number(n) + 1)),
    )
    const { differing } = await verify(dir)
    expect(differing).toContain('total_tokens by result.json')
    expect(differing).toContain('energy_per_output_token_j by result.json')
    expect(differing).toContain('output_tokens by requests.jsonl')
  })

  it('the energy of one request', async () => {
    const dir = copyOf(trained)
    edit(join(dir, 'requests.jsonl'), (text) => {
      const lines = text.trimEnd().split('\n')
      const third = JSON.parse(String(lines[2]))
      lines[2] = JSON.stringify({ ...third, energy_j: third.energy_j + 1e-3 })
      return lines.join('\n')
    })
    const { differing } = await verify(dir)
    expect(differing).toEqual([
      'energy_j of requests.jsonl:3 by samples.parquet',
      'request_energy.total_j by requests.jsonl',
    ])
  })

  it('joules that are no longer all of the window’s', async () => {
    const dir = copyOf(trained)
    edit(join(dir, 'result.json'), (text) => {
      const result = JSON.parse(text)
      result.phases.mixed_j += 1e-3
      result.request_energy.idle_j += 1e-3
      return JSON.stringify(result)
    })
    expect((await verify(dir)).differing.sort()).toEqual([
      'phases.mixed_j by samples.parquet',
      'phases.unattributable_j by result.json',
      'request_energy.idle_j by samples.parquet',
      'request_energy.total_j by result.json',
    ])
  })

  it('a file that is gone', async () => {
    const dir = copyOf(full)
    rmSync(join(dir, 'samples.parquet'))
    expect((await verify(dir)).differing).toEqual(['samples_path by samples.parquet'])
  })
})

describe('what is no result', () => {
  it('is an error of usage', async () => {
    const { code, stderr } = await llem(['verify', scratchFolder()])
    expect(code).toBe(2)
    expect(stderr).toContain('[RESULT_MISSING]')
  })

  it('is said to be none, with what is wrong with it', async () => {
    const dir = copyOf(full)
    edit(join(dir, 'result.json'), (text) => text.replace(/"coverage": 1/, '"coverage": "all"'))
    const { code, stderr } = await llem(['verify', dir])
    expect(code).toBe(2)
    expect(stderr).toMatch(/energy\.(devices\.0\.)?coverage: .*\[RESULT_INVALID\]/)
  })
})

/** Writes a Parquet file again with one value in the middle of GPU 0's changed, a Python expression of `value`. */
function tamper(context: TestContext, path: string, column: string, change: string): void {
  rewrite(
    context,
    path,
    `
column = ${JSON.stringify(column)}
values = table[column].to_pylist()
rows = [row for row, gpu in enumerate(table["gpu_index"].to_pylist()) if gpu == 0 and values[row] is not None]
row = rows[len(rows) // 2]
value = values[row]
values[row] = ${change}
position = table.schema.get_field_index(column)
field = table.schema.field(position)
table = table.set_column(position, field, arrow.array(values, field.type))
`,
  )
}

/** Writes a Parquet file again after a change, in Python, of its `table` or of what is `said` in its metadata. */
function rewrite(context: TestContext, path: string, change: string): void {
  if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
  const script = `
import sys
import pyarrow as arrow, pyarrow.parquet as parquet
path = sys.argv[1]
file = parquet.ParquetFile(path)
table = file.read()
said = {key: value for key, value in file.metadata.metadata.items() if key.startswith(b"llem.")}
${change}
parquet.write_table(table.replace_schema_metadata(said), path)
`
  runPython(script, path)
}
