import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type ExecResult, execOver } from './llem.js'
import { gpu, randomOf, scenarioFile, scratchFolder, servingLoad } from './scenario.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

const PYARROW = 'pyarrow==26.0.1'
const root = fileURLToPath(new URL('../..', import.meta.url))
const python = join(root, '.cache/test-venv/bin/python')

/** An independent reader: what pyarrow makes of a file. */
const READ = `
import json, sys
import pyarrow.parquet as parquet
file = parquet.ParquetFile(sys.argv[1])
metadata = {key.decode(): value.decode() for key, value in file.metadata.metadata.items()}
print(json.dumps({
    "schema": [[field.name, str(field.type), field.nullable] for field in file.schema_arrow],
    "metadata": metadata,
    "columns": file.read().to_pydict(),
}))
`

interface Contents {
  schema: [name: string, type: string, nullable: boolean][]
  metadata: Record<string, string>
  columns: Record<string, (number | null)[]>
}

const read = (path: string): Contents =>
  JSON.parse(execFileSync(python, ['-c', READ, path], { encoding: 'utf8', maxBuffer: 2 ** 28 }))

/** Why pyarrow cannot be had here, or null. */
function installPyarrow(): string | null {
  const works = () => spawnSync(python, ['-c', 'import pyarrow.parquet']).status === 0
  if (existsSync(python) && works()) return null
  const venv = spawnSync('python3', ['-m', 'venv', join(root, '.cache/test-venv')], { encoding: 'utf8' })
  if (venv.status !== 0) return `python3 -m venv: ${venv.error?.message ?? venv.stderr}`
  const pip = spawnSync(python, ['-m', 'pip', 'install', '--quiet', PYARROW], { encoding: 'utf8' })
  return works() ? null : `pip install ${PYARROW}: ${pip.stderr}`
}

describe('read by pyarrow', () => {
  let missing: string | null = null
  let result: ExecResult
  beforeAll(async () => {
    missing = installPyarrow()
    const devices = [0, 1].map((position) => gpu(position, servingLoad(randomOf(position), 0.8, 2.6)))
    const options = ['-o', scratchFolder(), '--full-rate']
    result = await execOver(scenarioFile(devices), ['sleep', '2.4'], options)
  })

  function file(path: string | null, context: { skip(note: string): never }): Contents {
    if (missing !== null) context.skip(`pyarrow cannot be installed: ${missing}`)
    return read(path as string)
  }

  it('timeseries.parquet has exactly the columns of the contract', (context) => {
    const { schema, columns, metadata } = file(result.timeseries_path, context)
    expect(schema).toEqual([
      ['timestamp_s', 'double', false],
      ['gpu_index', 'int32', false],
      ['power_w', 'float', true],
      ['temperature_c', 'float', true],
      ['memory_used_mb', 'float', true],
      ['memory_total_mb', 'float', true],
      ['sm_utilisation_pct', 'float', true],
      ['throttle_reasons', 'int64', false],
    ])
    expect(columns.timestamp_s).toEqual([0, 0, 1, 1, 2, 2])
    expect(columns.gpu_index).toEqual([0, 1, 0, 1, 0, 1])
    expect(metadata).toMatchObject({
      'llem.schema_version': '1',
      'llem.device_uuids': result.energy.devices.map((device) => device.uuid).join(','),
      'llem.sample_interval_ns': '10000000',
      'llem.start_monotonic_ns': String(result.energy.window.start_ns),
    })
  })

  it('the mean powers of timeseries.parquet times their time are the integral', (context) => {
    const { columns, metadata } = file(result.timeseries_path, context)
    const durationS = Number(metadata['llem.window_duration_ns']) / 1e9
    const rows = Array.from(columns.power_w ?? [], (powerW, row) => ({
      gpu: columns.gpu_index?.[row],
      joules: Number(powerW) * Math.min(1, durationS - Number(columns.timestamp_s?.[row])),
    }))
    for (const { index, integral_j } of result.energy.devices) {
      const joules = rows.filter(({ gpu }) => gpu === index).reduce((sum, row) => sum + row.joules, 0)
      expect(Math.abs(joules / Number(integral_j) - 1)).toBeLessThan(1e-4)
    }
  })

  it('samples.parquet holds every sample, and its trapezoids are the integral', (context) => {
    const { columns } = file(result.samples_path, context)
    const { start_ns, end_ns } = result.energy.window
    for (const { index, integral_j, readings } of result.energy.devices) {
      const samples = Array.from(columns.monotonic_ns ?? [], (atNs, row) => ({
        atNs: Number(atNs),
        powerW: columns.power_w?.[row],
        gpu: columns.gpu_index?.[row],
      })).filter(({ gpu, powerW }) => gpu === index && powerW !== null)
      let joules = 0
      samples.slice(1).forEach((to, position) => {
        const from = samples[position] as typeof to
        const [a, b] = [Math.max(from.atNs, start_ns), Math.min(to.atNs, end_ns)]
        const at = (ns: number) =>
          Number(from.powerW) +
          (Number(to.powerW) - Number(from.powerW)) * ((ns - from.atNs) / (to.atNs - from.atNs))
        if (a < b) joules += ((at(a) + at(b)) / 2) * ((b - a) / 1e9)
      })
      expect(Math.abs(joules / Number(integral_j) - 1)).toBeLessThan(1e-6)
      expect(samples.filter(({ atNs }) => atNs >= start_ns && atNs <= end_ns)).toHaveLength(readings)
    }
  })
})
