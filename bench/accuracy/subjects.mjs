// What is measured: each load of each class, and the simulated GPUs that have it.
import { randomOf } from '../statistics.mjs'
import { CALL_LATENCY_US, LOADS, MODELLED, SENSOR } from './loads.mjs'
import { SENSOR_SUBJECTS } from './sensors.mjs'

const MOST_GPUS = 12
const TICKS_TOGETHER = { update_period_ms: 100 }
const ALL = [...LOADS.map((load) => ({ class: MODELLED, gpus: 1, ...load })), ...SENSOR_SUBJECTS]

export const CLASSES = [...new Set(ALL.map((subject) => subject.class))]

/** The loads of these classes, by default of all. Throws where there is no such class. */
export function subjectsOf(classes = CLASSES) {
  const unknown = classes.filter((name) => !CLASSES.includes(name))
  if (unknown.length > 0) {
    throw new Error(`no such class: ${unknown.join(', ')}; there are ${CLASSES.join(', ')}`)
  }
  return ALL.filter((subject) => classes.includes(subject.class))
}

/**
 * The subject of each GPU, in the order of the scenario.
 *
 * @returns {any[]}
 */
export function gpusOf(subjects) {
  return subjects.flatMap((subject) => Array(subject.gpus).fill(subject))
}

/**
 * The devices of the scenario. A GPU has the same load whatever other classes are chosen.
 *
 * @returns {any[]}
 */
export function devicesOf(schedule, gpus) {
  return gpus.map((subject, position) => {
    const random = randomOf(100 + seedOf(subject, position - gpus.indexOf(subject)))
    const { segments, ...rest } = subject.build(random, schedule)
    return {
      uuid: `GPU-00000000-0000-0000-0000-${String(position + 1).padStart(12, '0')}`,
      architecture: 'hopper',
      power: { segments, repeat: false },
      sensor: { ...SENSOR, phase_ms: Math.floor(SENSOR.update_period_ms * random()) },
      counter: TICKS_TOGETHER,
      call_latency_us: CALL_LATENCY_US,
      ...rest,
    }
  })
}

/**
 * Which GPUs are in one machine. Each tool has a process for each machine: some look at all its GPUs when they are asked
 * for one, so that slow ones, or many, would make every window late.
 */
export function machinesOf(gpus) {
  const machines = []
  for (const [gpu, subject] of gpus.entries()) {
    const kind = subject.shareSampler || subject.class === MODELLED ? subject.class : 'others'
    const last = machines.at(-1)
    if (last?.kind === kind && last.gpus.length < MOST_GPUS) last.gpus.push(gpu)
    else machines.push({ kind, gpus: [gpu] })
  }
  return machines.map((machine) => machine.gpus)
}

/** Which GPUs of a machine share a sampler, by their places in it. */
export function samplersOf(subjects) {
  return groups(subjects.map((subject, place) => (subject.shareSampler ? subject.class : `GPU ${place}`)))
}

/** Which GPUs of a machine one poller asks in turn: those that fail, are slow or answer otherwise have another. */
export function pollersOf(subjects) {
  return groups(subjects.map((subject) => (subject.isApart ? `${subject.class}, apart` : 'ordinary')))
}

/** The places of equal names, in the order of their first. */
function groups(names) {
  return [...new Set(names)].map((name) => names.flatMap((each, place) => (each === name ? [place] : [])))
}

function seedOf(subject, gpuOfSubject) {
  return gpusOf(ALL).indexOf(subject) + gpuOfSubject
}
