// Folders -> what a report needs of each result in them, and what had to be left out.

import { basename } from 'node:path'
import { seriesRunOf as comparedOf, roundOf } from '../compare/read-series.js'
import type { SeriesRun } from '../compare/series.js'
import { messageOf } from '../core/errors.js'
import { masked } from '../core/secrets.js'
import type { Phases } from '../results/attribution.js'
import type { EnergyBreakdown } from '../results/breakdown.js'
import type { Energy } from '../results/energy.js'
import type { ExecResult } from '../results/exec.js'
import type { ExperimentResult, Step } from '../results/experiment.js'
import { findResults } from '../results/find.js'
import type { Finding } from '../results/findings.js'
import { refuseAltered } from '../results/kept-result.js'
import { type Quoted, quotedNumbers } from '../results/quoted.js'
import { type AnyResult, readRecord, readResult } from '../results/read.js'
import { whoseJoules } from '../results/whose.js'
import { CampaignNames, type Place } from './campaign-names.js'
import type { Stretch } from './decimate.js'
import { type Series, seriesOf } from './series.js'

/** One result. Units are in the names; null is unknown. */
export interface Run {
  kind: 'run' | 'exec'
  /** The name of its folder, not where that is: a report of the same results is the same everywhere. */
  folder: string
  /** Equal for repetitions of the same experiment on the same boards. */
  key: string
  /** The label that a person gave, or its campaign. */
  label: string | null
  /** The model, or the command. */
  subject: string
  /** Where in a campaign it is; null where there is none. */
  place: Place | null
  /** What a comparison needs of it. */
  compared: SeriesRun
  backend: string | null
  startedAt: string | null
  completedAt: string | null
  simulated: boolean
  /** What is quoted: J/output token of an experiment, J of a command. */
  quoted: Quoted
  energyJ: number | null
  energyUncertaintyJ: number | null
  activePerOutputTokenJ: number | null
  durationS: number | null
  outputTokens: number | null
  outputTokensPerS: number | null
  ttftP50Ms: number | null
  itlP50Ms: number | null
  meanPowerW: number | null
  boards: { uuid: string; name: string | null }[]
  /** Whose joules they are, where not those of `boards`: "CPU package, by RAPL". */
  energyOf: string | null
  /** What was sent, by its hash. */
  workload: string | null
  load: string | null
  failedRequests: number | null
  levels: EnergyBreakdown | null
  phases: Phases | null
  /** Why `phases` is null. */
  phasesReason: string | null
  /** For a thermal reason or by the power brake; null where the driver does not tell. */
  throttled: boolean | null
  findings: readonly Finding[]
  steps: readonly Step[]
  /** Within the window, seconds from its start. */
  steady: Stretch | null
  environment: readonly (readonly [name: string, value: string])[]
  /** As it was resolved, secrets redacted; of a command its words. */
  config: unknown
  llemVersion: string | null
  estimator: string | null
  series: Series | null
  /** Why `series` is null. */
  seriesReason: string | null
}

/** What is in no number of the report. */
export interface LeftOut {
  folder: string
  reason: string
}

export interface Collected {
  runs: Run[]
  leftOut: LeftOut[]
  /** What could not be read: damaged, newer, or not there at all. */
  problems: unknown[]
}

/** Reads all results below the folders. What is damaged costs its own run alone. */
export async function collect(paths: readonly string[]): Promise<Collected> {
  const { dirs, incomplete, problems } = findResults(paths)
  const names = new CampaignNames()
  const all: Collected = { runs: [], leftOut: [], problems: [...problems] }
  for (const dir of dirs) {
    try {
      refuseAltered(dir)
      // An older llem may have written more than this one would.
      all.runs.push(await runOf(masked(readResult(dir)), dir, names))
    } catch (error) {
      all.problems.push(error)
      all.leftOut.push({
        folder: basename(dir),
        reason: masked(messageOf(error).replaceAll(dir, basename(dir))),
      })
    }
  }
  for (const dir of incomplete) all.leftOut.push({ folder: basename(dir), reason: whyIncomplete(dir) })
  return all
}

