// When the windows are, in seconds since t = 0 of the scenario: the same for every tool.
import { randomOf } from '../statistics.mjs'

/** How many windows of which length, in seconds; p95 wants twenty. */
const FULL = { 1: 40, 5: 30, 20: 20, 30: 12 }
const QUICK = { 1: 3, 5: 1 }
/** How long the tools of a machine take to start, at most, on a machine that has other work too. */
const START_MACHINE_S = 25

/** How long before the first window every tool has to be ready: llem tests its counter on an idle GPU, as others may. */
const IDLE_BEFORE_S = 7
/** The continuous loads begin after the idle stretch and this long before the first window. */
const LOAD_BEFORE_S = 2
const GAP_S = 1.5
/**
 * The gap and the window vary by the sensor's period and more: no window has the phase of another, and none is a whole
 * number of periods, which would let the late ticks at its two ends cancel.
 */
const GAP_VARIES_S = 0.25
const LENGTH_VARIES_S = 0.1

/**
 * `readyS`: when the tools have to be ready; `loadS`, `endS`: when the continuous loads begin and end. `windowsOfEach`:
 * so many windows of each length in place of the usual numbers. `machines`: how many have their tools to start.
 *
 * @param {{ isQuick?: boolean, windowsOfEach?: number, machines: number }} choice
 */
export function scheduleOf({ isQuick = false, windowsOfEach, machines }) {
  const random = randomOf(7)
  const lengths = Object.entries(isQuick ? QUICK : FULL).flatMap(([lengthS, count]) =>
    Array(windowsOfEach ?? count).fill(Number(lengthS)),
  )
  shuffle(lengths, random)
  const windows = []
  const readyS = START_MACHINE_S * machines
  const firstS = readyS + IDLE_BEFORE_S + LOAD_BEFORE_S
  let atS = firstS
  for (const nominalS of lengths) {
    const endS = atS + nominalS + LENGTH_VARIES_S * random()
    windows.push({ nominalS, startS: atS, endS })
    atS = endS + GAP_S + GAP_VARIES_S * random()
  }
  return { readyS, loadS: firstS - LOAD_BEFORE_S, windows, endS: atS }
}

/** A slow change of the machine must not fall on one length alone. */
function shuffle(list, random) {
  for (let last = list.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const moved = list[last]
    list[last] = list[other]
    list[other] = moved
  }
}
