// The sentences at the top of a report: the number to quote, how sure it is, and what a reader must know of it.

import { plain } from '../results/uncertain.js'
import { type Configuration, type Estimate, valueText } from './configurations.js'
import { distances, listed } from './distances.js'
import { count, digits, range } from './numbers.js'
import { comparable, type Report } from './report.js'
import { gpusText, type Run } from './runs.js'

export interface Headline {
  /** "Least energy per output token" */
  title: string
  configuration: Configuration
  /** "0.1110 ± 0.0002" of one run, "0.111" of several, whose interval is in `how`. */
  number: string
  unit: string
  /** What the number is, and its interval. */
  how: string
}

/** The configuration to name first; null where nothing is quoted. */
export function headlineOf(report: Report): Headline | null {
  const compared = comparable(report)
  const [best] =
    compared.length > 0 ? compared : report.configurations.filter(({ quoted }) => quoted !== null)
  if (best === undefined || best.quoted === null) return null
  const { unit } = best.quoted
  const what = unit === 'J' ? 'Energy' : 'Energy per output token'
  return {
    title: compared.length > 1 ? `Least ${what.toLowerCase()}` : what,
    configuration: best,
    number: valueText(best.quoted),
    unit,
    how: [...energyOf(best), howSure(best.quoted)].join('; '),
  }
}

/** Whose joules they are, where they are no GPU's. */
export function energyOf({ runs }: Configuration): string[] {
  return runs[0]?.energyOf == null ? [] : [`of the ${runs[0].energyOf}`]
}

/**
 * "95 % interval 0.1098 to 0.1122 over 5 runs (Student’s t, of the geometric mean); each run ± 0.0002 (k = 2, on this
 * board)"
 */
export function howSure({ value, low, high, n, uncertainty }: Estimate): string {
  const isKnown = uncertainty !== null && uncertainty > 0
  if (low === null || high === null) {
    const own = isKnown ? '± is k = 2, on this board' : 'How far it may be off is unknown'
    return n === 1
      ? `${own}; one run, so the spread between runs is unknown`
      : `${own}; ${count(n, 'run')}, ${digits(value, 3)} in the mean`
  }
  const own = isKnown
    ? `each run ± ${plain(uncertainty)} (k = 2, on this board)`
    : 'how far each run may be off is unknown'
  return `95 % interval ${range(low, high)} over ${count(n, 'run')} (Student’s t, of the geometric mean); ${own}`
}

/** What follows: distances, what cannot be told apart, and what makes the comparison less than it looks. */
export function sentencesOf(report: Report): string[] {
  const compared = comparable(report)
  return [
    ...distances(compared),
    ...unlike(compared),
    ...setApart(report, compared),
    ...(report.references.length === 0
      ? []
      : [
          `${count(report.references.length, 'point')} of others, measured by other methods, stand beside them as hollow marks.`,
        ]),
  ]
}

/** What makes two numbers less comparable than they look. */
const CONDITIONS: readonly (readonly [what: string, of: (run: Run) => string | null])[] = [
  [
    'boards, so that the uncertainty with the boards’ gain matters',
    ({ boards }) => boards.map(({ uuid }) => uuid).join(),
  ],
  ['prompts', ({ workload }) => workload],
  ['what is quoted (steady state or whole run)', ({ quoted }) => quoted.scope],
  ['whose joules they are', ({ energyOf }) => energyOf],
  ['what the joules rest on', ({ quoted }) => quoted.method],
  ['the estimator’s version', ({ estimator }) => estimator],
]

function unlike(compared: readonly Configuration[]): string[] {
  if (compared.length < 2) return []
  const runs = compared.flatMap((each) => each.runs)
  const differing = CONDITIONS.filter(([, of]) => new Set(runs.map(of)).size > 1).map(([what]) => what)
  return differing.length === 0 ? [] : [`Not the same in all of them: ${differing.join('; ')}.`]
}

function setApart({ configurations, runs, leftOut }: Report, compared: readonly Configuration[]): string[] {
  const simulated = runs.filter((run) => run.simulated).length
  const throttled = runs.filter(({ compared }) => compared.throttled).length
  const without = runs.filter(({ quoted }) => quoted.value === null).length
  const apart = configurations.filter(
    (each) => each.kind === 'run' && each.simulated && !compared.includes(each),
  )
  const ofCpu = configurations.filter(
    (each) => each.kind === 'run' && each.runs[0]?.energyOf !== null && !compared.includes(each),
  )
  return [
    ...(ofCpu.length === 0
      ? []
      : [`The energy of ${listed(ofCpu)} is of the CPU and not of a GPU, and in no comparison.`]),
    ...(simulated > 0 && simulated < runs.length
      ? [
          `${count(simulated, 'run')} over a simulated GPU ${simulated === 1 ? 'is' : 'are'} in no comparison${apart.length === 0 ? '' : `: ${listed(apart)}`}.`,
        ]
      : []),
    ...(throttled > 0
      ? [
          `In ${count(throttled, 'run')} a GPU was slowed down by heat or the power brake; they are marked, and in no number where others of their configuration are known.`,
        ]
      : []),
    ...(without > 0
      ? [`${count(without, 'run')} ${without === 1 ? 'has' : 'have'} no number to quote; why stands at each.`]
      : []),
    ...(leftOut.length > 0
      ? [
          `${count(leftOut.length, 'run')} ${leftOut.length === 1 ? 'is' : 'are'} left out, as damaged or incomplete; they are listed at the end.`,
        ]
      : []),
  ]
}

/** "3 configurations, 15 runs on 1 x NVIDIA H200, 2026-11-22" */
export function subjectOf({ configurations, runs }: Report): string {
  const boards = [...new Set(runs.map((run) => run.energyOf ?? gpusText(run.boards)))]
  const shown = boards.slice(0, 3).join('; ') + (boards.length > 3 ? ` and ${boards.length - 3} more` : '')
  const dates = runs.flatMap(({ startedAt }) => startedAt?.slice(0, 10) ?? []).sort()
  const when =
    dates.length === 0 ? '' : dates[0] === dates.at(-1) ? `, ${dates[0]}` : `, ${dates[0]} to ${dates.at(-1)}`
  return `${count(configurations.length, 'configuration')}, ${count(runs.length, 'run')} on ${shown}${when}`
}

/** How to cite what is in the report. */
export function citationOf(report: Report): string {
  const { runs, version } = report
  const versions = [...new Set(runs.flatMap(({ llemVersion }) => llemVersion ?? []))].sort()
  const estimators = [...new Set(runs.flatMap(({ estimator }) => estimator ?? []))].sort()
  const measured = versions.length === 0 ? version : versions.join(', ')
  const headline = headlineOf(report)
  const said =
    headline === null
      ? ''
      : ` ${headline.configuration.label}: ${headline.number} ${headline.unit}. ${headline.how}.`
  const simulated = runs.every((run) => run.simulated) ? ' Simulated GPU, not hardware.' : ''
  return `Energy measured with llem ${measured}${estimators.length === 0 ? '' : ` (estimator ${estimators.join(', ')})`}: ${subjectOf(report)}.${simulated}${said}`
}
