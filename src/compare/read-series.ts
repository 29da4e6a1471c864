// A path -> the series in it: a result, an experiment of a campaign, a whole campaign, or a folder with results below.

import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { readPlan } from '../campaign/folder.js'
import { RunRecords } from '../campaign/records.js'
import { closest } from '../core/closest.js'
import { LlemError, messageOf } from '../core/errors.js'
import { listedNames } from '../core/foreign-text.js'
import { EXEC_RUNS_FILE } from '../results/exec.js'
import { findResults, isFolder } from '../results/find.js'
import { missingResult } from '../results/missing.js'
import { type AnyResult, readResult } from '../results/read.js'
import { hasReason } from '../results/throttle-reasons.js'
import { factsOf } from './facts.js'
import { valuesOf } from './metrics.js'
import { NONE_MISSING, type Series, type SeriesRun } from './series.js'

/** What a path holds, and what of it could not be read, in sentences. */
export interface Source {
  /** For people. */
  name: string
  series: Series[]
  problems: string[]
}

/** Throws SERIES_MISSING, and what reading a plan or a result throws. */
export function readSource(path: string): Source {
  if (existsSync(join(path, 'plan.json'))) return campaignIn(path)
  const [parent, name] = [dirname(resolve(path)), basename(resolve(path))]
  const grandparent = dirname(parent)
  if (basename(parent) === 'runs' && existsSync(join(grandparent, 'plan.json')))
    return experimentOf(grandparent, name)
  if (existsSync(path)) return resultsBelow(path)
  // CAMPAIGN/NAME, without the folder between them.
  if (existsSync(join(parent, 'plan.json'))) return experimentOf(parent, name)
  throw missingResult(path)
}

function campaignIn(dir: string, only: string | null = null): Source {
  const plan = readPlan(dir)
  const records = new RunRecords(dir, plan, { isLive: true })
  const problems = [...records.problems]
  const { structure, until_ci_pct = null } = plan.execution
  const sequential = until_ci_pct !== null
  const series = plan.experiments.map(({ name, hash }): Series => {
    const campaign = resolve(dir)
    return { name, hash, campaign, structure, sequential, runs: [], missing: { ...NONE_MISSING } }
  })
  for (const run of records.runs()) {
    const own = series[run.experiment]
    if (own === undefined || (only !== null && own.name !== only)) continue
    const { status, result_path } = records.of(run)
    if (status !== 'completed' || result_path === null) {
      own.missing[status === 'completed' ? 'unreadable' : status === 'running' ? 'pending' : status] += 1
      continue
    }
    const folder = dirname(join(dir, result_path))
    try {
      own.runs.push(seriesRunOf(readResult(folder), resolve(folder), run.cycle))
    } catch (error) {
      own.missing.unreadable += 1
      problems.push(messageOf(error))
    }
  }
  return { name: basename(resolve(dir)), series, problems }
}

function experimentOf(dir: string, name: string): Source {
  const names = readPlan(dir).experiments.map((experiment) => experiment.name)
  if (!names.includes(name)) {
    const meant = closest(name, names)
    throw new LlemError(`the campaign in ${dir} has no experiment ${JSON.stringify(name)}`, {
      code: 'SERIES_MISSING',
      hint: meant === null ? `It has ${listedNames(names)}.` : `Did you mean ${join(dir, meant)}?`,
      kind: 'usage',
    })
  }
  const { series, problems } = campaignIn(dir, name)
  return { name, series: series.filter((each) => each.name === name), problems }
}

/** Results that no campaign holds together: those of one configuration are repetitions of it. */
function resultsBelow(path: string): Source {
  const name = basename(resolve(basename(path) === 'result.json' ? dirname(path) : path))
  const { dirs, incomplete, problems } = findResults([path])
  const groups = new Map<string, Series>()
  const isNamed = new Set<Series>()
  const told = problems.map(messageOf)
  for (const dir of dirs) {
    try {
      const result = readResult(dir)
      const round = roundOf(result, dir)
      const { key, label, hash } = identityOf(result, round?.command ?? null)
      const group = groups.get(key) ?? seriesOf(label ?? basename(resolve(dir)), hash, round?.of ?? null)
      if (label !== null) isNamed.add(group)
      // Rounds of several calls are no rounds of one.
      if (round?.of !== group.campaign) Object.assign(group, { campaign: null, structure: null })
      group.runs.push(seriesRunOf(result, resolve(dir), round?.round ?? null))
      groups.set(key, group)
    } catch (error) {
      // A damaged file among others costs its own run; alone it is what was asked for.
      if (dirs.length === 1) throw error
      told.push(messageOf(error))
    }
  }
  if (groups.size === 0) throw missingResult(isFolder(path) ? path : dirname(path))
  const [only, ...others] = groups.values()
  // Runs of one kind are called by the folder that holds them, not by that of the first.
  if (only !== undefined && others.length === 0 && dirs.length > 1 && !isNamed.has(only)) only.name = name
  if (incomplete.length > 0) told.push(`${incomplete.length} incomplete runs below ${path} are left out.`)
  return { name, series: [...groups.values()], problems: told }
}

function seriesOf(name: string, hash: string | null, campaign: string | null): Series {
  const structure = campaign === null ? null : ROUNDS
  return {
    ...{ name, hash, campaign, structure, sequential: false, runs: [] },
    missing: { ...NONE_MISSING },
  }
}

/** The order in which `llem exec --runs` runs commands. */
export const ROUNDS = 'latin_square'

/** Where a run of `llem exec --runs` lies: FOLDER/COMMAND/round-01. */
export function roundOf(
  { kind }: Pick<AnyResult, 'kind'>,
  dir: string,
): { of: string; command: string; round: number } | null {
  const [, number] = /^round-(\d+)$/.exec(basename(resolve(dir))) ?? []
  const of = resolve(dir, '..', '..')
  return kind === 'exec' && number !== undefined && existsSync(join(of, EXEC_RUNS_FILE))
    ? { of, command: basename(resolve(dir, '..')), round: Number(number) }
    : null
}

/** Commands are the same where they are typed alike; in rounds what is run before them may differ, and their folder tells. */
function identityOf(
  result: AnyResult,
  folder: string | null,
): { key: string; label: string | null; hash: string | null } {
  if (result.kind === 'exec')
    return { key: JSON.stringify([result.content.command, folder]), label: folder, hash: null }
  const { config_hash: hash, experiment_name: label } = result.content
  return { key: hash, label, hash }
}

/** What of one result is compared. `cycle`: of its campaign, null where there is none. */
export function seriesRunOf(result: AnyResult, folder: string, cycle: number | null): SeriesRun {
  return {
    cycle,
    result: folder,
    throttled: isThrottled(result),
    facts: factsOf(result),
    values: valuesOf(result),
  }
}

/** For a reason that is no power limit, which is normal under load. */
function isThrottled({ kind, content }: AnyResult): boolean {
  if (kind === 'run') return content.thermal_throttle?.detected === true
  const bits = (content.energy?.devices ?? []).map(({ throttle_reasons }) => throttle_reasons ?? 0)
  return bits.some((each) => SLOWED.some((reason) => hasReason(each, reason)))
}

const SLOWED = ['hw_slowdown', 'sw_thermal', 'hw_thermal', 'power_brake'] as const
