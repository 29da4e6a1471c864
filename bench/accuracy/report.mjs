import { digits, table } from '../table.mjs'
import { LLEM } from './errors.mjs'
import { MODELLED } from './loads.mjs'

const ANSWER = { true: 'yes', false: '**no**', null: '-' }
const BETTER = { yes: '**yes**', perhaps: 'perhaps', no: 'no', null: '-' }

export function accuracySection({ sensor, tools, busy_share, loads, results, coverage, goals }) {
  const modelled = loads.filter((load) => load.class === MODELLED)
  const others = loads.filter((load) => load.class !== MODELLED)
  return [
    `Error in percent of the true energy, p50 / p95 of its size over the windows of one length. Every tool measures the
same windows at the same time, in processes of its own, on simulated GPUs, one for each load of each class. The modelled
sensor publishes the mean of the last ${sensor.window_ms} ms every ${sensor.update_period_ms} ms; a call takes 20 us, one of the energy counter 200 us. A
tool's answer is compared with the true energy of its own window, from the middle of the call that begins it to the middle
of the one that ends it. A window is up to 0.1 s longer than its name says, so that it is no whole number of sensor
periods.`,
    tools.map(toolLine).join('\n'),
    `"covered" is the share of windows whose true energy lies within llem's \`uncertainty_j\` (of a counter with another gain:
\`absolute_uncertainty_j\`), beside the median of that in percent; "unanswered" are windows of which a tool gave no energy.`,
    ...(busy_share === null ? [] : [machineTable(tools, busy_share)]),
    ...modelled.map((load) => loadTable(load, results)),
    ...(others.length > 0 ? sensorTables(others, results) : []),
    ...(coverage.length > 0 ? [coverageSection(coverage)] : []),
    `### What holds

The headline's p95 beside the goal for it, beside the best peer of the same run, and how many times smaller it is than
ZeusMonitor's. No worse than the peer is a p95 that is no larger and no more unanswered windows. The difference is the
peer's p95 over llem's less 1, with its 95 % interval (paired bootstrap over the windows): positive where llem is better. The
peer is better where its p95 is lower by more than 10 %, from 5 s on: "yes" where the whole interval says so, "perhaps"
where the difference does and its interval does not.
${tallyOf(goals)}`,
    goalsTable(goals),
  ].join('\n\n')
}

function toolLine({ name, version, how }) {
  return `- ${name}${version === null ? '' : ` (${version})`}: ${how}`
}

/** Whether the tools disturbed one another. */
function machineTable(tools, busyShare) {
  const rows = tools.map(({ name, cores, late: { start, end } }) => [
    ...[name, cores.toFixed(3)],
    ...[start.p50_ms, start.p99_ms, end.p50_ms, end.p99_ms].map(digits),
  ])
  const head = ['tool', 'cores', 'start late p50, ms', 'p99, ms', 'end late p50, ms', 'p99, ms']
  return `### The machine meanwhile

${Math.round(100 * busyShare)} % of all cores were busy while the windows were measured. Each tool's own CPU time in cores, and how much later
than planned its windows began and ended; who opens one GPU after the other is late for the last of them.

${table(head, rows)}`.trimEnd()
}

function sensorTables(loads, results) {
  const lengths = [...new Set(results.map(({ length_s }) => length_s))].toSorted((a, b) => a - b)
  const classes = [...new Set(loads.map((load) => load.class))]
  const what = (name) => loads.find((load) => load.class === name).what
  return [
    `### Other boards

Each under a serving load and under a square of 75 and 480 W in step with its sensor.

${classes.map((name) => `- ${name}: ${what(name)}`).join('\n')}`,
    ...lengths.map((lengthS) => `#### Windows of ${lengthS} s\n\n${sensorTable(loads, results, lengthS)}`),
  ]
}

