// Commands that were run over and over, as people read them: a table, sentences, then what lowers them.

import type { Level } from '../compare/ratio.js'
import { digitsFor, probabilityText, signed } from '../compare/words.js'
import { shortened } from '../core/foreign-text.js'
import type { AgainstFirst } from '../exec/against-first.js'
import type { CommandSummary, RunsFinding, RunsSummary } from '../exec/summary.js'
import { spoken } from '../results/findings.js'
import { plain, uncertain } from '../results/uncertain.js'
import { SCOPE_NAMES } from './external-facts.js'
import { columns } from './tables.js'

const HEAD = ['', 'runs', 'energy (95 % CI)', 'time (95 % CI)']

export function runsText(summary: RunsSummary): string {
  const { results, comparison, comparison_reason, energy_reason } = summary
  if (results.length === 0) return 'Nothing was measured.'
  const isCompared = results.some(({ against_first }) => against_first !== null)
  const what = results.some(({ against_first }) => against_first?.metric === 'duration_s') ? 'time' : 'energy'
  const isSeveral = (comparison?.pairs.length ?? 0) > 1
  const head = [
    ...HEAD,
    ...(isCompared ? [`${what} over the first`, '95 % CI'] : []),
    ...(isCompared && isSeveral ? ['p (Holm)'] : []),
  ]
  const rows = results.map((result) => [
    shortened(result.command),
    String(result.times.length),
    levelText(result.energy_level_j, 'J'),
    levelText(result.time_level_s, 's'),
    ...(isCompared ? ratioCells(result.against_first) : []),
    ...(isCompared && isSeveral ? [probabilityText(result.against_first?.p_holm ?? null)] : []),
  ])
  const sentences = results.flatMap(({ against_first }) => against_first?.sentence ?? [])
  const isOfInterest = results.length > 1 && comparison_reason !== null
  return [
    columns(head, rows, [1, 2, 3, 4, 5, 6]),
    ...(sentences.length > 0 ? ['', ...sentences] : []),
    '',
    ...(isOfInterest ? [`Not compared: ${comparison_reason}`] : []),
    ...(energy_reason === null ? [] : [`${withoutEnergy(results)}: ${energy_reason}`]),
    ...results.flatMap(externalLines),
    ...failedRuns(results),
    ...throttledRuns(results),
    ...(results.length > 1
      ? [`Order: changes from round to round, so that drift falls on all alike (seed ${summary.seed})`]
      : []),
    ...pairFindings(summary),
    ...summary.findings.map((finding) => findingText(finding, results)),
    ...(summary.result_dir === null ? [] : [`Files: ${summary.result_dir}`]),
  ]
    .join('\n')
    .trimEnd()
}

/**
 * "302.1 J +- 1.2 J": the geometric mean, and how far its interval reaches to the side where it reaches further. One that
 * is as wide as the value is told by its ends, which are not alike then.
 */
function levelText(level: Level | null, unit: string): string {
  if (level === null) return '-'
  const { value, low, high } = level
  if (low === null || high === null) return `${value.toPrecision(4)} ${unit}`
  const reach = Math.max(high - value, value - low)
  if (reach < WIDE * value) return uncertain(value, reach, unit)
  return `${plain(value)} ${unit} (${plain(low)} to ${plain(high)})`
}

const WIDE = 0.3

function ratioCells(against: AgainstFirst | null): [ratio: string, interval: string] {
  if (against === null) return ['', '']
  const { ratio, low, high } = against
  if (low === null || high === null) return [signed(ratio, 1), '-']
  const digits = digitsFor(low, high)
  return [signed(ratio, digits), `${signed(low, digits)} to ${signed(high, digits)}`]
}

/** "Without energy: 4 of 20 runs of a, b" */
function withoutEnergy(results: readonly CommandSummary[]): string {
  const meant = results.filter(({ energies_j }) => energies_j.includes(null))
  const all = meant.flatMap(({ energies_j }) => energies_j)
  const whose =
    meant.length === results.length ? '' : ` of ${meant.map(({ command }) => shortened(command)).join(', ')}`
  return `Without energy: ${all.filter((each) => each === null).length} of ${all.length} runs${whose}`
}

/** "Node of ./a: 1234.5 J +- 40.1 J in the mean (95 % CI) by redfish; in no other number" */
function externalLines({ command, external }: CommandSummary): string[] {
  return external.flatMap(({ name, scope, energies_j, energy_level_j }) => {
    const of = `${SCOPE_NAMES[scope]} of ${shortened(command)}`
    const missing = energies_j.filter((each) => each === null).length
    if (missing > 0) return [`${of}: unknown by ${name} in ${missing} of ${energies_j.length} runs`]
    if (energy_level_j === null) return []
    const what = energy_level_j.low === null ? '' : ' (95 % CI)'
    return [`${of}: ${levelText(energy_level_j, 'J')} in the mean${what} by ${name}; in no other number`]
  })
}

function failedRuns(results: readonly CommandSummary[]): string[] {
  return results.flatMap(({ command, exit_codes }) => {
    const failed = exit_codes.filter((each) => each !== 0)
    if (failed.length === 0) return []
    const codes = [...new Set(failed)].join(', ')
    return [
      `Warning: ${failed.length} of ${exit_codes.length} runs of ${shortened(command)} failed (exit code ${codes}) and are counted`,
    ]
  })
}

function throttledRuns(results: readonly CommandSummary[]): string[] {
  return results.flatMap(({ command, throttled_runs, times }) =>
    throttled_runs === 0
      ? []
      : [
          `Warning: ${throttled_runs} of ${times.length} runs of ${shortened(command)} were throttled and are left out of comparisons`,
        ],
  )
}

/** What the comparison says of one side, once, of what is compared; that runs were throttled was said. */
function pairFindings({ comparison }: RunsSummary): string[] {
  const told = (comparison?.pairs ?? []).flatMap(({ findings, metrics }) => {
    const titles = metrics.flatMap(({ gate, title }) => (gate === null ? [] : [` in ${title};`]))
    return findings
      .filter(
        ({ code, text }) => code === 'outlier_in_few_runs' && titles.some((title) => text.includes(title)),
      )
      .map((finding) => spoken(finding, 1))
  })
  return [...new Set(told)]
}

/** "Warning: code: text (20 of 20 runs)", of some commands only by their names. */
function findingText({ commands, ...finding }: RunsFinding, results: readonly CommandSummary[]): string {
  const runs = results
    .filter(({ command }) => commands.includes(command))
    .reduce((sum, { times }) => sum + times.length, 0)
  const whose =
    commands.length === results.length ? '' : ` of ${commands.map((each) => shortened(each)).join(', ')}`
  return `${spoken({ ...finding, count: 1 }, 1)} (${finding.count} of ${runs} runs${whose})`
}
