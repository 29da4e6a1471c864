// How often the truth is within the uncertainty, for meters as BMCs have them: means and moments, slow, late, asked more or
// less often than they have something new, counters with large steps. The load begins and ends with the window, which is the
// hardest case for a meter that is late.

import { describe, expect, it } from 'vitest'
import { WindowIntegral } from '../../dist/energy/external/window-integral.js'

const STEP_S = 0.05

interface Bmc {
  /** Seconds between two new values, and between two questions. */
  updateS: number
  everyS: number
  /** What it shows. */
  shows: 'mean' | 'moment' | 'counter'
  windowS: number
  /** The smallest step of the value. */
  quantum?: number
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
}

/** Idle, then phases of 0.5 to 5 s between 600 and 1500 W, then idle: cumulative joules on a grid, from 60 s before. */
function load(windowS: number, random: () => number): (s: number) => number {
  const count = Math.round((windowS + 90) / STEP_S)
  const sums = new Float64Array(count + 1)
  let [level, left] = [0, 0]
  for (let k = 0; k < count; k++) {
    const s = k * STEP_S - 60
    if (left <= 0) [level, left] = [600 + 900 * random(), 0.5 + 4.5 * random()]
    left -= STEP_S
    const isLoad = s >= 0 && s < windowS
    sums[k + 1] = (sums[k] ?? 0) + (isLoad ? level : 400 + 10 * random()) * STEP_S
  }
  return (s) => {
    const at = (s + 60) / STEP_S
    const k = Math.max(0, Math.min(count - 1, Math.floor(at)))
    return (sums[k] ?? 0) + (at - k) * ((sums[k + 1] ?? 0) - (sums[k] ?? 0))
  }
}

function trial({ updateS, everyS, shows, windowS, quantum = 1 }: Bmc, seed: number) {
  const random = generator(seed)
  const joules = load(windowS, random)
  const [phaseS, askedS] = [random() * updateS, random() * everyS]
  const integral = new WindowIntegral({
    ...{ quantity: shows === 'counter' ? 'energy' : 'power', startNs: 1e12 },
    ...{ printsNewOnly: false, isMeans: false, isStampedHere: false },
  })
  integral.end(1e12 + windowS * 1e9)
  for (let s = askedS - 30; s < windowS + 25 && !integral.isClosed; s += everyS) {
    const newS = Math.floor((s - phaseS) / updateS) * updateS + phaseS
    const overS = shows === 'mean' ? updateS : STEP_S
    const value = shows === 'counter' ? joules(newS) : (joules(newS) - joules(newS - overS)) / overS
    integral.push({ tNs: 1e12 + s * 1e9, value: Math.floor(value / quantum) * quantum })
  }
  const { energyJ, uncertaintyJ } = integral.result()
  return {
    errorJ: Math.abs((energyJ ?? Number.NaN) - joules(windowS) + joules(0)),
    uncertaintyJ: uncertaintyJ ?? 0,
  }
}

describe('the uncertainty', () => {
  it.each<[string, Bmc]>([
    ['a mean over a second, in a minute', { updateS: 1, everyS: 1, shows: 'mean', windowS: 60 }],
    ['the same asked four times, in half a minute', { updateS: 1, everyS: 0.25, shows: 'mean', windowS: 30 }],
    ['a mean over 10 s, in two minutes', { updateS: 10, everyS: 1, shows: 'mean', windowS: 120 }],
    ['a moment each second, in a minute', { updateS: 1, everyS: 1, shows: 'moment', windowS: 60 }],
    ['a moment each ten seconds, in five minutes', { updateS: 10, everyS: 1, shows: 'moment', windowS: 300 }],
    ['a counter each second, in a minute', { updateS: 1, everyS: 1, shows: 'counter', windowS: 60 }],
    [
      'a counter each ten seconds, in two minutes',
      { updateS: 10, everyS: 1, shows: 'counter', windowS: 120 },
    ],
    [
      'a counter in Wh, in two minutes',
      { updateS: 0.2, everyS: 1, shows: 'counter', windowS: 120, quantum: 3600 },
    ],
  ])('of %s holds the truth 95 times of 100, and is no more than seven times the error', (_, bmc) => {
    const trials = Array.from({ length: 100 }, (_, k) => trial(bmc, 7 + 31 * k))
    const inside = trials.filter(({ errorJ, uncertaintyJ }) => errorJ <= uncertaintyJ)
    expect(inside.length).toBeGreaterThanOrEqual(95)
    const errors = trials.map(({ errorJ }) => errorJ).sort((a, b) => a - b)
    const uncertainties = trials.map(({ uncertaintyJ }) => uncertaintyJ).sort((a, b) => a - b)
    expect(uncertainties[50] ?? 0).toBeLessThan(7 * (errors[94] ?? 0))
  })
})
