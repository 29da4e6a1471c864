// The report as Markdown, for a pull request or an issue: the same sentences and the same table.

import { markdownText } from '../core/markdown.js'
import { METHOD } from './method.js'
import type { Report } from './report.js'
import { citationOf, headlineOf, sentencesOf, subjectOf } from './sentences.js'
import { cellsOf, shownColumns } from './table.js'

/** The whole text. */
export function markdown(report: Report): string {
  const { configurations, runs, leftOut, references } = report
  const isSimulated = runs.length > 0 && runs.every(({ simulated }) => simulated)
  const parts = [
    `## Energy of inference`,
    ...(isSimulated ? ['**Simulated.** These numbers come from a simulated GPU, not from hardware.'] : []),
    markdownText(subjectOf(report)),
    ...headlineText(report),
    ...list(sentencesOf(report)),
    ...(configurations.length === 0 ? [] : [table(report)]),
    ...warnings(report),
    ...(references.length === 0
      ? []
      : [
          '**Points of others** (other method):',
          ...list(
            references.map(
              ({ name, energyPerOutputTokenJ, source }) =>
                `${name}: ${energyPerOutputTokenJ} J/output token${source === null ? '' : `, ${source}`}`,
            ),
          ),
        ]),
    ...(leftOut.length === 0
      ? []
      : ['**Left out:**', ...list(leftOut.map(({ folder, reason }) => `${folder}: ${reason}`))]),
    `<details><summary>Method</summary>\n\n${METHOD.map(([term, text]) => `- **${markdownText(term)}**: ${markdownText(text)}`).join('\n')}\n\n</details>`,
    ...(runs.length === 0 ? [] : [markdownText(citationOf(report))]),
  ]
  return `${parts.join('\n\n')}\n`
}

function headlineText(report: Report): string[] {
  const found = headlineOf(report)
  if (found === null) return ['Nothing can be quoted of these results.']
  const { title, configuration, number, unit, how } = found
  return [
    `**${number} ${unit}**: ${markdownText(`${title}, ${configuration.number} ${configuration.label}. ${how}.`)}`,
  ]
}

function table({ configurations }: Report): string {
  const columns = shownColumns(configurations)
  const cells = columns.map((column) => cellsOf(column, configurations))
  const rows = configurations.map(({ number, label, simulated, throttledRuns, runs }, row) => {
    const marks = [
      ...(simulated ? ['simulated'] : []),
      ...(throttledRuns > 0 ? ['throttled'] : []),
      ...(runs[0]?.energyOf == null ? [] : [runs[0].energyOf]),
    ]
    return [
      String(number),
      markdownText(label) + marks.map((mark) => ` *${mark}*`).join(''),
      ...cells.map((column) => markdownText(column[row] ?? '')),
    ]
  })
  const head = [
    '#',
    'Configuration',
    ...columns.map(({ title, unit }) => markdownText(unit === '' ? title : `${title} (${unit})`)),
  ]
  return [head, ['--:', '---', ...columns.map(() => '--:')], ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n')
}

/** Each kind of warning once, in the words of the first, with the configurations that have it. */
function warnings({ configurations }: Report): string[] {
  const all = new Map<string, { text: string; texts: Set<string>; numbers: Set<number> }>()
  for (const { number, runs } of configurations)
    for (const { severity, code, text } of runs.flatMap(({ findings }) => findings)) {
      if (severity !== 'warning') continue
      const known = all.get(code) ?? { text, texts: new Set<string>(), numbers: new Set<number>() }
      all.set(code, { text: known.text, texts: known.texts.add(text), numbers: known.numbers.add(number) })
    }
  if (all.size === 0) return []
  const told = [...all].map(([code, { text, texts, numbers }]) => {
    const more = texts.size === 1 ? '' : ` (and ${texts.size - 1} more of this kind)`
    return `${code}, of ${[...numbers].join(', ')}: ${text}${more}`
  })
  const title = `${all.size} ${all.size === 1 ? 'kind' : 'kinds'} of warning`
  return [`<details><summary>${title}</summary>\n\n${list(told).join('')}\n\n</details>`]
}

function list(items: readonly string[]): string[] {
  return items.length === 0 ? [] : [items.map((item) => `- ${markdownText(item)}`).join('\n')]
}
