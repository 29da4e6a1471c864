// llem verify: a result's folder -> what its files say -> every quantity stored and recomputed -> exit code.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { marginsOf } from '../energy/cut.js'
import { estimatorHere, recomputeWindow, timeseriesEnergy } from '../native/recording.js'
import type { Energy } from '../results/energy.js'
import { type AnyResult, readResult } from '../results/read.js'
import { checksOfEnergy, checksOfExperiment, checksOfRequests } from '../verify/arithmetic.js'
import { checksOfAttributedSamples } from '../verify/attribution.js'
import { type Check, check, type Quantity } from '../verify/check.js'
import { checksOfSamples, checksOfTimeseries, whyOtherEstimator } from '../verify/energy.js'
import { checksOfExternal } from '../verify/external.js'
import { checksOfNodes } from '../verify/nodes.js'
import { EXIT, Exit } from './exit.js'
import { print, printJson } from './screen.js'
import { columns } from './tables.js'

/** What was compared, and what could not be. */
interface Verification {
  checks: Check[]
  /** What no file of the folder tells, in sentences. */
  notRecomputed: string[]
}

/** Recomputes a result from the files in its folder; exit code 1 where something differs. */
export async function verify(dir: string, { json }: { json?: boolean }): Promise<void> {
  const result = readResult(dir)
  const { checks, notRecomputed } = await verification(dir, result)
  const differing = checks.filter(({ agrees }) => !agrees)
  if (json) {
    printJson({
      dir,
      agrees: differing.length === 0,
      ...counted(checks),
      checks,
      not_recomputed: notRecomputed,
    })
  } else {
    const head = ['quantity in result.json', 'stored', 'recomputed', 'from', '']
    print(columns(head, checks.map(row), [1, 2]))
    for (const sentence of notRecomputed) print(`Not recomputed: ${sentence}`)
    for (const { quantity, stored, recomputed, from } of differing)
      print(`Differs: ${quantity} is ${text(stored)} in result.json and ${text(recomputed)} by ${from}.`)
    const { recomputed, consistent } = counted(checks)
    print(`${recomputed.agree} of ${recomputed.all} recomputed quantities agree.`)
    print(`${consistent.agree} of ${consistent.all} sums and quotients within result.json agree.`)
  }
  if (differing.length > 0) throw new Exit(EXIT.failed)
}

/**
 * How many quantities there were to compare: those recomputed from the files, and what result.json says twice. What is
 * null here and there was recomputed from nothing.
 */
function counted(checks: readonly Check[]) {
  const known = checks.filter(({ stored, recomputed }) => stored !== null || recomputed !== null)
  const among = (some: readonly Check[]) => ({
    agree: some.filter(({ agrees }) => agrees).length,
    all: some.length,
  })
  return {
    recomputed: among(known.filter(({ from }) => from !== RESULT)),
    consistent: among(known.filter(({ from }) => from === RESULT)),
  }
}

async function verification(dir: string, result: AnyResult): Promise<Verification> {
  const { energy } = result.content
  const recorded = energy === null ? NOTHING : await checksOfFiles(dir, energy, result)
  const outside = energy === null ? [] : await checksOfExternal(dir, energy)
  const arithmetic = energy === null ? [] : checksOfEnergy(energy)
  const own = result.kind === 'run' ? checksOfRun(dir, result) : [durationOf(result.content)]
  const notRecomputed = [...recorded.notRecomputed]
  if (energy === null) notRecomputed.push('any joule: the result has no energy.')
  else if (energy.cpu.domains.length > 0)
    notRecomputed.push(
      'the joules of each CPU counter: it is read at the edges alone, and its counts are not kept.',
    )
  if (result.kind === 'run' && result.content.energy_breakdown?.baseline_power_w != null)
    notRecomputed.push('the baseline power: it rests on readings from before the window, which are not kept.')
  if (result.kind === 'run' && result.content.load?.energy_j != null)
    notRecomputed.push('the energy of loading: the readings of its window are not kept.')
  return { checks: [...recorded.checks, ...outside, ...arithmetic, ...own], notRecomputed }
}

const RESULT = 'result.json'
const NOTHING: Verification = { checks: [], notRecomputed: [] }

async function checksOfFiles(dir: string, energy: Energy, result: AnyResult): Promise<Verification> {
  const checks: Check[] = []
  const notRecomputed: string[] = []
  const samples = join(dir, 'samples.parquet')
  const otherEstimator = whyOtherEstimator(energy, await estimatorHere())
  const attributed = result.kind === 'run' && result.content.request_energy !== null
  const rests = `counter, headline and uncertainty${attributed ? ', phases and the energy of each request' : ''}`
  if (energy.nodes !== null) return await checksOfNodes(dir, energy, { stored: energy.nodes, otherEstimator })
  if (!existsSync(samples)) {
    checks.push(...promised(result.content.samples_path, 'samples_path', 'samples.parquet'))
    notRecomputed.push(
      `${rests}: there is no samples.parquet, which is kept unless ${result.kind === 'run' ? 'timeseries.full_rate is false' : '--no-full-rate is given'}.`,
    )
  } else if (energy.sampler !== null && otherEstimator !== null) {
    notRecomputed.push(`${rests}: ${otherEstimator}.`)
  } else {
    const { cut } = energy
    const margins = cut === null ? null : await marginsOf(samples, cut.recorded, energy.window)
    checks.push(...checksOfSamples(energy, await recomputeWindow(samples), margins))
    const requests = join(dir, 'requests.jsonl')
    if (result.kind === 'run')
      checks.push(
        ...(await checksOfAttributedSamples(result.content, samples, existsSync(requests) ? requests : null)),
      )
  }
  const timeseries = join(dir, 'timeseries.parquet')
  if (existsSync(timeseries)) checks.push(...checksOfTimeseries(energy, await timeseriesEnergy(timeseries)))
  else {
    checks.push(...promised(result.content.timeseries_path, 'timeseries_path', 'timeseries.parquet'))
    notRecomputed.push('the sum of the 1 Hz rows: there is no timeseries.parquet.')
  }
  return { checks, notRecomputed }
}

/** A file that the result names and that is gone is a difference. */
function promised(path: string | null, quantity: string, file: string): Check[] {
  return path === null ? [] : [check(quantity, file, path, null)]
}

function checksOfRun(dir: string, { content }: AnyResult & { kind: 'run' }): Check[] {
  const requests = join(dir, 'requests.jsonl')
  if (!existsSync(requests))
    return [
      ...checksOfExperiment(content),
      ...promised(content.requests_path, 'requests_path', 'requests.jsonl'),
    ]
  return [...checksOfExperiment(content), ...checksOfRequests(content, linesOf(requests))]
}

function linesOf(path: string): Parameters<typeof checksOfRequests>[1] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
  } catch (cause) {
    throw new LlemError(`${path} cannot be read: ${messageOf(cause)}.`, {
      code: 'FILE_DAMAGED',
      hint: null,
      cause,
    })
  }
}

function durationOf({ duration_sec, energy }: { duration_sec: number | null; energy: Energy | null }): Check {
  return check('duration_sec', 'result.json', duration_sec, energy?.duration_sec ?? null)
}

function row({ quantity, stored, recomputed, from, agrees }: Check): string[] {
  return [quantity, text(stored), text(recomputed), from, agrees ? '' : 'differs']
}

/** All digits of a number: two that differ must look different. */
function text(value: Quantity): string {
  return value === null
    ? '-'
    : typeof value === 'string' && value.length > 40
      ? `${value.slice(0, 39)}…`
      : String(value)
}
