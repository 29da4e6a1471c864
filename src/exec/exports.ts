// The tables of hyperfine, in its columns and under its names, with joules beside them. Times are seconds in CSV; in
// Markdown the first command's decide between seconds and milliseconds.

import { csvLine, withoutFormula } from '../core/csv-text.js'
import { markdownText } from '../core/markdown.js'
import { masked } from '../core/secrets.js'
import type { CommandSummary, RunsSummary } from './summary.js'

/** After `command`, and before a column for each parameter. */
const COLUMNS = [
  ...(['mean', 'stddev', 'median', 'user', 'system', 'min', 'max'] as const),
  ...(['energy_mean_j', 'energy_stddev_j', 'energy_median_j', 'energy_min_j', 'energy_max_j'] as const),
  'power_mean_w',
] as const

/** RFC 4180, as hyperfine's; what is not known is empty. */
export function csvOfRuns({ results }: RunsSummary): string {
  const names = [...new Set(results.flatMap(({ parameters = {} }) => Object.keys(parameters)))].sort()
  const head = ['command', ...COLUMNS, 'runs', 'energy_ratio', ...names.map((name) => `parameter_${name}`)]
  const rows = masked(results).map((result) => [
    withoutFormula(result.command),
    ...COLUMNS.map((column) => result[column]),
    result.times.length,
    ratioOf(result),
    ...names.map((name) => withoutFormula(result.parameters?.[name] ?? null)),
  ])
  return [head, ...rows].map(csvLine).join('')
}

/** Over the first command. */
function ratioOf({ against_first }: CommandSummary): number | null {
  return against_first?.metric === 'energy_j' ? against_first.ratio : null
}

/** A table, and the comparisons in sentences. */
export function markdownOfRuns(summary: RunsSummary, notes: readonly string[] = []): string {
  const results = masked(summary.results)
  const [unit, factor] = (results[0]?.mean ?? 1) < 1 ? ['ms', 1000] : ['s', 1]
  const digits = unit === 'ms' ? 1 : 3
  const time = (seconds: number) => (seconds * factor).toFixed(digits)
  const fastest = Math.min(...results.map(({ mean }) => mean))
  const head = [
    ...['Command', `Mean [${unit}]`, `Min [${unit}]`, `Max [${unit}]`, 'Relative'],
    ...['Mean [J]', 'Min [J]', 'Max [J]', 'Relative [J]'],
  ]
  const rows = results.map((result) => [
    result.command,
    `${time(result.mean)}${result.stddev === null ? '' : ` ± ${time(result.stddev)}`}`,
    time(result.min),
    time(result.max),
    (result.mean / fastest).toFixed(2),
    ...joules(result, results),
  ])
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const sentences = results.flatMap(({ against_first }) => against_first?.sentence ?? [])
  return [
    ...notes.flatMap((note) => [`> ${markdownText(note)}`, '']),
    line(head),
    `|:---|${head
      .slice(1)
      .map(() => '---:|')
      .join('')}`,
    ...rows.map((cells) => line(cells.map(markdownText))),
    ...sentences.flatMap((sentence) => ['', markdownText(sentence)]),
    '',
  ].join('\n')
}

function joules(result: CommandSummary, all: readonly CommandSummary[]): string[] {
  const { energy_mean_j: mean, energy_stddev_j: sd, energy_min_j: min, energy_max_j: max } = result
  if (mean === null || min === null || max === null) return ['-', '-', '-', '-']
  const known = all.flatMap(({ energy_mean_j }) => energy_mean_j ?? [])
  const text = (value: number) => value.toFixed(2)
  return [
    `${text(mean)}${sd === null ? '' : ` ± ${text(sd)}`}`,
    text(min),
    text(max),
    (mean / Math.min(...known)).toFixed(2),
  ]
}