function whyIncomplete(dir: string): string {
  try {
    const { record } = readRecord(dir)
    if (record.kind !== 'incomplete') return 'it has no result'
    return masked(`${record.content.status}: ${record.content.error}`)
  } catch {
    return 'it has no result'
  }
}

async function runOf(result: AnyResult, dir: string, names: CampaignNames): Promise<Run> {
  const place = result.kind === 'run' ? names.placeOf(dir, result.content.config_hash) : null
  const compared = comparedOf(result, dir, place?.cycle ?? null)
  const told =
    result.kind === 'run' ? await experiment(result.content, dir, place) : await command(result.content, dir)
  return { ...told, place, compared }
}

type Told = Omit<Run, 'place' | 'compared'>

async function experiment(result: ExperimentResult, dir: string, place: Place | null): Promise<Told> {
  const { energy, environment, serving, steady_state: steady } = result
  const { series, reason } = await seriesOf(dir, energy, {
    timeseries: result.timeseries_path,
    samples: result.samples_path,
    requests: result.requests_path,
  })
  const boards = boardsOf(energy, environment.gpus)
  const failures = result.process_results.map(({ failures: each }) => each)
  const originNs = energy?.window.start_ns ?? 0
  return {
    kind: 'run',
    folder: basename(dir),
    key: JSON.stringify([
      result.config_hash,
      boards.map(({ uuid }) => uuid),
      result.simulated,
      ...own(energy),
    ]),
    label: result.experiment_name ?? masked(place?.name ?? null),
    subject: result.model,
    backend: result.backend,
    startedAt: result.started_at,
    completedAt: result.completed_at,
    quoted: quotedNumbers(result).quoted,
    activePerOutputTokenJ: result.energy_breakdown?.active_energy_per_output_token_j ?? null,
    outputTokens: result.output_tokens,
    outputTokensPerS: result.output_tokens_per_second,
    ttftP50Ms: result.latency.ttft_ms?.p50 ?? null,
    itlP50Ms: result.latency.itl_ms?.p50 ?? null,
    boards,
    workload: result.prompts.hash,
    load: loadOf(serving),
    failedRequests: serving?.requests.failed ?? failures.reduce((sum, each) => sum + each, 0),
    levels: result.energy_breakdown,
    phases: result.phases,
    phasesReason: result.attribution_reason,
    throttled: result.thermal_throttle?.detected ?? null,
    steps: result.steps,
    steady:
      steady === null || energy === null
        ? null
        : { from: (steady.start_ns - originNs) / 1e9, to: (steady.end_ns - originNs) / 1e9 },
    environment: [
      ...ofEnergy(energy),
      ['GPUs', gpusText(boards)],
      ['driver', known(environment.driver_version)],
      ['CUDA', known(environment.cuda_version)],
      [
        'CPU',
        `${known(environment.cpu_model)}${environment.cpu_count === null ? '' : `, ${environment.cpu_count} threads`}`,
      ],
      ['governor', known(environment.cpu_governor)],
      ['system', known(environment.os)],
      ['container', environment.container ?? 'none'],
      ...(environment.node === null ? [] : [['node', environment.node] as const]),
      ...Object.entries(environment.versions).map(([name, version]) => [name, version] as const),
    ],
    config: result.effective_config,
    llemVersion: environment.versions.llem ?? null,
    series,
    seriesReason: reason,
    ...common(result),
  }
}

