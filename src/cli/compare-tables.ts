// A comparison as people read it: sentences first, then a table, then what lowers it.

import type { Comparison } from '../compare/compare.js'
import type { ComparedMetric, Pair, Side } from '../compare/pair.js'
import {
  differenceTexts,
  digitsFor,
  headline,
  type Names,
  namesOf,
  probabilityText,
  signed,
  verdict,
} from '../compare/words.js'
import { markdownText } from '../core/markdown.js'
import { spoken } from '../results/findings.js'
import { SIMULATED } from './screen.js'
import { columns } from './tables.js'

/** More pairs than a person reads in full. */
const MANY = 30

export function comparisonText(comparison: Comparison): string {
  const answer = verdict(comparison)
  const [only, ...others] = comparison.pairs.slice(0, MANY).map((pair) => {
    const names = namesOf(pair, comparison)
    const table = columns(HEAD, rowsOf(pair), [1, 2, 3, 4, 5])
    // Of one pair the answer stands below what it is an answer to; of several above them all.
    const below = comparison.pairs.length === 1 ? [answer] : []
    return [...headlines(pair, names), ...below, '', table, '', ...legend(names), ...notesOf(pair, names)]
      .join('\n')
      .trimEnd()
  })
  const above = comparison.pairs.length === 1 ? [] : [answer, '']
  return [...above, [only, ...others].join('\n\n'), '', ...tailOf(comparison)].join('\n').trimEnd()
}

/** The same as GitHub shows it. */
export function comparisonMarkdown(comparison: Comparison): string {
  const parts = comparison.pairs.slice(0, MANY).map((pair) => {
    const names = namesOf(pair, comparison)
    const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |`
    const table = [line(HEAD), '|---|---:|---:|---:|---:|---:|', ...rowsOf(pair).map(line)].join('\n')
    const notes = [...legend(names), ...notesOf(pair, names)].map((note) => `- ${markdownText(note)}`)
    const lines = headlines(pair, names).map((text) => `**${markdownText(text)}**`)
    return [...lines, '', table, '', ...notes].join('\n').trimEnd()
  })
  const simulated = comparison.simulated ? [`> ${SIMULATED}`, ''] : []
  const tail = tailOf(comparison).map(markdownText)
  return [...simulated, markdownText(verdict(comparison)), '', parts.join('\n\n'), '', ...tail]
    .join('\n')
    .trimEnd()
}

const HEAD = ['', 'A', 'B', 'B over A', '95 % CI', 'p (Holm)']

function legend({ a, b }: Names): string[] {
  return a === 'A' && b === 'B' ? [] : [`A: ${a}`, `B: ${b}`]
}

/** Of what the gate looks at. */
function headlines(pair: Pair, names: Names): string[] {
  return pair.metrics.filter(({ gate }) => gate !== null).map((metric) => headline(metric, pair, names))
}

function rowsOf({ metrics }: Pair): string[][] {
  return metrics.map((metric) => [
    title(metric),
    valueText(metric.a),
    valueText(metric.b),
    ...ratioCells(metric),
    probabilityText(metric.p_holm),
  ])
}

function title({ title: name, unit }: ComparedMetric): string {
  return name.includes('/') ? name : `${name} (${unit})`
}

function ratioCells({ ratio }: ComparedMetric): [effect: string, interval: string] {
  if (ratio === null) return ['-', '-']
  const { value, low, high } = ratio
  if (low === null || high === null) return [signed(value, 1), '-']
  const digits = digitsFor(low, high)
  return [signed(value, digits), `${signed(low, digits)} to ${signed(high, digits)}`]
}

export function valueText(value: number | null): string {
  if (value === null) return '-'
  return Math.abs(value) >= 1e4 ? value.toFixed(0) : value.toPrecision(4)
}

function notesOf(pair: Pair, names: Names): string[] {
  const apart = pair.metrics.filter(({ gate, ratio_with_throttled: all }) => gate !== null && all !== null)
  return [
    ...energyOf(pair),
    ...differenceTexts(pair),
    ...pair.metrics.flatMap((metric) =>
      metric.reason === null ? [] : [`No ${metric.title}: ${metric.reason}`],
    ),
    ...measurementNote(pair),
    ...apart.map((metric) => {
      const whole = headline({ ...metric, ratio: metric.ratio_with_throttled }, pair, names)
      return `With the throttled runs: ${whole}`
    }),
    ...[pair.a, pair.b].flatMap(sideNotes),
    ...pair.findings.map((finding) => spoken(finding, 1)),
  ]
}

/** Whose joules they are, where they are no GPU's. */
function energyOf({ a, b }: Pair): string[] {
  const [ofA, ofB] = [a.energy_of ?? null, b.energy_of ?? null]
  if (ofA === null && ofB === null) return []
  return [ofA === ofB ? `Energy: ${ofA}` : `Energy: ${ofA ?? 'unknown'} (A), ${ofB ?? 'unknown'} (B)`]
}

/** Where the measurement makes an interval visibly wider. */
function measurementNote({ metrics }: Pair): string[] {
  const wide = metrics.filter(({ ratio }) => {
    const { measurement = 0, standard_error: error = null } = ratio ?? {}
    return error !== null && measurement > 0.3 * error
  })
  if (wide.length === 0) return []
  return [
    `The uncertainty of the measurement is in the interval of: ${wide.map(({ title: name }) => name).join(', ')}`,
  ]
}

function sideNotes({ name, runs, pending, skipped }: Side): string[] {
  const told = [
    ...(pending > 0 ? [`${pending} pending`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ]
  return told.length === 0 ? [] : [`${name}: ${runs} runs, ${told.join(', ')}`]
}

function tailOf({ a, b, only_a, only_b, pairs }: Comparison): string[] {
  return [
    ...(pairs.length > MANY ? [`... and ${pairs.length - MANY} more pairs; --json has them all`] : []),
    ...(only_a.length > 0 ? [`Only in ${a}: ${only_a.join(', ')}`] : []),
    ...(only_b.length > 0 ? [`Only in ${b}: ${only_b.join(', ')}`] : []),
  ]
}
