// The table of all configurations, which the page's script sorts and which Markdown has too.

import { plain } from '../results/uncertain.js'
import { type Configuration, type Estimate, valueText } from './configurations.js'
import { breakable, html, type Markup } from './markup.js'
import { aligned, range, UNKNOWN } from './numbers.js'

export interface ColumnKind {
  title: string
  unit: string
  of(configuration: Configuration): number | null
  /** Its text, where that is not the number with so many digits. */
  beside?(configuration: Configuration): string
  digits?: number
}

/** A column of an estimate. */
function estimate(
  title: string,
  unit: string,
  of: (configuration: Configuration) => Estimate | null,
  digits = 4,
): ColumnKind {
  return { title, unit, digits, of: (configuration) => of(configuration)?.value ?? null }
}

export const TABLE_COLUMNS: readonly ColumnKind[] = [
  {
    title: 'Energy per output token',
    unit: 'J',
    of: ({ quoted, kind }) => (kind === 'run' ? (quoted?.value ?? null) : null),
    beside: ({ quoted, kind }) => (kind === 'run' ? quotedText(quoted) : UNKNOWN),
  },
  {
    title: '± (k = 2)',
    unit: 'J',
    of: ({ quoted, kind }) => (kind === 'run' ? (quoted?.uncertainty ?? null) : null),
    beside: ({ quoted, kind }) =>
      kind === 'run' && quoted?.uncertainty != null ? plain(quoted.uncertainty) : UNKNOWN,
  },
  {
    title: '95 % interval',
    unit: 'J',
    of: ({ quoted, kind }) => (kind === 'run' ? (quoted?.low ?? null) : null),
    beside: ({ quoted }) => intervalText(quoted),
  },
  { title: 'Runs', unit: '', digits: 1, of: ({ runs }) => runs.length },
  estimate('Active energy per output token', 'J', ({ activePerOutputTokenJ }) => activePerOutputTokenJ),
  estimate('Throughput', 'output tokens/s', ({ outputTokensPerS }) => outputTokensPerS),
  estimate('TTFT, median', 'ms', ({ ttftP50Ms }) => ttftP50Ms, 3),
  estimate('ITL, median', 'ms', ({ itlP50Ms }) => itlP50Ms, 3),
  estimate('Mean power', 'W', ({ meanPowerW }) => meanPowerW, 4),
  estimate('Energy of a run', 'J', ({ energyJ }) => energyJ, 5),
  { title: 'Warnings', unit: '', digits: 1, of: warningsOf },
]

/** Columns of which something is known. */
export function shownColumns(configurations: readonly Configuration[]): ColumnKind[] {
  return TABLE_COLUMNS.filter(({ of }) => configurations.some((each) => of(each) !== null))
}

/** The texts of a column, in the order of the configurations. */
export function cellsOf(
  { of, beside, digits }: ColumnKind,
  configurations: readonly Configuration[],
): string[] {
  if (beside !== undefined) return configurations.map(beside)
  const text = aligned(configurations.map(of), digits)
  return configurations.map((each) => text(of(each)))
}

/** As far as it is known: by the interval over the runs, of one run by its own uncertainty. */
function quotedText(quoted: Estimate | null): string {
  return quoted === null ? UNKNOWN : (valueText(quoted).split(' ±')[0] as string)
}

function intervalText(quoted: Estimate | null): string {
  return quoted === null || quoted.low === null || quoted.high === null
    ? UNKNOWN
    : range(quoted.low, quoted.high)
}

/** Different warnings of its runs. */
function warningsOf({ runs }: Configuration): number {
  const codes = runs.flatMap(({ findings }) => findings.filter(({ severity }) => severity === 'warning'))
  return new Set(codes.map(({ code }) => code)).size
}

/** The table as the page shows it. */
export function configurationTable(configurations: readonly Configuration[]): Markup {
  const columns = shownColumns(configurations)
  const cells = columns.map((column) => cellsOf(column, configurations))
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of all configurations"><table class="sortable">
<thead><tr><th scope="col" aria-sort="ascending"><button type="button">#</button></th><th scope="col"><button type="button">Configuration</button></th>${columns.map(
    ({ title, unit }) =>
      html`<th scope="col" class="number"><button type="button">${title}${unit !== '' && html`<small>${unit}</small>`}</button></th>`,
  )}</tr></thead>
<tbody>${configurations.map(
    (
      each,
      row,
    ) => html`<tr><td data-v="${each.number}"><b>${each.number}</b></td><th scope="row"><a href="#c${each.number}">${breakable(each.label)}</a>${marks(each)}</th>${columns.map(
      (column, at) => html`<td class="number" data-v="${column.of(each) ?? ''}">${cells[at]?.[row]}</td>`,
    )}</tr>
`,
  )}</tbody></table></div>`
}

/** What sets a configuration apart, in words. */
export function marks({ simulated, throttledRuns, runs }: Configuration): Markup[] {
  return [
    ...(simulated ? [html` <span class="mark">simulated</span>`] : []),
    ...(throttledRuns > 0
      ? [
          html` <span class="mark warn">throttled${runs.length > 1 && ` in ${throttledRuns} of ${runs.length}`}</span>`,
        ]
      : []),
    ...(runs[0]?.energyOf == null ? [] : [html` <span class="mark">${runs[0].energyOf}</span>`]),
  ]
}