async function command(result: ExecResult, dir: string): Promise<Told> {
  const { energy } = result
  const { series, reason } = await seriesOf(dir, energy, {
    timeseries: result.timeseries_path,
    samples: result.samples_path,
    requests: null,
  })
  const boards = boardsOf(energy, [])
  // In rounds, commands that are typed alike may differ in what is run before them, and their folder tells.
  const name = roundOf({ kind: 'exec' }, dir)?.command ?? null
  return {
    kind: 'exec',
    folder: basename(dir),
    key: JSON.stringify([
      ...[result.command, name, boards.map(({ uuid }) => uuid), result.simulated],
      ...own(energy),
    ]),
    label: name,
    subject: result.command.join(' '),
    backend: null,
    startedAt: energy?.window.start_utc ?? null,
    completedAt: null,
    quoted: {
      value: energy?.total_j ?? null,
      unit: 'J',
      uncertainty: energy?.uncertainty_j ?? null,
      absolute_uncertainty: energy?.absolute_uncertainty_j ?? null,
      scope: 'whole_run',
      domain: energy?.domain ?? 'gpu',
      method: energy?.method ?? null,
      reason: result.energy_reason ?? energy?.reason ?? '',
    },
    ...{ activePerOutputTokenJ: null, outputTokens: null, outputTokensPerS: null, ttftP50Ms: null },
    ...{ itlP50Ms: null, workload: null, load: null, failedRequests: null, levels: null, phases: null },
    boards,
    phasesReason: null,
    throttled: energy === null ? null : energy.devices.some(({ throttled }) => isThrottled(throttled)),
    steps: [],
    steady: null,
    environment: [...ofEnergy(energy), ['GPUs', gpusText(boards)]],
    config: result.command,
    llemVersion: null,
    series,
    seriesReason: reason,
    ...common(result),
  }
}

/** Joules of a CPU are never pooled with those of GPUs. */
function own(energy: Energy | null): string[] {
  const whose = whoseJoules(energy)
  return whose === null ? [] : [whose]
}

function ofEnergy(energy: Energy | null): [name: string, value: string][] {
  return own(energy).map((whose) => ['energy of', whose])
}

/** What experiments and commands have alike. */
function common({ energy, simulated, findings }: ExperimentResult | ExecResult) {
  const powers = energy?.devices.map(({ mean_power_w }) => mean_power_w) ?? []
  return {
    simulated,
    findings,
    energyOf: whoseJoules(energy),
    energyJ: energy?.total_j ?? null,
    energyUncertaintyJ: energy?.uncertainty_j ?? null,
    durationS: energy?.duration_sec ?? null,
    estimator: energy?.estimator ?? null,
    meanPowerW:
      powers.length === 0 || powers.includes(null)
        ? null
        : powers.reduce<number>((sum, each) => sum + (each ?? 0), 0),
  }
}

function isThrottled(throttled: Energy['devices'][number]['throttled']): boolean {
  const { sw_thermal_s, hw_thermal_s, power_brake_s } = throttled
  return [sw_thermal_s, hw_thermal_s, power_brake_s].some((seconds) => seconds !== null && seconds > 0)
}

function boardsOf(
  energy: Energy | null,
  gpus: readonly { uuid: string; name: string | null }[],
): Run['boards'] {
  const boards = energy === null || energy.devices.length === 0 ? gpus : energy.devices
  return boards.map(({ uuid, name }) => ({ uuid, name })).sort((a, b) => (a.uuid < b.uuid ? -1 : 1))
}

/** "2 x NVIDIA H200" */
export function gpusText(boards: Run['boards']): string {
  const counts = new Map<string, number>()
  for (const { name } of boards)
    counts.set(name ?? 'unnamed GPU', (counts.get(name ?? 'unnamed GPU') ?? 0) + 1)
  const texts = [...counts].map(([name, count]) => (count === 1 ? name : `${count} x ${name}`))
  return texts.length === 0 ? 'none' : texts.join(', ')
}

function loadOf(serving: ExperimentResult['serving']): string | null {
  if (serving === null) return null
  const { concurrency, request_rate, arrival } = serving.load
  const rate = request_rate === null ? null : `${request_rate} requests/s (${arrival})`
  const most = concurrency === null ? null : `${concurrency} in flight`
  return [rate, most].filter((each) => each !== null).join(', at most ') || null
}

function known(text: string | null): string {
  return text ?? 'unknown'
}
