import { digits, table } from '../table.mjs'
import { LLEM } from './errors.mjs'

const ANSWER = { true: 'yes', false: '**no**', null: '-' }

export function accuracySection({ sensor, tools, loads, results, goals }) {
  return [
    `Error in percent of the true energy, p50 / p95 of its size over the windows of one length. Every tool measures the
same windows at the same time, in processes of its own, on simulated GPUs, one for each load. Their sensor publishes
the mean of the last ${sensor.window_ms} ms every ${sensor.update_period_ms} ms; a call takes 20 us, one of the energy counter 200 us. A tool's answer is
compared with the true energy of its own window, from the middle of the call that begins it to the middle of the one
that ends it. A window is up to 0.1 s longer than its name says, so that it is no whole number of sensor periods.`,
    tools.map(toolLine).join('\n'),
    `"covered" is the share of windows whose true energy lies within llem's \`uncertainty_j\`, beside the median of that in
percent; "unanswered" are windows of which a tool gave no energy.`,
    ...loads.map((load) => loadTable(load, results)),
    `### What holds

The headline's p95 beside the goal for it, beside the best peer of the same run, and how many times smaller it is than
ZeusMonitor's. No worse than the peer is a p95 that is no larger and no more unanswered windows.
${tallyOf(goals)}`,
    goalsTable(goals),
  ].join('\n\n')
}

function toolLine({ name, version, how }) {
  return `- ${name}${version === null ? '' : ` (${version})`}: ${how}`
}

function tallyOf(goals) {
  const of = (key) => {
    const asked = goals.map(({ holds }) => holds[key]).filter((holds) => holds !== null)
    return `${asked.filter(Boolean).length} of ${asked.length}`
  }
  return `Met: the goal ${of('largest')}, no worse than the best peer ${of('best_peer')}, times ZeusMonitor ${of('zeus_monitor')}.`
}

function loadTable({ name, what }, results) {
  const ofLoad = results.filter(({ load }) => load === name)
  const tools = [...new Set(ofLoad.map(({ tool }) => tool))]
  const lengths = [...new Set(ofLoad.map(({ length_s }) => length_s))].toSorted((a, b) => a - b)
  const rows = lengths.map((lengthS) => {
    const of = (tool) => ofLoad.find((result) => result.tool === tool && result.length_s === lengthS)
    const { windows, covered, uncertainty_p50_pct } = of(LLEM)
    return [
      `${lengthS} s, ${windows} windows`,
      ...tools.map((tool) => errorText(of(tool))),
      `${Math.round(100 * covered)} %, ${digits(uncertainty_p50_pct)}`,
    ]
  })
  return `### ${name}\n\n${what}\n\n${table(['window', ...tools, 'covered, U'], rows)}`.trimEnd()
}

function errorText(result) {
  if (result === undefined) return '-'
  return `${digits(result.p50_pct)} / ${withUnanswered(digits(result.p95_pct), result.unanswered)}`
}

function withUnanswered(text, unanswered) {
  return unanswered > 0 ? `${text}, ${unanswered} unanswered` : text
}

function goalsTable(goals) {
  const head = [
    'load',
    'window',
    'p95',
    'goal',
    'met',
    'best peer',
    'its p95',
    'no worse',
    'x ZeusMonitor',
    'met',
  ]
  const rows = goals
    .toSorted((a, b) => a.length_s - b.length_s)
    .map((goal) => [
      goal.load,
      `${goal.length_s} s`,
      withUnanswered(digits(goal.p95_pct), goal.unanswered),
      digits(goal.largest_pct),
      ANSWER[goal.holds.largest],
      goal.best_peer,
      withUnanswered(digits(goal.best_peer_p95_pct), goal.best_peer_unanswered),
      ANSWER[goal.holds.best_peer],
      `${digits(goal.times_below_zeus_monitor)}${goal.times_goal === null ? '' : ` (goal ${goal.times_goal})`}`,
      ANSWER[goal.holds.zeus_monitor],
    ])
  return table(head, rows).trimEnd()
}
