// npm run simulate-statistics [-- --campaigns N] [--json] [--quick]: how often the intervals that llem quotes hold the truth,
// how often the gate is wrong, and how long statistics take. It prints Markdown tables; docs/guide/deciding.md has them.
import { parseArgs } from 'node:util'
import { MEASURES, measuresOf } from '../../dist/campaign/statistics.js'
import { testsOf } from '../../dist/compare/gate.js'
import { ratioOf } from '../../dist/compare/ratio.js'
import { FIRST_CYCLES } from '../../dist/config/schema-campaign.js'
import { SEQUENTIAL_COVERAGE, studentInterval } from '../../dist/results/interval.js'
import { repeated } from '../../dist/results/repeated.js'
import { campaigns, normals, pairedCampaigns, ratioSpread, SPREADS } from './campaigns.mjs'

const NS = [3, 5, 10, 30]
const MARGIN = 0.03
const ALPHA = 0.05

const { values } = parseArgs({
  options: {
    campaigns: { type: 'string', default: '2000' },
    json: { type: 'boolean', default: false },
    // Without the bootstrap, which takes most of the time.
    quick: { type: 'boolean', default: false },
  },
})
const count = Number(values.campaigns)
if (!(Number.isInteger(count) && count > 0)) {
  console.error(`simulate-statistics: --campaigns takes a whole number from 1 on, not ${values.campaigns}`)
  process.exit(2)
}

const found = {
  campaigns: count,
  coverage: Object.entries(SPREADS).flatMap(([name, spread]) => NS.map((n) => coverageOf(name, spread, n))),
  gate: [3, 5, 10, 20, 30].map(gateOf),
  until_ci: [
    [0.02, 2],
    [0.05, 2],
    [0.05, 5],
    [0.1, 5],
  ].map(([sd, pct]) => untilOf(sd, pct)),
  statistics_s: timeOf(),
}
console.log(values.json ? JSON.stringify(found, null, 2) : tables(found))

/** Shares of campaigns whose interval holds the truth. */
function coverageOf(name, spread, n) {
  const held = { t: 0, bootstrap: 0, ratio: 0 }
  const truth = Math.exp(spread.meanLog)
  const holds = ({ low, high }, value) => low <= value && value <= high
  let index = 0
  for (const runs of campaigns(spread, { n, count, seed: n })) {
    if (values.quick) {
      const { low, high } = studentInterval(runs.map(Math.log))
      if (holds({ low, high }, spread.meanLog)) held.t += 1
      continue
    }
    const both = repeated(runs, { unit: 'J', scale: 'log', seed: index++ })
    if (holds(both.quoted, truth)) held.t += 1
    if (holds(both.bootstrap, truth)) held.bootstrap += 1
  }
  const ratio = 1.05
  for (const sides of pairedCampaigns(spread, { n, count, seed: 100 + n, ratio })) {
    if (holds(ratioOf({ ...sides, isPaired: true, isAbsolute: false }, { coverage: 0.95 }), ratio))
      held.ratio += 1
  }
  const share = (times) => times / count
  return {
    ...{ spread: name, n, isHard: spread.isHard === true, t: share(held.t), ratio: share(held.ratio) },
    bootstrap: values.quick ? null : share(held.bootstrap),
  }
}

/** What the gate says of ratios of which a pair's deviation is 2 %. */
function gateOf(n) {
  const answers = (ratio) => {
    let [notWorse, regression] = [0, 0]
    for (const sides of pairedCampaigns(ratioSpread(0.02), { n, count, seed: 7 * n, ratio })) {
      const found = ratioOf({ ...sides, isPaired: true, isAbsolute: false }, { coverage: 0.95 })
      const { p_not_worse, p_regression } = testsOf(found, 'lower', MARGIN)
      if (p_not_worse < ALPHA) notWorse += 1
      if (p_regression < ALPHA) regression += 1
    }
    return { not_worse: notWorse / count, regression: regression / count }
  }
  return { n, at_margin: answers(1 + MARGIN), same: answers(1), worse_5_pct: answers(1.05) }
}

/** Campaigns that go on until the interval is narrow: how often it then holds the truth, and after how many cycles. */
function untilOf(sd, pct) {
  const normal = normals(Math.round(1000 * sd + pct))
  const [most, times] = [1000, 5 * count]
  let [held, cycles] = [0, 0]
  for (let index = 0; index < times; index++) {
    const logs = Array.from({ length: FIRST_CYCLES - 1 }, () => sd * normal())
    let interval
    do {
      logs.push(sd * normal())
      interval = studentInterval(logs, SEQUENTIAL_COVERAGE)
    } while (100 * Math.expm1(interval.high - interval.mean) > pct && logs.length < most)
    if (interval.low <= 0 && 0 <= interval.high) held += 1
    cycles += logs.length
  }
  return { sd, pct, held: held / times, mean_cycles: cycles / times }
}

/** Seconds of this processor for 1000 experiments of 10 cycles, every measure, 1000 resamples. */
function timeOf() {
  const normal = normals(1)
  const runs = Array.from({ length: 10 }, () =>
    Object.fromEntries(MEASURES.map(({ key }) => [key, 100 + normal()])),
  )
  const before = process.cpuUsage()
  for (let seed = 0; seed < 1000; seed++) measuresOf(runs, seed)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

function tables({ coverage, gate, until_ci, statistics_s, campaigns: times }) {
  const pct = (share) => (share === null ? '-' : `${(100 * share).toFixed(1)} %`)
  const table = (head, rows) =>
    [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
  return [
    `${times} campaigns each. 95 % intervals hold the truth in:`,
    table(
      ['spread of a run', 'n', "quoted (Student's t)", 'bootstrap', 'paired ratio'],
      coverage.map(({ spread, n, t, bootstrap, ratio }) => [
        ...[SPREADS[spread].text, n, pct(t), pct(bootstrap), pct(ratio)],
      ]),
    ),
    'The gate with a margin of 3 %, of ratios whose pairs spread by 2 %:',
    table(
      [
        'n',
        'at the margin: wrongly "not worse"',
        'wrongly "worse"',
        'no difference: "not worse"',
        '5 % worse: "worse"',
      ],
      gate.map(({ n, at_margin, same, worse_5_pct }) => [
        ...[
          n,
          pct(at_margin.not_worse),
          pct(at_margin.regression),
          pct(same.not_worse),
          pct(worse_5_pct.regression),
        ],
      ]),
    ),
    '`--until-ci`:',
    table(
      ['spread of a run', 'until', 'holds the truth in', 'cycles (mean)'],
      until_ci.map(({ sd, pct: until, held, mean_cycles }) => [
        ...[pct(sd), `${until} %`, pct(held), mean_cycles.toFixed(1)],
      ]),
    ),
    `Statistics of 1000 experiments, 10 cycles, every measure, 1000 resamples: ${statistics_s.toFixed(1)} s.`,
  ].join('\n\n')
}
