// Rows as the text format of Prometheus, e.g. for the textfile collector of its node exporter: a gauge for each number, in
// base units, with labels that say whose it is. What is unknown has no sample.

import { type Cell, COLUMNS, type Column } from './flat-row.js'

/** What tells the results apart. */
const LABELS = [
  'experiment_id',
  'experiment_name',
  'kind',
  'model',
  'backend',
  'config_hash',
  'gpu_names',
  'simulated',
  'path',
]

/** Endings of columns -> those of metrics, and by what a number is multiplied. The longest first. */
const UNITS: readonly (readonly [ending: string, metric: string, factor: number])[] = [
  ['_tokens_per_s', '_tokens_per_second', 1],
  ['_per_s', '_per_second', 1],
  ['_ms', '_seconds', 1e-3],
  ['_s', '_seconds', 1],
  ['_j', '_joules', 1],
  ['_w', '_watts', 1],
  ['_c', '_celsius', 1],
  ['_pct', '_ratio', 1e-2],
  ['_gco2e', '_gco2e', 1],
]

/** Text format 0.0.4. */
export function prometheus(rows: readonly (readonly Cell[])[]): string {
  const labels = rows.map(labelsOf)
  return COLUMNS.map((column, place) => {
    if (!['integer', 'number', 'boolean', 'time'].includes(column.type) || LABELS.includes(column.name))
      return ''
    const { name, factor } = metricOf(column)
    const samples = rows.flatMap((row, at) => {
      const value = numberOf(column, row[place] ?? null)
      return value === null ? [] : [`${name}{${labels[at]}} ${Number((value * factor).toPrecision(15))}\n`]
    })
    if (samples.length === 0) return ''
    return `# HELP ${name} ${escapedHelp(column.description)}\n# TYPE ${name} gauge\n${samples.join('')}`
  }).join('')
}

function metricOf({ name, type }: Pick<Column, 'name' | 'type'>): { name: string; factor: number } {
  if (type === 'time') return { name: `llem_${name}_timestamp_seconds`, factor: 1 }
  const unit = UNITS.find(([ending]) => `_${name}`.endsWith(ending))
  if (unit === undefined) return { name: `llem_${name}`, factor: 1 }
  const [ending, metric, factor] = unit
  return { name: `llem${`_${name}`.slice(0, -ending.length)}${metric}`, factor }
}

function numberOf({ type }: Column, cell: Cell): number | null {
  if (cell === null) return null
  const number = type === 'time' ? Date.parse(String(cell)) / 1000 : Number(cell)
  return Number.isFinite(number) ? number : null
}

function labelsOf(row: readonly Cell[]): string {
  return LABELS.flatMap((label) => {
    const cell = row[COLUMNS.findIndex(({ name }) => name === label)] ?? null
    return cell === null ? [] : [`${label}="${escapedLabel(String(cell))}"`]
  }).join(',')
}

function escapedLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function escapedHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
