// Boards that are not the modelled one, each under a serving load and under one in step with its sensor: a square with the
// sensor's period, whose high half is all that the sensor sees where it does not see everything.
import { CALL_LATENCY_US, continuous, IDLE_W, SENSOR, serving } from './loads.mjs'

const SLOW_CALL_US = 5000
const HEAVY_TAIL_US = { p50: 20, p99: 5000, max: 200_000 }

/**
 * `device`: what differs from the usual board. `isByGain`: its joules are wrong by a factor of the board, which
 * `absolute_uncertainty_j` has to cover. `gpus`: how many of them share a sampler; half of them have each load.
 */
const SENSORS = [
  {
    name: 'every-50ms',
    what: '50 ms mean every 50 ms',
    device: { sensor: { update_period_ms: 50, window_ms: 50 } },
  },
  {
    name: 'every-100ms',
    what: '100 ms mean every 100 ms, as on Ada',
    device: { architecture: 'ada', sensor: { update_period_ms: 100, window_ms: 100 } },
  },
  {
    name: 'mean-1s',
    what: 'no reading but the mean over 1 s; the counter is right',
    device: { architecture: 'ampere', faults: [{ call: 'instant', error: 'not_supported' }] },
    isApart: true,
  },
  {
    name: 'every-20ms',
    what: '10 ms mean every 20 ms, as on Volta',
    device: {
      architecture: 'volta',
      sensor: { update_period_ms: 20, window_ms: 10 },
      faults: [{ call: 'average', error: 'not_supported' }],
    },
  },
  {
    name: 'late',
    what: 'readings 60 ms late',
    device: { sensor: { ...SENSOR, delay_ms: 60 } },
  },
  {
    name: 'low-noisy',
    what: 'readings 5 % low, with 5 W of noise and in steps of 1 W; the counter is right',
    device: { sensor: { ...SENSOR, gain: 0.95, noise_w: 5, quantum_w: 1 } },
  },
  {
    name: 'low',
    what: 'readings 5 % low; the counter is right',
    device: { sensor: { ...SENSOR, gain: 0.95 } },
  },
  {
    name: 'no-counter',
    what: 'no energy counter; the mean over 1 s is a true one',
    device: { counter: { supported: false } },
  },
  {
    name: 'slow-counter',
    what: 'a counter that ticks once a second; the mean over 1 s is a true one',
    device: { counter: { update_period_ms: 1000 } },
  },
  {
    name: 'blind-counter',
    what: 'a counter that adds up the readings, so it misses what they miss; the mean over 1 s is a true one',
    device: { counter: { mode: 'sum_of_readings' } },
  },
  {
    name: 'module-counter',
    what: 'a counter of the whole module, 1.25 times the energy of the GPU',
    device: { counter: { gain: 1.25 } },
    isByGain: true,
  },
  {
    name: 'heavy-tail',
    what: 'a call takes 20 us, one in a hundred more than 5 ms, a few up to 200 ms',
    device: {
      call_latency_us: {
        ...CALL_LATENCY_US,
        power: HEAVY_TAIL_US,
        fields: HEAVY_TAIL_US,
        energy: HEAVY_TAIL_US,
      },
    },
    isApart: true,
  },
  {
    name: 'slow-driver',
    what: '8 GPUs that one sampler reads; every call takes 5 ms',
    device: {
      call_latency_us: {
        power: SLOW_CALL_US,
        fields: SLOW_CALL_US,
        energy: SLOW_CALL_US,
        other: SLOW_CALL_US,
      },
    },
    isApart: true,
    gpus: 8,
  },
]

/** Two subjects of each sensor, in the words of LOADS. */
export const SENSOR_SUBJECTS = SENSORS.flatMap(({ name, what, device, isApart, isByGain, gpus = 2 }) => {
  const common = { class: name, sensor: what, isApart, isByGain, gpus: gpus / 2, shareSampler: gpus > 2 }
  return [
    {
      ...common,
      name: 'serving',
      build: (...all) => {
        const { update_period_ms, ...sensor } = device.sensor ?? SENSOR
        const phase_ms = Math.floor(update_period_ms * all[0]())
        return {
          ...continuous(serving)(...all),
          ...device,
          sensor: { ...sensor, update_period_ms, phase_ms },
        }
      },
    },
    {
      ...common,
      name: 'in step',
      build: (...all) => {
        const sensor = device.sensor ?? SENSOR
        return {
          ...continuous(inStepWith(sensor))(...all),
          ...device,
          sensor: { ...sensor, phase_ms: seesHigh(sensor) },
        }
      },
    },
  ]
})

function inStepWith({ update_period_ms }) {
  const square = { low_w: IDLE_W, high_w: 480, period_s: update_period_ms / 1000, duty: 0.5 }
  return (_random, lengthS) => [{ for_s: lengthS, square }]
}

/** The phase at which the sensor's window lies in the middle of the high half, which begins at whole periods. */
function seesHigh({ update_period_ms, window_ms, delay_ms = 0 }) {
  return (update_period_ms / 4 + window_ms / 2 + delay_ms) % update_period_ms
}
