// What happened over time in a run: power, temperature, requests in flight, and the stretches in which the GPUs were
// slowed down or nothing was read. Seconds from the start of the energy window.

import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { messageOf } from '../core/errors.js'
import { mask } from '../core/secrets.js'
import type { Energy } from '../results/energy.js'
import { readRequestTimes } from '../results/request-times.js'
import { hasReason } from '../results/throttle-reasons.js'
import { type Line, merged, type Stretch } from './decimate.js'

export interface Series {
  /** "readings": every reading of a short run of one GPU; "seconds": means over a second. */
  source: 'readings' | 'seconds'
  startS: number
  endS: number
  /** Of all GPUs together, watts. */
  power: Line
  /** Of the hottest GPU, degrees Celsius; null where none tells. */
  temperature: Line | null
  inFlight: Line | null
  /** Of these, requests whose first token has not come; null where first tokens were not seen. */
  inPrefill: Line | null
  /** Slowed down by heat or the power brake. */
  slowed: Stretch[]
  /** Held at the power limit: normal under load. */
  capped: Stretch[]
  /** Nothing was read. */
  gaps: Stretch[]
}

/** One row of either file. */
interface Row {
  s: number
  powerW: number | null
  temperatureC: number | null
  throttle: number | null
}

/** A window up to this long is drawn from every reading, where one GPU was measured. */
const READINGS_UP_TO_S = 120
/** Readings further apart are not bridged (docs/decisions/sampler.md). */
const LEAST_GAP_S = 0.5

/** The series of a run's folder, or why there is none. */
export async function seriesOf(
  dir: string,
  energy: Energy | null,
  files: { timeseries: string | null; samples: string | null; requests: string | null },
): Promise<{ series: Series | null; reason: string | null }> {
  if (energy === null) return { series: null, reason: 'no energy was measured' }
  // By name alone: a result that was moved names other folders, and a foreign one may name any.
  const at = (path: string | null) => (path === null ? null : join(dir, basename(path)))
  const [seconds, samples, requests] = [at(files.timeseries), at(files.samples), at(files.requests)]
  const isShort = energy.duration_sec <= READINGS_UP_TO_S && energy.devices.length === 1
  try {
    const drawn =
      isShort && samples !== null && existsSync(samples)
        ? readings(await readSamples(samples, energy), energy)
        : seconds !== null && existsSync(seconds)
          ? means(await readSeconds(seconds, energy))
          : null
    if (drawn === null) return { series: null, reason: 'its folder has no time series' }
    const flight = requests !== null && existsSync(requests) ? await flightOf(requests, energy) : NO_FLIGHT
    return { series: { ...drawn, ...flight }, reason: null }
  } catch (error) {
    return { series: null, reason: `its time series cannot be read: ${mask(messageOf(error))}` }
  }
}

type Flight = Pick<Series, 'inFlight' | 'inPrefill'>
type Drawn = Omit<Series, keyof Flight>

const NO_FLIGHT: Flight = { inFlight: null, inPrefill: null }

async function readRows(path: string, columns: string[]): Promise<Record<string, number | null>[]> {
  const { asyncBufferFromFile, parquetReadObjects } = await import('hyparquet')
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(path), columns })
  return rows.map((row) => Object.fromEntries(columns.map((name) => [name, numberOf(row[name])])))
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isFinite(number) ? number : null
}

/** The GPUs' rows of each second together. */
async function readSeconds(path: string, energy: Energy): Promise<Row[]> {
  const columns = ['timestamp_s', 'power_w', 'temperature_c', 'throttle_reasons']
  const offsetS = ((energy.cut?.recorded.start_ns ?? energy.window.start_ns) - energy.window.start_ns) / 1e9
  const bySecond = new Map<number, Row>()
  for (const row of await readRows(path, columns)) {
    if (row.timestamp_s === null || row.timestamp_s === undefined) continue
    const s = row.timestamp_s + offsetS
    const own = {
      s,
      powerW: row.power_w ?? null,
      temperatureC: row.temperature_c ?? null,
      throttle: row.throttle_reasons ?? null,
    }
    const known = bySecond.get(s)
    bySecond.set(s, known === undefined ? own : together(known, own))
  }
  return [...bySecond.values()].sort((a, b) => a.s - b.s)
}

/** A sum of which a part is unknown is unknown. */
function together(a: Row, b: Row): Row {
  return {
    s: a.s,
    powerW: a.powerW === null || b.powerW === null ? null : a.powerW + b.powerW,
    temperatureC:
      a.temperatureC === null || b.temperatureC === null
        ? (a.temperatureC ?? b.temperatureC)
        : Math.max(a.temperatureC, b.temperatureC),
    throttle: a.throttle === null && b.throttle === null ? null : (a.throttle ?? 0) | (b.throttle ?? 0),
  }
}

