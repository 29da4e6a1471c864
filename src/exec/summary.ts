// What was measured of the rounds -> one document: of each command what hyperfine says, in its words, and joules beside
// it; and how each compares with the first.

import type { Comparison } from '../compare/compare.js'
import type { MetricKey } from '../compare/metrics.js'
import { type Level, levelOf } from '../compare/ratio.js'
import type { ExternalScope } from '../core/external-scopes.js'
import { maskedArguments } from '../core/secrets.js'
import { SCHEMA_VERSION } from '../results/experiment.js'
import type { Finding } from '../results/findings.js'
import { CONFIDENCE } from '../results/interval.js'
import { repeated } from '../results/repeated.js'
import { type AgainstFirst, comparedWithFirst, seriesRuns } from './against-first.js'
import type { Meter } from './meter.js'
import type { Outcome, RoundsPlan, Run } from './run-rounds.js'

/** The result of a command. What hyperfine has too has its name and its unit, seconds; what is ours ends with its unit. */
export interface CommandSummary {
  /** Its name. */
  command: string
  mean: number
  /** Null for one run. */
  stddev: number | null
  median: number
  /** Means of CPU time; null where the system does not tell. */
  user: number | null
  system: number | null
  min: number
  max: number
  times: number[]
  exit_codes: number[]
  parameters?: Readonly<Record<string, string>>
  /** What was started, secrets redacted. */
  arguments: string[]
  /** Of each run; null where it has none. */
  energies_j: (number | null)[]
  /** How far each may be off on this board, k = 2. */
  energy_uncertainties_j: (number | null)[]
  energy_mean_j: number | null
  energy_stddev_j: number | null
  energy_median_j: number | null
  energy_min_j: number | null
  energy_max_j: number | null
  power_mean_w: number | null
  /** Of each meter outside of the GPUs; in no other number. */
  external: ExternalSummary[]
  /** Geometric means with the interval of what is known of them, spread and measurement together. */
  energy_level_j: Level | null
  time_level_s: Level | null
  /** Against the first command; null for it, and where there is no comparison. */
  against_first: AgainstFirst | null
  /** Slowed down for a thermal reason or by the power brake: in the numbers above, and in no comparison. */
  throttled_runs: number
  /** The round of each run, from 1. */
  rounds: number[]
  /** The folder of each run; null without -o. */
  result_dirs: (string | null)[]
}

/** The joules of an external meter over the runs of a command, in their order. */
export interface ExternalSummary {
  name: string
  scope: ExternalScope
  energies_j: (number | null)[]
  /** How far each may be off, k = 2, its own accuracy in it where that is known. */
  energy_uncertainties_j: (number | null)[]
  /** These are null where one is not known. */
  energy_mean_j: number | null
  energy_stddev_j: number | null
  /** Geometric mean with the interval of what is known of it, spread and measurement together. */
  energy_level_j: Level | null
}

export interface RunsSummary {
  schema_version: string
  kind: 'exec_runs'
  simulated: boolean
  runs: number
  warmup: number
  seed: number
  confidence: number
  /** Of each round, by places in `results`, from 0. */
  order: number[][]
  interrupted: boolean
  failure: {
    code: string
    message: string
    stage: string
    command: string | null
    round: number | null
    exit_code: number | null
  } | null
  results: CommandSummary[]
  /** As `llem compare --json` says it; null where there is none, and `comparison_reason` says why. */
  comparison: Comparison | null
  comparison_reason: string | null
  /** Why the first run without energy has none; null where all have. */
  energy_reason: string | null
  /** Equal codes as one, with how many runs have it. */
  findings: RunsFinding[]
  /** Null without -o. */
  result_dir: string | null
}

export interface RunsFinding extends Finding {
  /** The names of the commands that have it. */
  commands: string[]
}

export function summaryOf(plan: RoundsPlan, outcome: Outcome, meter: Meter, dir: string | null): RunsSummary {
  const { commands, runs, warmup, seed } = plan
  const { failure } = outcome
  const of = commands.map((_, place) => outcome.runs.filter(({ command }) => command === place))
  const { comparison, reason, against } = comparedWithFirst(plan, of)
  const without = outcome.runs.find(({ result }) => result.energy?.total_j == null)?.result
  return {
    schema_version: SCHEMA_VERSION,
    kind: 'exec_runs',
    simulated: meter.simulated,
    ...{ runs, warmup, seed, confidence: CONFIDENCE },
    order: outcome.order,
    interrupted: outcome.wasInterrupted,
    failure:
      failure === null
        ? null
        : {
            ...{ code: failure.error.code, message: failure.error.message, stage: failure.stage },
            command: failure.command === null ? null : (commands[failure.command]?.name ?? null),
            ...{ round: failure.round, exit_code: failure.exit_code },
          },
    results: commands.flatMap((_, place) => {
      const own = of[place] ?? []
      return own.length === 0 ? [] : [summaryOfCommand(plan, place, own, against.get(place) ?? null)]
    }),
    comparison,
    comparison_reason: reason,
    energy_reason:
      without === undefined ? null : (without.energy_reason ?? without.energy?.reason ?? 'unknown'),
    findings: findingsOf(plan, outcome.runs),
    result_dir: dir,
  }
}

