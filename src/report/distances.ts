// How far configurations are from each other: what `llem compare` says of them.

import type { ComparedMetric, Pair } from '../compare/pair.js'
import { pairOf, refused } from '../compare/pair.js'
import { NONE_MISSING, type Series } from '../compare/series.js'
import { headline } from '../compare/words.js'
import { LlemError } from '../core/errors.js'
import { CONFIDENCE, SEQUENTIAL_COVERAGE } from '../results/interval.js'
import type { Configuration } from './configurations.js'

/** Of the one with the least joules to the one with the most, and to those that it cannot be told from. */
export function distances(compared: readonly Configuration[]): string[] {
  const [best, second] = compared
  const worst = compared.at(-1)
  if (best === undefined || second === undefined || worst === undefined) return []
  const others = compared.slice(1).map((each) => ({ each, known: knownOf(between(each, best)) }))
  const alike = others.filter(({ known }) => known === 'undecided').map(({ each }) => each)
  const unknown = others.filter(({ known, each }) => known === 'unknown' && each !== worst)
  return [
    sentence(worst, best),
    ...(unknown.length === 0
      ? []
      : [
          `How far ${named(best)} is from ${listed(unknown.map(({ each }) => each))} is not known: one run tells nothing of how runs differ.`,
        ]),
    ...(alike.length === 0 || (alike.length === 1 && alike[0] === worst)
      ? []
      : [`${named(best)} is not told apart from ${listed(alike)} by these runs.`]),
  ]
}

/** "1 (int4) uses 12 % less energy per output token than 2 (bf16) (95 % CI 9 to 15 %, paired by cycle, n = 5)." */
function sentence(a: Configuration, b: Configuration): string {
  const found = between(a, b)
  if (found instanceof LlemError)
    return `${named(b)} and ${named(a)} are not compared: ${found.message.replace(/\.$/, '')}.`
  return headline(found.metric, found.pair, { a: named(a), b: named(b) })
}

/** Whether a difference is shown; unknown where nothing tells how far the ratio may be off, or they are not alike. */
function knownOf(found: ReturnType<typeof between>): 'shown' | 'undecided' | 'unknown' | 'unlike' {
  if (found instanceof LlemError) return 'unlike'
  const { low = null, high = null } = found.metric.ratio ?? {}
  if (low === null || high === null) return 'unknown'
  return low <= 1 && high >= 1 ? 'undecided' : 'shown'
}

/** B against A in joules per output token; why not, where they are not alike. */
function between(a: Configuration, b: Configuration): { pair: Pair; metric: ComparedMetric } | LlemError {
  const sides = [a, b].map(seriesOf) as [Series, Series]
  const coverage = sides.some(({ sequential }) => sequential) ? SEQUENTIAL_COVERAGE : CONFIDENCE
  try {
    const pair = pairOf(...sides, { allow: ['workload'], coverage })
    const metric = pair.metrics.find(({ metric: key }) => key === 'energy_per_output_token_j')
    if (metric?.ratio != null) return { pair, metric }
    const why = metric?.reason ?? 'neither has joules per output token'
    return refused(why, 'See what each of them lacks.')
  } catch (error) {
    if (error instanceof LlemError) return error
    throw error
  }
}

function seriesOf({ label, runs }: Configuration): Series {
  const places = runs.map(({ place }) => place)
  // Runs of one campaign are cycles of it; runs that were gathered from several are not.
  const [first = null] = places
  const isOne = first !== null && places.every((place) => place?.campaign === first.campaign)
  return {
    name: label,
    hash: null,
    campaign: isOne ? first.campaign : null,
    structure: isOne ? first.structure : null,
    sequential: places.some((place) => place?.sequential === true),
    runs: runs.map(({ compared }) => compared),
    missing: { ...NONE_MISSING },
  }
}

/** "1 (int4), 2 (fp8) and 4 more" */
export function listed(configurations: readonly Configuration[]): string {
  const shown = configurations.slice(0, 3).map(named)
  const rest = configurations.length - shown.length
  if (rest > 0) return `${shown.join(', ')} and ${rest} more`
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`
}

function named({ number, label }: Configuration): string {
  return `${number} (${label})`
}