function sensorTable(loads, results, lengthS) {
  const here = results.filter(({ length_s }) => length_s === lengthS)
  const tools = [...new Set(here.filter((result) => result.class !== MODELLED).map(({ tool }) => tool))]
  const rows = loads.map((load) => {
    const of = (tool) =>
      here.find((result) => result.class === load.class && result.load === load.name && result.tool === tool)
    return [`${load.class}, ${load.name}`, ...tools.map((tool) => errorText(of(tool))), coveredText(of(LLEM))]
  })
  return table(['class, load', ...tools, 'covered, U'], rows).trimEnd()
}

function coverageSection(coverage) {
  const lengths = [...new Set(coverage.map(({ length_s }) => length_s))].toSorted((a, b) => a - b)
  const rows = [...new Set(coverage.map((each) => each.class))].map((name) => [
    name,
    ...lengths.map((lengthS) =>
      coveredText(coverage.find((each) => each.class === name && each.length_s === lengthS)),
    ),
  ])
  const head = ['class', ...lengths.map((lengthS) => `${lengthS} s`)]
  return `### Coverage

Share of windows inside llem's uncertainty, all loads of a class together, and the median of the uncertainty in percent.

${table(head, rows)}`.trimEnd()
}

function coveredText({ covered, uncertainty_p50_pct }) {
  return `${Math.round(100 * covered)} %, ${digits(uncertainty_p50_pct)}`
}

function tallyOf(goals) {
  const of = (key) => {
    const asked = goals.map(({ holds }) => holds[key]).filter((holds) => holds !== null)
    return `${asked.filter(Boolean).length} of ${asked.length}`
  }
  const better = (answer) => goals.filter(({ peer_is_better }) => peer_is_better === answer).length
  return `Met: the goal ${of('largest')}, no worse than the best peer ${of('best_peer')}, times ZeusMonitor ${of('zeus_monitor')}. A peer is better: yes
${better('yes')}, perhaps ${better('perhaps')}, no ${better('no')}.`
}

function loadTable({ name, what }, results) {
  const ofLoad = results.filter((result) => result.class === MODELLED && result.load === name)
  const tools = [...new Set(ofLoad.map(({ tool }) => tool))]
  const lengths = [...new Set(ofLoad.map(({ length_s }) => length_s))].toSorted((a, b) => a - b)
  const rows = lengths.map((lengthS) => {
    const of = (tool) => ofLoad.find((result) => result.tool === tool && result.length_s === lengthS)
    return [
      `${lengthS} s, ${of(LLEM).windows} windows`,
      ...tools.map((tool) => errorText(of(tool))),
      coveredText(of(LLEM)),
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
    'class, load',
    'window',
    'p95',
    'goal',
    'met',
    'best peer',
    'its p95',
    'no worse',
    'difference, %',
    'peer is better',
    'x ZeusMonitor',
    'met',
  ]
  const rows = goals
    .toSorted((a, b) => a.length_s - b.length_s)
    .map((goal) => [
      `${goal.class}, ${goal.load}`,
      `${goal.length_s} s`,
      withUnanswered(digits(goal.p95_pct), goal.unanswered),
      digits(goal.largest_pct),
      ANSWER[goal.holds.largest],
      goal.best_peer,
      withUnanswered(digits(goal.best_peer_p95_pct), goal.best_peer_unanswered),
      ANSWER[goal.holds.best_peer],
      differenceText(goal.paired),
      BETTER[goal.peer_is_better],
      `${digits(goal.times_below_zeus_monitor)}${goal.times_goal === null ? '' : ` (goal ${goal.times_goal})`}`,
      ANSWER[goal.holds.zeus_monitor],
    ])
  return table(head, rows).trimEnd()
}

function differenceText(paired) {
  if (paired === null) return '-'
  const { difference_pct, low_pct, high_pct } = paired
  return `${signed(difference_pct)} (${signed(low_pct)} to ${signed(high_pct)})`
}

/** Nobody needs to know how many thousand percent worse a peer is. */
function signed(percent) {
  if (percent > 999) return '> 999'
  return `${percent > 0 ? '+' : ''}${Math.round(percent)}`
}
