// Folders of results with time series, made for the tests of reports: the result of a real run with other numbers in it, and
// the two files beside it in the format that llem writes.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parquetWriteBuffer } from 'hyparquet-writer'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { quotedOf } from '../../dist/results/quoted.js'
import { readResult } from '../../dist/results/read.js'
import { scratchFolder } from '../native/scenario.js'
import { placed } from '../results/fixtures.js'

export interface Made {
  name: string | null
  model?: string
  hash?: string
  joulesPerToken?: number
  tokensPerSecond?: number
  ttftMs?: number
  startedAt?: string
  simulated?: boolean
  uuid?: string
  /** Length of the run, seconds; without, there is no time series. */
  seconds?: number
  /** Seconds with a spike of 1000 W, with thermal throttling, and without readings. */
  spikeAt?: number
  throttledAt?: number
  gapAt?: number
  requests?: number
  change?: (result: ExperimentResult) => void
}

const NS = 1e9
let base: ExperimentResult | null = null

function fixtureResult(): ExperimentResult {
  if (base === null) {
    const read = readResult(placed('run', join(scratchFolder(), 'base')))
    if (read.kind !== 'run') throw new Error('the fixture is no run')
    base = read.content
  }
  return structuredClone(base)
}

/** Writes one run into a folder of its own. */
export function made(dir: string, facts: Made): string {
  mkdirSync(dir, { recursive: true })
  const result = fixtureResult()
  const seconds = facts.seconds ?? 60
  const { energy } = result
  if (energy === null) throw new Error('the fixture has no energy')
  const start = 1e12
  const per = facts.joulesPerToken ?? 0.5
  result.schema_version = '3.2.0'
  result.experiment_name = facts.name
  result.experiment_id = dir.split('/').at(-1) ?? ''
  result.model = facts.model ?? 'model.gguf'
  result.config_hash = facts.hash ?? facts.name ?? 'hash'
  result.started_at = facts.startedAt ?? '2026-11-22T10:00:00.000Z'
  result.completed_at = result.started_at
  result.simulated = facts.simulated ?? false
  result.output_tokens_per_second = facts.tokensPerSecond ?? 1000
  if (result.latency.ttft_ms !== null) result.latency.ttft_ms.p50 = facts.ttftMs ?? 20
  result.output_tokens = 10_000
  result.total_energy_j = per * 10_000
  result.energy_per_output_token_j = per
  result.energy_per_output_token_uncertainty_j = per * 0.005
  result.energy_per_output_token_absolute_uncertainty_j = per * 0.05
  energy.total_j = per * 10_000
  energy.uncertainty_j = per * 50
  energy.duration_sec = seconds
  energy.window.start_ns = start
  energy.window.end_ns = start + seconds * NS
  for (const device of energy.devices) device.uuid = facts.uuid ?? device.uuid
  result.timeseries_path = facts.seconds === undefined ? null : 'timeseries.parquet'
  result.samples_path = null
  result.requests_path = 'requests.jsonl'
  facts.change?.(result)
  Object.assign(result, quotedOf(result))
  writeFileSync(join(dir, 'result.json'), JSON.stringify(result))
  if (facts.seconds !== undefined) writeFileSync(join(dir, 'timeseries.parquet'), kept(facts, seconds))
  writeFileSync(join(dir, 'requests.jsonl'), requestLines(facts.requests ?? 0, start, seconds))
  return dir
}

const files = new Map<string, Uint8Array>()

/** The same file for the same facts: a hundred runs need not be computed. */
function kept(facts: Made, seconds: number): Uint8Array {
  const key = JSON.stringify([seconds, facts.spikeAt, facts.throttledAt, facts.gapAt])
  const file = files.get(key) ?? timeseries(facts, seconds)
  files.set(key, file)
  return file
}

/** As the recorder writes it: one GPU, a row each second. */
function timeseries({ spikeAt, throttledAt, gapAt }: Made, seconds: number): Uint8Array {
  const rows = Array.from({ length: seconds }, (_, s) => s)
  const column = (name: string, type: 'DOUBLE' | 'INT32' | 'INT64' | 'FLOAT', data: unknown[]) => ({
    name,
    type,
    data,
    nullable: true,
  })
  return new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        column('timestamp_s', 'DOUBLE', rows),
        column(
          'gpu_index',
          'INT32',
          rows.map(() => 0),
        ),
        column(
          'power_w',
          'FLOAT',
          rows.map((s) => (s === gapAt ? null : s === spikeAt ? 1000 : 400 + 80 * Math.sin(s / 7) + (s % 5))),
        ),
        column(
          'temperature_c',
          'FLOAT',
          rows.map((s) => 50 + 15 * (1 - Math.exp(-s / 300))),
        ),
        column(
          'throttle_reasons',
          'INT64',
          rows.map((s) => (s === throttledAt ? 0x40n : 0n)),
        ),
      ],
    }),
  )
}

function requestLines(requests: number, startNs: number, seconds: number): string {
  const lines = Array.from({ length: requests }, (_, at) => {
    const start_ns = startNs + (at / requests) * seconds * NS * 0.95
    return JSON.stringify({
      start_ns,
      end_ns: start_ns + seconds * NS * 0.04,
      ttft_ms: 20,
      input_tokens: 10,
      output_tokens: 20,
    })
  })
  return lines.map((line) => `${line}\n`).join('')
}
