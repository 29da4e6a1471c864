// The loads on the sensor that the simulator began with, one simulated GPU each. Every one is idle at first, and idle
// again after the last window.
export const IDLE_W = 75
/** A sensor and a counter that publish every 100 ms, the sensor the mean of the last 25 ms. */
export const SENSOR = { update_period_ms: 100, window_ms: 25 }
/** A hair slower than the sensor, so that its ticks fall on every phase of the sensor's in turn. */
const TICKS_APART = { update_period_ms: 101 }
/** What a driver call costs on current boards. */
export const CALL_LATENCY_US = { power: 20, fields: 20, energy: 200, other: 5 }

/** The class of all of these loads. */
export const MODELLED = 'modelled'

/**
 * `goals`: which of the goals in goals.mjs hold for it. `build` answers the segments of the power, and whatever else of
 * the device is not as usual. `isApart`: its calls fail or are slow, so that who polls several GPUs in turn polls it apart.
 */
export const LOADS = [
  // Those with steep edges at the ends of the window come first: what begins a window GPU by GPU is on time for them.
  {
    name: 'fills',
    goals: 'fills',
    what: 'idle, a serving load that fills the window exactly, idle',
    build: fills,
  },
  {
    name: 'fills, ticks apart',
    goals: 'fills',
    what: 'the same, with a counter that does not tick with the sensor',
    build: (...all) => ({ ...fills(...all), counter: TICKS_APART }),
  },
  {
    name: 'serving',
    goals: 'serving',
    what: 'decode rounds of 8 to 45 ms at 480 and 330 W, prefill bursts of 150 ms at 690 W; goes on around the window',
    build: continuous(serving),
  },
  {
    name: 'serving, ticks apart',
    goals: 'serving',
    what: 'the same, with a counter that does not tick with the sensor',
    build: (...all) => ({ ...continuous(serving)(...all), counter: TICKS_APART }),
  },
  { name: 'constant', what: '420 W', build: continuous(constant) },
  {
    name: 'in step',
    what: 'a square of 75 and 480 W with the period of the sensor, which sees the high half only',
    build: (...all) => ({ ...continuous(inStep)(...all), sensor: { ...SENSOR, phase_ms: 40 } }),
  },
  { name: 'ramp', what: '100 to 650 W in 4.3 s and back in 3.1 s', build: continuous(ramp) },
  {
    name: 'bursty, faults',
    what:
      'bursts of 50 to 400 ms at 690 W, 0.1 to 1.5 s apart; every 4 to 9 s the power fails for 0.3 s, the counter ' +
      'fails for 0.2 s, or a call takes 250 ms',
    build: (random, schedule) => ({
      ...continuous(bursty)(random, schedule),
      faults: faults(random, schedule),
    }),
    isApart: true,
  },
]

/** Idle until the loads begin, then `load` until they end. */
export function continuous(load) {
  return (random, { loadS, endS }) => ({
    segments: [idle(loadS), ...load(random, endS - loadS), idle(1)],
  })
}

function fills(random, { windows }) {
  const segments = []
  let atS = 0
  for (const { startS, endS } of windows) {
    segments.push(idle(startS - atS), ...serving(random, endS - startS))
    atS = endS
  }
  return { segments: [...segments, idle(1)] }
}

export function serving(random, lengthS) {
  return sequence(lengthS, () => {
    const square = {
      high_w: 480,
      low_w: 330,
      period_s: between(random, 0.008, 0.045),
      duty: between(random, 0.4, 0.6),
    }
    return [
      { for_s: between(random, 0.1, 1.3), square },
      { for_s: 0.15, w: 690 },
    ]
  })
}

function constant(_random, lengthS) {
  return [{ for_s: lengthS, w: 420 }]
}

function inStep(_random, lengthS) {
  return [{ for_s: lengthS, square: { low_w: IDLE_W, high_w: 480, period_s: 0.1, duty: 0.5 } }]
}

function ramp(_random, lengthS) {
  const up = { for_s: 4.3, from_w: 100, to_w: 650 }
  const down = { for_s: 3.1, from_w: 650, to_w: 100 }
  const rounds = Math.ceil(lengthS / (up.for_s + down.for_s))
  return Array(rounds).fill([up, down]).flat()
}

function bursty(random, lengthS) {
  return sequence(lengthS, () => [
    { for_s: between(random, 0.1, 1.5), w: IDLE_W },
    { for_s: between(random, 0.05, 0.4), w: 690 },
  ])
}

function faults(random, { loadS, endS }) {
  const kinds = [
    // What boards answer when they are asked too often, and peers know to survive.
    (atS) => ({ from_s: atS, to_s: atS + 0.3, call: 'power', error: 'not_supported' }),
    (atS) => ({ from_s: atS, to_s: atS + 0.2, call: 'energy', error: 'timeout' }),
    (atS) => ({ from_s: atS, to_s: atS + 0.01, call: 'fields', stall_ms: 250 }),
  ]
  const list = []
  for (let atS = loadS + 2; atS < endS; atS += between(random, 4, 9)) {
    list.push(kinds[Math.floor(kinds.length * random())](atS))
  }
  return list
}

/** Segments from `next` until they last `lengthS`, the last one cut. */
function sequence(lengthS, next) {
  const segments = []
  let leftS = lengthS
  while (leftS > 1e-9) {
    for (const segment of next()) {
      const for_s = Math.min(segment.for_s, leftS)
      if (for_s > 1e-9) segments.push({ ...segment, for_s })
      leftS -= for_s
    }
  }
  return segments
}

function idle(lengthS) {
  return { for_s: lengthS, w: IDLE_W }
}

function between(random, low, high) {
  return low + (high - low) * random()
}
