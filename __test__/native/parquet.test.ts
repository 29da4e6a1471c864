import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { type ExecResult, execOver } from './llem.js'
import { type Contents, installPyarrow, readParquet } from './pyarrow.js'
import { gpu, randomOf, scenarioFile, scratchFolder, servingLoad } from './scenario.js'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 300_000 })

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
    return readParquet(join(String(result.result_dir), String(path)))
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

  it('samples.parquet has the readings, why one is missing, and what came before the window', (context) => {
    const { schema, columns, metadata } = file(result.samples_path, context)
    expect(schema.map(([name, type]) => `${name}: ${type}`)).toEqual([
      'timestamp_s: double',
      'monotonic_ns: int64',
      'gpu_index: int32',
      'power_w: float',
      'read_us: float',
      'counter_monotonic_ns: int64',
      'counter_mj: int64',
      'temperature_c: int32',
      'sm_utilisation_pct: int32',
      'sm_clock_mhz: int32',
      'memory_clock_mhz: int32',
      'throttle_reasons: int64',
      'power_mw: int32',
      'power_error: int32',
      'scheduled: bool',
      'memory_temperature_c: int32',
      'memory_used_bytes: int64',
      'performance_state: int32',
      'average_power_mw: int32',
    ])
    expect(metadata['llem.schema_version']).toBe('2')
    expect(Math.min(...(columns.timestamp_s as number[]))).toBeLessThan(-0.2)
    columns.power_mw?.forEach((milliwatts, row) => {
      expect(columns.power_w?.[row]).toBe(milliwatts === null ? null : Math.fround(milliwatts / 1000))
      expect(columns.power_error?.[row] === null).toBe(milliwatts !== null)
    })
    // The simulated boards are H200: the memory is a little warmer than the core, and at its highest clocks.
    const warmer = new Set(
      columns.memory_temperature_c?.map((memoryC, row) =>
        memoryC === null ? null : memoryC - Number(columns.temperature_c?.[row]),
      ),
    )
    expect(warmer).toEqual(new Set([null, 6]))
    expect(new Set(columns.performance_state)).toEqual(new Set([null, 0]))
  })

  it('samples.parquet holds every sample, and its trapezoids are the integral', (context) => {
    const { columns, metadata } = file(result.samples_path, context)
    const { start_ns, end_ns } = result.energy.window
    for (const [position, { index, integral_j, readings }] of result.energy.devices.entries()) {
      const lagNs = lagOf(metadata, position)
      const samples = Array.from(columns.monotonic_ns ?? [], (atNs, row) => ({
        atNs: Number(atNs) - lagNs,
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

/** How late a device's readings are: half its update period, as known when the window opened, and half its window. */
function lagOf(metadata: Record<string, string>, position: number): number {
  const of = (key: string) => metadata[key]?.split(',')[position]?.split(':') ?? []
  const [found] = of('llem.beliefs')
  const [known, windowNs] = of('llem.sensors_ns')
  return Math.floor((Number(found === '-' ? known : found) + Number(windowNs)) / 2)
}
