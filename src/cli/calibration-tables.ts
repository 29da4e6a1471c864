import type { Calibration, Reference, ShortestWindows } from '../results/calibration.js'
import { uncertain } from '../results/uncertain.js'
import { quantity } from './screen.js'
import { columns, facts } from './tables.js'

/** When the sampler makes a call: the hot loop is what it does at every deadline, the slow lane all the rest. */
const LANES = {
  hot: 'hot loop',
  edges: 'at edges, else 5 Hz',
  slow: 'slow lane',
  rare: 'slow lane, rarely',
  unknown: '',
} as const

/** What the energy counter was seen to do. */
const KINDS = {
  integral: 'integrates the power',
  sum_of_readings: "adds up the sensor's own readings, and misses what they miss",
  undecided: 'unknown: the load was too even to tell',
  none: 'there is none',
} as const

/** A calibration for people: facts, driver calls, and how short a window may be. */
export function calibrationTables(calibration: Calibration): string {
  const { call_latencies: calls, shortest_windows: shortest } = calibration
  const latencies = calls.map((call) => [
    `  ${call.call}`,
    LANES[call.lane ?? 'unknown'],
    call.under_load ? 'load' : 'idle',
    String(call.calls),
    quantity(call.p50_us, 'us'),
    quantity(call.p99_us, 'us'),
    quantity(call.max_us, 'us'),
    call.error ?? '',
  ])
  return [
    facts([...factsOf(calibration)], { indent: 0 }),
    ...(calls.length === 0
      ? []
      : [
          columns(
            ['  Driver call', 'made', 'GPU', 'calls', 'p50', 'p99', 'max', ''],
            latencies,
            [3, 4, 5, 6],
          ),
        ]),
    ...(shortest === null ? [] : [shortestTable(shortest)]),
  ].join('\n')
}

function* factsOf(calibration: Calibration): Generator<[name: string, fact: string]> {
  const { averaging_window: window, counter } = calibration
  yield ['  Update period', quantity(calibration.update_period_ms, 'ms', 2)]
  if (window === null) {
    yield ['  Averaging window', `unknown: ${calibration.averaging_window_reason}`]
  } else {
    yield ['  Averaging window', `${window.window_ms.toFixed(1)} ms +- ${window.window_error_ms.toFixed(1)}`]
    yield [
      '  Delay',
      `${quantity(window.delay_ms, 'ms')} +- ${window.delay_error_ms.toFixed(1)} (the load explains ${window.explained_pct.toFixed(1)} % of ${window.readings} readings)`,
    ]
  }
  yield ['  Counter period', quantity(counter.period_ms, 'ms', 2)]
  // The driver counts in whole millijoules, so that a finer step cannot be seen.
  yield [
    '  Counter quantum',
    counter.quantum_mj === 1 ? 'at most 1 mJ' : quantity(counter.quantum_mj, 'mJ', 0),
  ]
  const open = counter.kind === 'undecided' && counter.kind_reason !== null
  yield ['  Counter', open ? `unknown: ${counter.kind_reason}` : KINDS[counter.kind]]
  if (counter.delay_ms !== null)
    yield [
      '  Counter delay',
      `${counter.delay_ms.toFixed(1)} ms +- ${(counter.delay_error_ms ?? 0).toFixed(1)}`,
    ]
  else if (counter.delay_reason !== null) yield ['  Counter delay', `unknown: ${counter.delay_reason}`]
  if (counter.gain_ratio !== null) {
    const { ratio, uncertainty } = counter.gain_ratio
    yield ['  Readings / counter', uncertain(ratio, uncertainty, '')]
  } else if (counter.gain_ratio_reason !== null)
    yield ['  Readings / counter', `unknown: ${counter.gain_ratio_reason}`]
  if (calibration.reference !== null) yield* meterFacts(calibration.reference)
  else if (calibration.reference_reason !== null)
    yield ['  Meter', `unknown: ${calibration.reference_reason}`]
  if (calibration.shortest_windows === null)
    yield ['  Shortest window', `unknown: ${calibration.shortest_windows_reason}`]
}

/** What an external meter said. */
function* meterFacts(reference: Reference): Generator<[name: string, fact: string]> {
  const { scope, certificate, gain, gain_reason, slope, offset_w, clock_offset_s: clock } = reference
  yield ['  Meter', `of the ${scope}${certificate === null ? '' : `, ${certificate}`}`]
  yield ['  Meter clock', `${uncertain(clock.value, clock.uncertainty, 's')} later than this machine's`]
  if (gain !== null)
    yield [
      '  Meter / llem',
      `${uncertain(gain.ratio, gain.uncertainty, '')}, by ${gain.method}, over ${reference.levels.length} levels`,
    ]
  else yield ['  Meter / llem', `no gain of the board: ${gain_reason}`]
  if (slope !== null && offset_w !== null)
    yield [
      '  Meter line',
      `${uncertain(slope.value, slope.uncertainty, 'W')} for each W, and ${uncertain(offset_w.value, offset_w.uncertainty, 'W')}`,
    ]
}

function shortestTable({ lengths, method, mean_power_w, under_load }: ShortestWindows): string {
  const where = under_load ? 'under the load' : 'of whatever the GPU did'
  const rows = lengths.map(({ uncertainty_pct, length_s }) => [
    `  ${uncertainty_pct} %`,
    length_s === null ? 'none is long enough' : quantity(length_s, 's', 2),
    `by ${method}, ${where}, ${quantity(mean_power_w, 'W')}`,
  ])
  return columns(['  Uncertainty', 'shortest window', ''], rows, [1])
}
