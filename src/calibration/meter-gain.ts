// What an external meter says of a board, from levels of power that lasted: its gain, with an uncertainty in the manner of
// the GUM (JCGM 100:2008), where it measures the board alone; else a slope and an offset.

import type { LoadEdge } from '../native/addon.js'
import type { Method } from '../results/board.js'
import type { Reference } from '../results/calibration.js'
import { curveOfWatts, type EnergyCurve, firstFrom, joulesBetween } from './energy-curve.js'
import { around, type Clock, longestStepS, meterClock } from './meter-clock.js'
import type { MeterRecord } from './meter-file.js'

/** A shorter stretch between two edges is no level: power settles, and meters average. */
const LEAST_LEVEL_S = 4
/** After an edge the power is left so long to settle. */
const SETTLE_S = 1.5
/** Of which so much has to be left. */
const LEAST_USED_S = 1
const FEWEST_LEVELS = 2
/** Levels have to be this share of the highest apart for a slope. */
const LEAST_APART = 0.1
/** A board that is further from a meter of itself than this is none: 0.95 to 1.06 were seen (arXiv:2312.02741). */
const PLAUSIBLE = 0.2
/** From a standard uncertainty to the one that is told. */
const COVERAGE_FACTOR = 2

/** llem's own measurement of the same time. */
export interface Measured {
  /** Seconds since 1970 by this machine's clock. */
  curve: EnergyCurve
  /** The load's edges by that clock. */
  edges: readonly { atS: number; on: boolean }[]
  method: Method
  /** Of all of it (k = 1), as a share. */
  deviation: number
  measuredAt: string
}

interface Level {
  durationS: number
  llemJ: number
  meterJ: number
}

/** The edges of a load on the clock of a curve. `unixS`: what that is at a moment of CLOCK_MONOTONIC. */
export function edgesOnClock(edges: readonly LoadEdge[], unixS: (ns: number) => number): Measured['edges'] {
  return edges.map(({ tNs, on }) => ({ atS: unixS(tNs), on })).sort((a, b) => a.atS - b.atS)
}

/** What the meter says, or why it says nothing. */
export function compareMeter(record: MeterRecord, measured: Measured): Reference | string {
  const told =
    record.quantity === 'watts'
      ? curveOfWatts(record.timesS, record.values)
      : { timesS: record.timesS, joules: record.values }
  const meter = around(told, measured.curve)
  const clock = meterClock(meter, measured.curve)
  if (typeof clock === 'string') return clock
  const levels = levelsOf(meter, measured, clock, clock.offsetS)
  if (levels.length < FEWEST_LEVELS) {
    return `the load held ${levels.length} levels of power for ${LEAST_LEVEL_S} s or longer that the meter read without a gap, fewer than ${FEWEST_LEVELS}`
  }
  const { scope, quantity, standardUncertaintyPct, certificate } = record
  const base = {
    scope,
    quantity,
    standard_uncertainty_pct: standardUncertaintyPct,
    certificate,
    method: measured.method,
    clock_offset_s: { value: clock.offsetS, uncertainty: COVERAGE_FACTOR * clock.deviationS },
    correlation: clock.correlation,
    levels: levels.map(({ durationS, llemJ, meterJ }) => ({
      duration_s: durationS,
      llem_w: llemJ / durationS,
      meter_w: meterJ / durationS,
    })),
  }
  return scope === 'board'
    ? { ...base, ...gainOf(record, meter, measured, clock, levels) }
    : lineOf(base, standardUncertaintyPct)
}

/** Levels that the meter read without a gap, from one of its readings to another. */
function levelsOf(meter: EnergyCurve, { curve, edges }: Measured, clock: Clock, offsetS: number): Level[] {
  const apartS = 2 * clock.deviationS * COVERAGE_FACTOR
  return edges.slice(1).flatMap(({ atS: endS }, k) => {
    const startS = edges[k]?.atS ?? endS
    if (endS - startS < LEAST_LEVEL_S) return []
    const [fromS, toS] = longestRun(
      meter.timesS,
      startS + SETTLE_S + apartS + clock.offsetS,
      endS - apartS + clock.offsetS,
    )
    const [llemJ, meterJ] = [
      joulesBetween(curve, fromS - offsetS, toS - offsetS),
      joulesBetween(meter, fromS, toS),
    ]
    const durationS = toS - fromS
    return llemJ === null || meterJ === null || llemJ <= 0 || durationS < LEAST_USED_S
      ? []
      : [{ durationS, llemJ, meterJ }]
  })
}

