// By how much a meter's clock is off: by the lag at which its readings and llem's are most alike.

import { type EnergyCurve, firstFrom, joulesBetween } from './energy-curve.js'

/** Clocks of machines on a network are together within a second, and those of loggers within some. */
const MOST_S = 10
/** Two readings of the meter are compared over at least this time: llem's own curve is no finer. */
const LEAST_STEP_S = 0.05
/** A pause so many times as long as the usual time between two readings is a gap. */
const GAP_FACTOR = 3
/** Below this the two do not follow the same load. */
const LEAST_CORRELATION = 0.9
const FEWEST = 10
/** A load that repeats is alike a period later: correlations that are so close do not tell. */
const AS_GOOD = 0.01
const BESIDE_S = 1

export interface Clock {
  /** How much later the meter's clock is than this machine's. */
  offsetS: number
  /** k = 1. */
  deviationS: number
  correlation: number
}

/** The usual time between two readings. */
export function usualStepS(timesS: readonly number[]): number {
  const steps = timesS.slice(1).map((timeS, k) => timeS - (timesS[k] ?? 0))
  return steps.sort((a, b) => a - b)[steps.length >> 1] ?? 0
}

/** Longer pauses are gaps. */
export function longestStepS(timesS: readonly number[]): number {
  return GAP_FACTOR * Math.max(usualStepS(timesS), LEAST_STEP_S / GAP_FACTOR)
}

/** What the meter has told around llem's curve, however far its clock may be off. */
export function around(meter: EnergyCurve, llem: EnergyCurve): EnergyCurve {
  const [fromS, toS] = [(llem.timesS[0] ?? 0) - MOST_S, (llem.timesS.at(-1) ?? 0) + MOST_S]
  const [first, last] = [firstFrom(meter.timesS, fromS), firstFrom(meter.timesS, toS)]
  return { timesS: meter.timesS.slice(first, last), joules: meter.joules.slice(first, last) }
}

/** The meter's clock, or why it cannot be told. */
export function meterClock(meter: EnergyCurve, llem: EnergyCurve): Clock | string {
  const [fromS, toS] = [llem.timesS[0] ?? 0, llem.timesS.at(-1) ?? 0]
  if (meter.timesS.length < FEWEST) {
    return `the meter has ${meter.timesS.length} readings of the ${(toS - fromS).toFixed(0)} s in which it was compared, fewer than ${FEWEST}`
  }
  const stepS = Math.max(LEAST_STEP_S, usualStepS(meter.timesS))
  const cells = cellsOf(meter, stepS)
  const alikeAt = (fromS: number, toS: number, byS: number) =>
    [...steps(fromS, toS, byS)].map((offsetS) => ({
      offsetS,
      correlation: correlation(cells, llem, offsetS),
    }))
  const coarse = nearest(alikeAt(-MOST_S, MOST_S, LEAST_STEP_S))
  const fine = highest(alikeAt(coarse.offsetS - LEAST_STEP_S, coarse.offsetS + LEAST_STEP_S, 0.005))
  if (!(fine.correlation >= LEAST_CORRELATION)) {
    return `the meter's readings do not follow the load: at no offset of its clock within ${MOST_S} s is their correlation with llem's above ${LEAST_CORRELATION} (${fine.correlation.toFixed(2)} at most)`
  }
  // Where within its step a reading is of is not known.
  return { offsetS: fine.offsetS, deviationS: stepS / Math.sqrt(12), correlation: fine.correlation }
}

interface MeterCell {
  fromS: number
  toS: number
  powerW: number
}

/** Times of equal length between which the meter has no gap. */
function cellsOf(meter: EnergyCurve, stepS: number): MeterCell[] {
  const longestS = longestStepS(meter.timesS)
  const [firstS, lastS] = [meter.timesS[0] ?? 0, meter.timesS.at(-1) ?? 0]
  return [...steps(firstS, lastS - stepS, stepS)].flatMap((fromS) => {
    const toS = fromS + stepS
    const joules = joulesBetween(meter, fromS, toS)
    const after = meter.timesS[firstFrom(meter.timesS, toS)] ?? lastS
    const before = meter.timesS[firstFrom(meter.timesS, toS) - 1] ?? firstS
    return joules === null || after - before > longestS ? [] : [{ fromS, toS, powerW: joules / stepS }]
  })
}

/** Pearson's, of those cells that llem's curve holds; where it holds less than half of them they are unlike. */
function correlation(cells: readonly MeterCell[], llem: EnergyCurve, offsetS: number): number {
  let [n, x, y, xx, xy, yy] = [0, 0, 0, 0, 0, 0]
  for (const { fromS, toS, powerW } of cells) {
    const joules = joulesBetween(llem, fromS - offsetS, toS - offsetS)
    if (joules === null) continue
    const llemW = joules / (toS - fromS)
    n += 1
    x += llemW
    y += powerW
    xx += llemW * llemW
    xy += llemW * powerW
    yy += powerW * powerW
  }
  if (n < Math.max(FEWEST, cells.length / 2)) return -1
  const spread = Math.sqrt((xx - (x * x) / n) * (yy - (y * y) / n))
  return spread > 0 ? (xy - (x * y) / n) / spread : -1
}

interface Offset {
  offsetS: number
  correlation: number
}

/** The best; of a load that repeats, the one nearest to no offset among those that are as good. */
function nearest(offsets: readonly Offset[]): Offset {
  const most = highest(offsets)
  const isPeak = ({ correlation }: Offset, k: number) =>
    correlation >= (offsets[k - 1]?.correlation ?? -1) && correlation >= (offsets[k + 1]?.correlation ?? -1)
  const peaks = offsets.filter((each, k) => each.correlation > most.correlation - AS_GOOD && isPeak(each, k))
  const near = peaks.reduce((a, b) => (Math.abs(b.offsetS) < Math.abs(a.offsetS) ? b : a), most)
  // Noise makes small peaks beside the one that counts.
  return highest(offsets.filter(({ offsetS }) => Math.abs(offsetS - near.offsetS) <= BESIDE_S))
}

function highest(offsets: readonly Offset[]): Offset {
  const none = { offsetS: 0, correlation: -1 }
  return offsets.reduce((a, b) => (b.correlation > a.correlation ? b : a), none)
}

function* steps(from: number, to: number, step: number): Generator<number> {
  const count = Math.floor((to - from) / step + 1e-6)
  for (let k = 0; k <= count; k++) yield from + k * step
}
