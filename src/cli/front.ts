// llem compare CAMPAIGN: all of its experiments, which are on the front, and which meets what was asked of it.

import { AGAINST, type Front, frontOf, type Point } from '../compare/front.js'
import { METRICS } from '../compare/metrics.js'
import type { Level } from '../compare/ratio.js'
import type { Source } from '../compare/read-series.js'
import { markdownText } from '../core/markdown.js'
import { valueText } from './compare-tables.js'
import { objectiveOf } from './objective.js'
import { print, printJson, SIMULATED, say } from './screen.js'
import { columns } from './tables.js'

interface FrontOptions {
  slo: readonly string[]
  json: boolean
  format: 'text' | 'md'
}

export function showFront(source: Source, { slo, json, format }: FrontOptions): void {
  const front = frontOf(source, slo.map(objectiveOf))
  for (const problem of front.problems) say(`Note: ${problem}`)
  if (json) return void printJson(front)
  if (front.simulated && format === 'text') say(SIMULATED)
  print(format === 'md' ? frontMarkdown(front) : frontText(front))
}

function frontText(front: Front): string {
  const rows = front.points.map(cellsOf)
  return [...answerOf(front), columns(HEAD, rows, [1, 2, 3, 4, 5]), '', ...notesOf(front)]
    .join('\n')
    .trimEnd()
}

function frontMarkdown(front: Front): string {
  const line = (cells: readonly string[]) => `| ${cells.map(markdownText).join(' | ')} |`
  const table = [
    line(HEAD),
    '|---|---:|---:|---:|---:|---:|',
    ...front.points.map((point) => line(cellsOf(point))),
  ]
  const simulated = front.simulated ? [`> ${SIMULATED}`, ''] : []
  const notes = notesOf(front).map((note) => `- ${markdownText(note)}`)
  return [...simulated, ...answerOf(front).map(markdownText), ...table, '', ...notes].join('\n').trimEnd()
}

const HEAD = ['experiment', 'n', 'J/output token', 'output tokens/s', 'TTFT p50 (ms)', 'ITL p50 (ms)']
const MARKS = { front: ' *', perhaps: ' ~', behind: '' } as const

function cellsOf({ name, runs, energy, against, standing }: Point): string[] {
  const cells = AGAINST.map((key) => `${levelText(against[key] ?? null)}${MARKS[standing[key] ?? 'behind']}`)
  return [name, String(runs), levelText(energy), ...cells]
}

function levelText(level: Level | null): string {
  if (level === null) return '-'
  const { value, low, high } = level
  return low === null || high === null
    ? valueText(value)
    : `${valueText(value)} [${valueText(low)}, ${valueText(high)}]`
}

/** What meets the objectives; nothing where there are none. */
function answerOf({ slo, points, cheapest }: Front): string[] {
  if (slo.length === 0) return []
  const limits = slo.map(({ metric, limit }) => {
    const { title = metric, unit = '', better } = METRICS.find(({ key }) => key === metric) ?? {}
    return `${title} ${better === 'higher' ? '>=' : '<='} ${limit} ${unit}`
  })
  const kept = points.filter(({ keeps }) => keeps.every((each) => each === true)).length
  const unsure = points.filter(({ keeps }) => !keeps.includes(false) && keeps.includes(null)).length
  const count = `${kept} of ${points.length} experiments are shown to keep ${limits.join(' and ')}`
  const open = unsure === 0 ? '' : `; of ${unsure} it is not shown`
  const best = points.find(({ name }) => name === cheapest)
  const least =
    best === undefined ? '' : ` ${best.name} uses least: ${levelText(best.energy)} J/output token.`
  return [`${count}${open}.${least}`, '']
}

function notesOf({ notes, points }: Front): string[] {
  const apart = points.filter(({ throttled, failed }) => throttled + failed > 0)
  return [
    '* on the front: no other is better in this and in J/output token. ~ perhaps: one is, which is not shown.',
    ...notes,
    ...apart.map(
      ({ name, throttled, failed }) =>
        `${name}: ${throttled} throttled and ${failed} failed runs are left out`,
    ),
  ]
}