/** From the first to the last reading of the longest stretch without a gap. */
function longestRun(timesS: readonly number[], fromS: number, toS: number): [number, number] {
  const longestS = longestStepS(timesS)
  let run: [number, number] = [fromS, fromS]
  let longest = run
  for (let k = firstFrom(timesS, fromS); k < timesS.length; k++) {
    const timeS = timesS[k] ?? 0
    if (timeS > toS) break
    run =
      k > 0 && timeS - (timesS[k - 1] ?? 0) <= longestS && run[1] > fromS ? [run[0], timeS] : [timeS, timeS]
    if (run[1] - run[0] > longest[1] - longest[0]) longest = run
  }
  return longest
}

function gainOf(
  { standardUncertaintyPct, certificate }: MeterRecord,
  meter: EnergyCurve,
  measured: Measured,
  clock: Clock,
  levels: readonly Level[],
): Pick<Reference, 'components' | 'gain' | 'gain_reason' | 'slope' | 'offset_w'> {
  const ratio = ratioOf(levels)
  const shifted = [-1, 1].map((sign) =>
    ratioOf(levelsOf(meter, measured, clock, clock.offsetS + sign * clock.deviationS)),
  )
  const components: Reference['components'] = [
    { component: 'meter', type: 'B', standard_uncertainty_pct: standardUncertaintyPct },
    { component: 'ratio, from level to level', type: 'A', standard_uncertainty_pct: 100 * spreadOf(levels) },
    {
      component: 'clocks',
      type: 'A',
      standard_uncertainty_pct: 50 * Math.abs(((shifted[1] ?? ratio) - (shifted[0] ?? ratio)) / ratio),
    },
    { component: 'energy by llem', type: 'A', standard_uncertainty_pct: 100 * measured.deviation },
  ]
  const standardPct = Math.hypot(...components.map((each) => each.standard_uncertainty_pct))
  const isPlausible = Math.abs(ratio - 1) <= PLAUSIBLE
  return {
    components,
    gain: isPlausible
      ? {
          ratio,
          uncertainty: (COVERAGE_FACTOR * ratio * standardPct) / 100,
          method: measured.method,
          certificate,
          measured_at: measured.measuredAt,
        }
      : null,
    gain_reason: isPlausible
      ? null
      : `the meter says ${ratio.toFixed(2)} times what llem says, further from 1 than a board is off; does it measure more than the board?`,
    slope: null,
    offset_w: null,
  }
}

function ratioOf(levels: readonly Level[]): number {
  return sum(levels.map(({ meterJ }) => meterJ)) / sum(levels.map(({ llemJ }) => llemJ))
}

/** How far the ratio differs from level to level, as a share of it. It is no mere chance, and so not smaller for more of them. */
function spreadOf(levels: readonly Level[]): number {
  const ratio = ratioOf(levels)
  const squares = levels.map(({ llemJ, meterJ }) => llemJ * (meterJ / llemJ / ratio - 1) ** 2)
  const n = levels.length
  return Math.sqrt((sum(squares) / sum(levels.map(({ llemJ }) => llemJ))) * (n / (n - 1)))
}

/** Of a meter of more than the board: watts of it for each of llem's, and at none, by least squares. */
function lineOf(
  base: Omit<Reference, 'components' | 'gain' | 'gain_reason' | 'slope' | 'offset_w'>,
  standardUncertaintyPct: number,
): Reference | string {
  const [x, y] = [base.levels.map(({ llem_w }) => llem_w), base.levels.map(({ meter_w }) => meter_w)]
  if (Math.max(...x) - Math.min(...x) < LEAST_APART * Math.max(...x))
    return 'the levels of power are too close together to tell a slope'
  const [n, meanX, meanY] = [x.length, sum(x) / x.length, sum(y) / y.length]
  const spread = sum(x.map((value) => (value - meanX) ** 2))
  const slope = sum(x.map((value, k) => (value - meanX) * ((y[k] ?? 0) - meanY))) / spread
  const offsetW = meanY - slope * meanX
  const left = sum(x.map((value, k) => ((y[k] ?? 0) - offsetW - slope * value) ** 2)) / Math.max(1, n - 2)
  const meter = standardUncertaintyPct / 100
  const slopeDeviation = Math.hypot(Math.sqrt(left / spread), slope * meter)
  const offsetDeviation = Math.hypot(Math.sqrt(left * (1 / n + meanX ** 2 / spread)), offsetW * meter)
  return {
    ...base,
    components: [{ component: 'meter', type: 'B', standard_uncertainty_pct: standardUncertaintyPct }],
    gain: null,
    gain_reason: `a meter of the ${base.scope} measures more than the board, and tells a slope`,
    slope: { value: slope, uncertainty: COVERAGE_FACTOR * slopeDeviation },
    offset_w: { value: offsetW, uncertainty: COVERAGE_FACTOR * offsetDeviation },
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