function summaryOfCommand(
  { commands, seed }: RoundsPlan,
  place: number,
  runs: readonly Run[],
  against_first: AgainstFirst | null,
): CommandSummary {
  const { name, args, parameters } = commands[place] as RoundsPlan['commands'][number]
  const times = runs.map(({ tookS }) => tookS)
  const time = repeated(times, { unit: 's', scale: 'log', seed })
  if (time === null) throw new Error('a command without a run has no summary')
  const energies = runs.map(({ result }) => result.energy?.total_j ?? null)
  const energy = repeated(
    energies.filter((each) => each !== null),
    { unit: 'J', scale: 'log', seed },
  )
  const values = seriesRuns(runs).map((run) => run.values)
  const level = (key: MetricKey) =>
    levelOf(
      values.flatMap((each) => each[key] ?? []),
      { isAbsolute: false, coverage: CONFIDENCE },
    )
  return {
    command: name,
    ...{ mean: time.mean, stddev: time.sd, median: time.median },
    ...{ user: meanOf(runs.map(({ userS }) => userS)), system: meanOf(runs.map(({ systemS }) => systemS)) },
    ...{ min: time.min, max: time.max, times },
    exit_codes: runs.map(({ exitCode }) => exitCode),
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
    arguments: maskedArguments(args),
    energies_j: energies,
    energy_uncertainties_j: runs.map(({ result }) => result.energy?.uncertainty_j ?? null),
    energy_mean_j: energy?.mean ?? null,
    energy_stddev_j: energy?.sd ?? null,
    energy_median_j: energy?.median ?? null,
    energy_min_j: energy?.min ?? null,
    energy_max_j: energy?.max ?? null,
    power_mean_w: meanOf(values.map(({ mean_power_w }) => mean_power_w?.value ?? null)),
    external: externalOf(runs, seed),
    energy_level_j: level('energy_j'),
    time_level_s: level('duration_s'),
    against_first,
    throttled_runs: seriesRuns(runs).filter(({ throttled }) => throttled).length,
    rounds: runs.map(({ round }) => round),
    result_dirs: runs.map(({ folder }) => folder),
  }
}

function externalOf(runs: readonly Run[], seed: number): ExternalSummary[] {
  const [first] = runs
  return (first?.result.energy?.external ?? []).map(({ name, scope }, at) => {
    const all = runs.map(({ result }) => result.energy?.external[at])
    const energies_j = all.map((each) => each?.energy_j ?? null)
    const energy_uncertainties_j = all.map((each) => each?.uncertainty_j ?? null)
    const known = all.flatMap((each) =>
      each === undefined || each.energy_j === null
        ? []
        : [
            {
              value: each.energy_j,
              uncertainty: each.uncertainty_j,
              absolute_uncertainty: each.uncertainty_j,
            },
          ],
    )
    const isWhole = known.length === all.length
    const values = isWhole ? known.map(({ value }) => value) : []
    return {
      ...{ name, scope, energies_j, energy_uncertainties_j, energy_mean_j: meanOf(energies_j) },
      energy_stddev_j: repeated(values, { unit: 'J', scale: 'log', seed })?.sd ?? null,
      energy_level_j: isWhole ? levelOf(known, { isAbsolute: false, coverage: CONFIDENCE }) : null,
    }
  })
}

/** Null where one is not known: the mean of the others would be another quantity. */
function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((each) => each !== null)
  return known.length === 0 || known.length < values.length
    ? null
    : known.reduce((sum, each) => sum + each, 0) / known.length
}

/** What is said of many runs is said once: texts differ in their numbers, of which the first stands for all. */
function findingsOf({ commands }: RoundsPlan, runs: readonly Run[]): RunsFinding[] {
  const all = new Map<string, RunsFinding>()
  for (const { command, result } of runs)
    for (const finding of withoutTwins(result.findings)) {
      const name = commands[command]?.name ?? ''
      const known = all.get(finding.code) ?? { ...finding, count: 0, commands: [] }
      all.set(finding.code, {
        ...known,
        devices: [...new Set([...known.devices, ...finding.devices])].sort((a, b) => a - b),
        count: known.count + 1,
        commands: known.commands.includes(name) ? known.commands : [...known.commands, name],
      })
    }
  return [...all.values()]
}

/** A run counts once, however many of its GPUs have it. */
function withoutTwins(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [each.code, each])).values()]
}
