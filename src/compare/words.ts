// A comparison in sentences that can be quoted.

import { listedNames } from '../core/foreign-text.js'
import type { Comparison } from './compare.js'
import type { Answer, Gate } from './gate.js'
import { METRICS } from './metrics.js'
import type { ComparedMetric, Pair } from './pair.js'
import type { Ratio } from './ratio.js'

/** What the sides of a pair are called: by their names, where those tell them apart. */
export interface Names {
  a: string
  b: string
  /** What pairs are of; "cycle" where nothing is said. */
  by?: string
}

export function namesOf({ a, b, metrics }: Pair, { a: sourceA, b: sourceB }: Comparison): Names {
  // Commands alone have a duration, and are measured in rounds.
  const by = metrics.some(({ metric }) => metric === 'duration_s') ? { by: 'round' } : {}
  if (a.name !== b.name) return { a: a.name, b: b.name, ...by }
  return sourceA === sourceB ? { a: 'A', b: 'B', ...by } : { a: sourceA, b: sourceB, ...by }
}

/** "B uses 12 % less energy per output token than A (95 % CI 9 to 15 %, paired by cycle, n = 5)." */
export function headline({ metric, ratio }: ComparedMetric, { paired }: Pair, names: Names): string {
  if (ratio === null) return `${names.b} and ${names.a} cannot be compared.`
  const { verb, noun } = METRICS.find(({ key }) => key === metric) ?? { verb: 'has', noun: metric }
  const { low, high, value } = ratio
  if (low === null || high === null)
    return `${names.b} ${verb} ${change(value, shareDigits(value - 1))} ${noun} than ${names.a}; how far that may be off is not known: ${ratio.reason}.`
  const isShown = low > 1 || high < 1
  const doubt = isShown ? '' : ', which is not shown to be a difference'
  const details = `${intervalText(ratio)}, ${designText(ratio, paired, names)}`
  return `${names.b} ${verb} ${effect(ratio)} ${noun} than ${names.a}${doubt} (${details}).`
}

/** "12 % less", as finely as the interval allows. */
function effect({ value, low, high }: Ratio): string {
  return change(value, digitsFor(low as number, high as number))
}

/** "95 % CI 9 to 15 %", or "95 % CI 2 % less to 1 % more" where it holds both. */
function intervalText({ low, high, confidence }: Ratio): string {
  const [from, to] = [low as number, high as number]
  const digits = digitsFor(from, to)
  const percent = `${Math.round(100 * confidence)} % CI`
  if (from <= 1 && to >= 1) return `${percent} ${change(from, digits)} to ${change(to, digits)}`
  const [near, far] = [from, to].map((end) => Math.abs(end - 1)).sort((a, b) => a - b) as [number, number]
  return `${percent} ${percentOf(near, digits)} to ${percentOf(far, digits)} %`
}

function designText({ n, method }: Ratio, paired: boolean, { a, b, by = 'cycle' }: Names): string {
  if (method === 'measurement') return 'one run each: the uncertainty of the measurement alone'
  if (paired) return `paired by ${by}, n = ${n.a}`
  return n.a === n.b ? `unpaired, n = ${n.a} each` : `unpaired, n = ${n.b} of ${b} and ${n.a} of ${a}`
}

/** "+12 %", "-0.4 %" */
export function signed(ratio: number, digits: number): string {
  const text = (100 * (ratio - 1)).toFixed(digits)
  return `${Number(text) > 0 ? '+' : Number(text) === 0 ? '' : '-'}${text.replace('-', '')} %`
}

/** "12 % less", "0.4 % more" */
export function change(ratio: number, digits: number): string {
  return `${percentOf(Math.abs(ratio - 1), digits)} % ${ratio < 1 ? 'less' : 'more'}`
}

function percentOf(share: number, digits: number): string {
  return (100 * share).toFixed(digits)
}

/** Enough for half the interval to have a digit or two. */
export function digitsFor(low: number, high: number): number {
  return shareDigits((high - low) / 2)
}

function shareDigits(share: number): number {
  const percent = Math.abs(100 * share)
  if (!(percent > 0)) return 1
  return Math.min(6, Math.max(0, -Math.floor(Math.log10(percent / 2.5))))
}

/** The answer of the gate in a sentence. */
export function verdict({ answer, margin, pairs, only_a, b }: Comparison): string {
  const gates = pairs.flatMap(({ metrics }) => metrics.flatMap(({ gate }) => gate ?? []))
  const text = ANSWER_TEXT[answer](percentText(margin))
  if (answer === 'undecided' && gates.every((gate) => gate.answer !== 'undecided'))
    return `${text} ${b} has no ${listedNames(only_a)}, of which nothing is shown; the rest is not worse.`
  if (answer === 'undecided') return `${text} ${furtherText(gates)}`
  // An interval of 95 % is a test of 2.5 % to each side, which decides later.
  const isSooner = pairs.some(({ metrics }) =>
    metrics.some(({ gate, ratio }) => gate?.answer === 'regression' && ratio?.low != null && ratio.low <= 1),
  )
  return answer === 'regression' && isSooner
    ? `${text.replace(/\.$/, '')} by a one-sided test at 5 %, though the interval of 95 % holds no difference too.`
    : text
}

const ANSWER_TEXT: Record<Answer, (margin: string) => string> = {
  not_worse: (margin) => `Not worse by more than ${margin}: shown.`,
  regression: (margin) => `Worse by more than ${margin}: shown.`,
  undecided: (margin) => `Whether it is worse by more than ${margin} is not decided.`,
}

function furtherText(gates: readonly Gate[]): string {
  const open = gates.filter(({ answer }) => answer === 'undecided')
  const none = open.find(({ further_reason }) => further_reason !== null)
  if (none !== undefined) return `No number of cycles can be told: ${none.further_reason}.`
  const further = furtherCyclesOf(gates)
  return `About ${further} further ${further === 1 ? 'cycle' : 'cycles'} would decide.`
}

/** What the gate that needs most needs; null where one has no number. */
export function furtherCyclesOf(gates: readonly Gate[]): number | null {
  const open = gates
    .filter(({ answer }) => answer === 'undecided')
    .map(({ further_cycles }) => further_cycles)
  const known = open.filter((each) => each !== null)
  return open.length === 0 || known.length < open.length ? null : Math.max(...known)
}

/** "3 %" */
export function percentText(share: number): string {
  return `${Number((100 * share).toPrecision(6))} %`
}

/** "0.0004", "< 1e-6" */
export function probabilityText(p: number | null): string {
  if (p === null) return '-'
  if (p < 1e-6) return '< 1e-6'
  return p >= 0.001 ? p.toFixed(3) : p.toExponential(1)
}

/** What differs, a sentence each. */
export function differenceTexts({ differences }: Pair): string[] {
  return differences.map(({ title, a, b, verdict: what }) => {
    const values = `${a.join(', ') || 'unknown'} against ${b.join(', ') || 'unknown'}`
    return `${what === 'refused' ? 'Not compared' : 'Differs'}: ${title}: ${values}`
  })
}