async function readSamples(path: string, energy: Energy): Promise<Row[]> {
  const columns = ['monotonic_ns', 'power_w', 'temperature_c', 'throttle_reasons']
  const rows = await readRows(path, columns)
  return rows
    .map((row) => ({
      s: ((row.monotonic_ns ?? Number.NaN) - energy.window.start_ns) / 1e9,
      powerW: row.power_w ?? null,
      temperatureC: row.temperature_c ?? null,
      throttle: row.throttle_reasons ?? null,
    }))
    .filter(({ s }) => Number.isFinite(s))
    .sort((a, b) => a.s - b.s)
}

/** Means over a second, drawn in its middle. */
function means(rows: readonly Row[]): Drawn | null {
  if (rows.length === 0) return null
  const t = rows.map(({ s }) => s + 0.5)
  const spansWhere = (is: (row: Row) => boolean) =>
    merged(
      rows.filter(is).map(({ s }) => ({ from: s, to: s + 1 })),
      1e-6,
    )
  return {
    source: 'seconds',
    startS: Math.min(0, rows[0]?.s ?? 0),
    endS: (rows.at(-1)?.s ?? 0) + 1,
    power: { t, v: rows.map(({ powerW }) => powerW) },
    temperature: known({ t, v: rows.map(({ temperatureC }) => temperatureC) }),
    slowed: spansWhere(({ throttle }) => isSlowed(throttle)),
    capped: spansWhere(({ throttle }) => throttle !== null && hasReason(throttle, 'power_cap')),
    gaps: spansWhere(({ powerW }) => powerW === null),
  }
}

/** Every reading; where readings are too far apart to bridge, a null between them. */
function readings(rows: readonly Row[], energy: Energy): Drawn | null {
  const withPower = rows.filter(({ powerW }) => powerW !== null)
  const [first, last] = [rows[0], rows.at(-1)]
  if (first === undefined || last === undefined || withPower.length === 0) return null
  const periodS = (energy.devices[0]?.sensor.update_period_ms ?? 0) / 1000
  const leastS = Math.max(5 * periodS, LEAST_GAP_S)
  const line: { t: number[]; v: (number | null)[] } = { t: [], v: [] }
  const gaps: Stretch[] = []
  let before: Row | null = null
  for (const row of withPower) {
    if (before !== null && row.s - before.s > leastS) {
      gaps.push({ from: before.s, to: row.s })
      line.t.push((before.s + row.s) / 2)
      line.v.push(null)
    }
    line.t.push(row.s)
    line.v.push(row.powerW)
    before = row
  }
  const hot = rows.filter(({ temperatureC }) => temperatureC !== null)
  const spansWhere = (is: (row: Row) => boolean) => {
    const spans = rows.flatMap((row, at) =>
      is(row) ? [{ from: row.s, to: rows[at + 1]?.s ?? row.s + 0.01 }] : [],
    )
    return merged(spans, 1.5 * Math.max(periodS, 0.1))
  }
  return {
    source: 'readings',
    startS: Math.min(0, first.s),
    endS: Math.max(energy.duration_sec, last.s),
    power: line,
    temperature: known({ t: hot.map(({ s }) => s), v: hot.map(({ temperatureC }) => temperatureC) }),
    slowed: spansWhere(({ throttle }) => isSlowed(throttle)),
    capped: spansWhere(({ throttle }) => throttle !== null && hasReason(throttle, 'power_cap')),
    gaps,
  }
}

function known(line: Line): Line | null {
  return line.v.some((value) => value !== null) ? line : null
}

const SLOWING = ['sw_thermal', 'hw_thermal', 'hw_slowdown', 'power_brake'] as const

function isSlowed(throttle: number | null): boolean {
  return throttle !== null && SLOWING.some((reason) => hasReason(throttle, reason))
}

async function flightOf(path: string, energy: Energy): Promise<Flight> {
  const { times } = await readRequestTimes(path)
  if (times.count === 0) return NO_FLIGHT
  const { startNs, firstTokenNs, endNs } = times
  const originNs = energy.window.start_ns
  return {
    inFlight: stepsOf(startNs, endNs, originNs),
    inPrefill: firstTokenNs.some(Number.isNaN) ? null : stepsOf(startNs, firstTokenNs, originNs),
  }
}

/** How many have begun and not ended, from each moment on at which one does. */
function stepsOf(from: Float64Array, to: Float64Array, originNs: number): Line {
  const [starts, ends] = [Float64Array.from(from).sort(), Float64Array.from(to).sort()]
  const line: { t: number[]; v: number[] } = { t: [], v: [] }
  let [begun, ended] = [0, 0]
  while (ended < ends.length) {
    const at = Math.min(starts[begun] ?? Number.POSITIVE_INFINITY, ends[ended] as number)
    while ((starts[begun] ?? Number.POSITIVE_INFINITY) <= at) begun += 1
    while ((ends[ended] ?? Number.POSITIVE_INFINITY) <= at) ended += 1
    line.t.push((at - originNs) / 1e9)
    line.v.push(begun - ended)
  }
  return line
}
