// llem plan-cycles: what has been measured -> how many cycles tell a difference.

import { type CyclePlan, planCycles } from '../compare/cycles.js'
import type { MetricKey } from '../compare/metrics.js'
import { readSide } from '../compare/reference.js'
import { percentText } from '../compare/words.js'
import { metricOf } from './metric-option.js'
import { print, printJson, say } from './screen.js'
import { columns } from './tables.js'

interface PlanOptions {
  detect: number
  metric?: string
  references?: string
  json?: boolean
}

/** Says how many cycles of each experiment tell a difference of so much. */
export function tellCycles(path: string, { detect, metric, references, json = false }: PlanOptions): void {
  const key: MetricKey = metric === undefined ? 'energy_per_output_token_j' : metricOf(metric)
  const plan = planCycles(readSide(path, references), { detect, metric: key })
  for (const problem of plan.problems) say(`Note: ${problem}`)
  if (json) printJson(plan)
  else print(planText(plan))
}

function planText({ title, detect, alpha, power, apart, paired }: CyclePlan): string {
  const rows = apart.map((each) => [each.name, String(each.n), spreadText(each), cyclesText(each)])
  const of = `a difference of ${percentText(detect)} in ${title}`
  const sure = `${percentText(power)} of the time, by a test at ${percentText(alpha)}`
  const inOne =
    paired === null
      ? 'No two experiments were measured in turns, so that nothing is known of pairs.'
      : `In one campaign, cycle by cycle: ${cyclesText(paired)} (${paired.a} and ${paired.b}, which differ by ${spreadText(paired)} over ${paired.n} cycles)`
  return [
    `To tell ${of}, ${sure}:`,
    inOne,
    '',
    'Between two campaigns, of each:',
    columns(['experiment', 'n', 'spread', 'cycles'], rows, [1, 2, 3]),
  ].join('\n')
}

/** Standard deviation of a cycle, as a share. */
function spreadText({ spread }: { spread: number }): string {
  return `${Number((100 * spread).toPrecision(2))} %`
}

function cyclesText({ cycles, reason }: { cycles: number | null; reason: string | null }): string {
  return cycles === null ? `- (${reason})` : `${cycles} cycles`
}
