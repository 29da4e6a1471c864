// Runs -> configurations: the repetitions of one experiment on the same boards, and what they come to. Different
// configurations, boards, and simulated and real runs are never pooled.

import { repeated, type Scale } from '../results/repeated.js'
import { differingKeys, keyed } from './differing-keys.js'
import { plusMinus, within } from './numbers.js'
import type { Run } from './runs.js'

/** One number of a configuration. */
export interface Estimate {
  unit: string
  /** The geometric mean over the runs, or the number of the only one. */
  value: number
  /** Student's 95 % interval over the runs; null for one run. */
  low: number | null
  high: number | null
  n: number
  /** How far a run's own number may be off (k = 2), on the mean; null where that is not known. */
  uncertainty: number | null
}

export interface Configuration {
  /** From 1, in the order of the report. */
  number: number
  label: string
  kind: Run['kind']
  simulated: boolean
  /** In the order in which they began. */
  runs: Run[]
  /** What is quoted: J/output token, or J of a command. */
  quoted: Estimate | null
  /** Why `quoted` is null. */
  reason: string | null
  activePerOutputTokenJ: Estimate | null
  outputTokensPerS: Estimate | null
  ttftP50Ms: Estimate | null
  itlP50Ms: Estimate | null
  meanPowerW: Estimate | null
  energyJ: Estimate | null
  throttledRuns: number
}

/** The configurations, experiments before commands, real before simulated, the least joules first. */
export function configurationsOf(runs: readonly Run[]): Configuration[] {
  const groups = new Map<string, Run[]>()
  for (const run of runs) groups.set(run.key, [...(groups.get(run.key) ?? []), run])
  const labels = labelsOf([...groups.values()].map((group) => group[0] as Run))
  return [...groups.values()]
    .map((group, at) => configurationOf(group, labels[at] as string))
    .sort(byRank)
    .map((configuration, at) => ({ ...configuration, number: at + 1 }))
}

function byRank(a: Configuration, b: Configuration): number {
  const rank = ({ kind, simulated, quoted }: Configuration) => [
    kind === 'run' ? 0 : 1,
    simulated ? 1 : 0,
    quoted?.value ?? Number.POSITIVE_INFINITY,
  ]
  const [left, right] = [rank(a), rank(b)]
  const at = left.findIndex((each, place) => each !== right[place])
  return at < 0 ? (a.label < b.label ? -1 : 1) : (left[at] as number) - (right[at] as number)
}

function configurationOf(group: readonly Run[], label: string): Configuration {
  const runs = [...group].sort((a, b) => ((a.startedAt ?? a.folder) < (b.startedAt ?? b.folder) ? -1 : 1))
  const [first] = runs as [Run]
  // Throttled runs are another state of the board, as in a comparison; where there are no others they are what is known.
  const cool = runs.filter(({ compared }) => !compared.throttled)
  const counted = cool.length > 0 ? cool : runs
  const of = (value: (run: Run) => number | null, unit: string, scale: Scale = 'log') =>
    estimateOf(
      counted.map((run) => ({ value: value(run), uncertainty: null })),
      unit,
      scale,
    )
  return {
    number: 0,
    label,
    kind: first.kind,
    simulated: first.simulated,
    runs,
    quoted: estimateOf(
      counted.map(({ quoted }) => quoted),
      first.quoted.unit,
      'log',
    ),
    reason: runs.find(({ quoted }) => quoted.value === null)?.quoted.reason ?? null,
    activePerOutputTokenJ: of((run) => run.activePerOutputTokenJ, 'J/output token', 'linear'),
    outputTokensPerS: of((run) => run.outputTokensPerS, 'output tokens/s'),
    ttftP50Ms: of((run) => run.ttftP50Ms, 'ms'),
    itlP50Ms: of((run) => run.itlP50Ms, 'ms'),
    meanPowerW: of((run) => run.meanPowerW, 'W'),
    energyJ: estimateOf(
      counted.map(({ energyJ, energyUncertaintyJ }) => ({ value: energyJ, uncertainty: energyUncertaintyJ })),
      'J',
      'log',
    ),
    throttledRuns: runs.filter(({ compared }) => compared.throttled).length,
  }
}

/** The seed of the bootstrap, which the report does not show. */
const SEED = 0

function estimateOf(
  numbers: readonly { value: number | null; uncertainty: number | null }[],
  unit: string,
  scale: Scale,
): Estimate | null {
  const known = numbers.filter(({ value }) => value !== null)
  const over = repeated(
    known.map(({ value }) => value as number),
    { unit, scale, seed: SEED, uncertainties: known.map(({ uncertainty }) => uncertainty) },
  )
  if (over === null) return null
  const uncertainties = known.map(({ uncertainty }) => uncertainty).filter((each) => each !== null)
  return {
    unit,
    value: over.quoted.value,
    low: over.quoted.low,
    high: over.quoted.high,
    n: over.n,
    // They may all be off to the same side, so repeating does not make it smaller.
    uncertainty:
      uncertainties.length < known.length || known.length === 0
        ? null
        : uncertainties.reduce((sum, each) => sum + each, 0) / uncertainties.length,
  }
}

/** The ends of the bar beside a value: the interval over the runs, of one run its own uncertainty; null where neither is known. */
export function endsOf({ value, low, high, uncertainty }: Estimate): [low: number, high: number] | null {
  if (low !== null && high !== null) return [low, high]
  return uncertainty === null ? null : [value - uncertainty, value + uncertainty]
}

/** The value with what is quoted beside it: of one run its uncertainty; of several as far as their interval tells it. */
export function valueText({ value, low, high, uncertainty }: Estimate): string {
  return low !== null && high !== null ? within(value, low, high) : plusMinus(value, uncertainty)
}

/** A name for each, that tells it from the others. */
function labelsOf(firsts: readonly Run[]): string[] {
  const keyeds = firsts.map(({ kind, config }) => keyed(kind === 'run' ? config : null))
  const differing = differingKeys(keyeds)
  const plain = firsts.map(({ label, kind, subject, backend }, at) => {
    if (label !== null && label !== '') return label
    if (kind === 'exec') return subject
    const settings = differing.map((key) => `${key}=${keyeds[at]?.get(key) ?? 'unset'}`)
    return [`${subject.split('/').at(-1)} (${backend})`, ...settings].join(', ')
  })
  return distinct(
    distinct(plain, (at) => boardsText(firsts[at] as Run)),
    (at) => `${at + 1}`,
  )
}

function boardsText({ boards }: Run): string {
  return boards.map(({ name, uuid }) => `${name ?? 'GPU'} ${uuid.slice(0, 12)}`).join(' + ') || 'no GPU'
}

/** Labels that several have get something added. */
function distinct(labels: readonly string[], more: (at: number) => string): string[] {
  return labels.map((label, at) =>
    labels.indexOf(label) === labels.lastIndexOf(label) ? label : `${label} [${more(at)}]`,
  )
}
