import {
  describeForeignProcess,
  describeLimitChange,
  describeServerOrStranger,
} from '../energy/contamination.js'
import { describeCrossCheck } from '../energy/cross-check.js'
import { describeOtherSampler } from '../energy/other-samplers.js'
import { describeOverrun } from '../energy/overrun.js'
import { describeFailedBackend } from '../energy/select.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import type { EnergyBreakdown, Environment, WarmupResult } from '../results/experiment.js'
import type { Inference } from './inference.js'
import { type ServingTotals, servingWarnings } from './serving.js'

const SHORT_SEC = 10
const DRIFT_THRESHOLD_C = 10
const FEW_SAMPLES = 10
const LONG_GAP_S = 0.5
/** Far more than the steps in which any counter moves (100 ms). */
const STUCK_COUNTER_J = 1000

/** What the four basic warnings look at; null is unknown, and without a GPU only the first applies. */
export interface MeasurementFacts {
  durationSec: number
  gpu: {
    persistenceMode: boolean | null
    startTemperatureC: number | null
    endTemperatureC: number | null
    samples: number
  } | null
}

/** The basic warnings about a measurement, in the words of the contract. */
export function measurementWarnings({ durationSec, gpu }: MeasurementFacts): string[] {
  const warnings: string[] = []
  if (durationSec < SHORT_SEC) {
    warnings.push(
      'short_measurement_duration: measurement < 10s; energy values may be unreliable. Use more prompts or longer sequences.',
    )
  }
  if (gpu === null) return warnings
  if (gpu.persistenceMode === false) {
    warnings.push(
      "gpu_persistence_mode_off: power state variation may inflate measurements. Run 'nvidia-smi -pm 1' to enable persistence mode.",
    )
  }
  if (gpu.startTemperatureC !== null && gpu.endTemperatureC !== null) {
    const drift = Math.abs(gpu.endTemperatureC - gpu.startTemperatureC)
    if (drift > DRIFT_THRESHOLD_C) {
      warnings.push(
        `thermal_drift_detected: ${drift.toFixed(1)}C change during measurement (threshold ${DRIFT_THRESHOLD_C.toFixed(1)}C). Increase thermal_floor_seconds or check cooling.`,
      )
    }
  }
  if (gpu.samples < FEW_SAMPLES) {
    warnings.push(
      'nvml_low_sample_count: fewer than 10 NVML power samples collected; energy integration may be inaccurate.',
    )
  }
  return warnings
}

/** What the warnings about a whole experiment look at. */
export interface ExperimentFacts {
  simulated: boolean
  keptLoaded: boolean
  energy: Energy | null
  /** Why there is no energy; null where that was asked for, or there is one. */
  energyProblem: string | null
  warmups: readonly Pick<WarmupResult, 'mode' | 'converged' | 'final_cv' | 'target_cv'>[]
  environment: Environment
  breakdown: EnergyBreakdown | null
  baseline: { method: 'fresh' | 'cached'; disturbances: readonly string[] } | null
  members: readonly {
    session: { info: { compute: string; pid: number | null } }
    gpuUuids: readonly string[] | null
  }[]
  inference: Pick<Inference, 'inferenceS' | 'requestsProblem'> & { totals: ServingTotals }
  /** What went wrong while the energy was attributed to requests, as warnings. */
  attributionWarnings?: readonly string[]
}

/** All warnings of an experiment, each text once: the basic ones per device, then what is particular. */
export function warningsOf(facts: ExperimentFacts): string[] {
  const { energy, inference, members } = facts
  const warnings =
    energy === null
      ? measurementWarnings({ durationSec: inference.inferenceS, gpu: null })
      : energyWarnings(energy, facts)
  if (facts.energyProblem !== null) warnings.push(`energy_unknown: ${facts.energyProblem}`)
  warnings.push(...facts.warmups.flatMap(warmupWarnings), ...sharedGpus(members))
  if (inference.requestsProblem !== null)
    warnings.push(`requests_incomplete: requests.jsonl could not be written: ${inference.requestsProblem}.`)
  warnings.push(...(facts.attributionWarnings ?? []))
  warnings.push(...servingWarnings(inference.totals))
  return [...new Set(warnings)]
}

function warmupWarnings({
  mode,
  converged,
  final_cv: cv,
  target_cv: target,
}: ExperimentFacts['warmups'][number]): string[] {
  if (mode === 'failed')
    return ['warmup_failed: no prompt of the warmup succeeded; what was measured began cold.']
  if (converged) return []
  const reached = cv === null ? 'too few prompts succeeded to tell' : `CV ${cv.toFixed(3)}, target ${target}`
  return [`warmup_not_converged: the latency was not steady before the measurement (${reached}).`]
}

/** GPUs on which several processes were at work: their energy is not that of one process. */
function sharedGpus(members: ExperimentFacts['members']): string[] {
  const users = new Map<string, number[]>()
  for (const [index, { gpuUuids }] of members.entries())
    for (const uuid of gpuUuids ?? []) users.set(uuid, [...(users.get(uuid) ?? []), index])
  return [...users].flatMap(([uuid, indices]) =>
    indices.length < 2
      ? []
      : [
          `gpu_shared: processes ${indices.join(', ')} share GPU ${uuid}; its energy is counted once and is none of theirs alone.`,
        ],
  )
}

function energyWarnings(
  energy: Energy,
  { environment, baseline, breakdown, members, simulated, keptLoaded }: ExperimentFacts,
): string[] {
  const warnings = energy.devices.flatMap((device) => {
    const gpu = environment.gpus.find(({ uuid }) => uuid === device.uuid)
    const basic = measurementWarnings({
      durationSec: energy.duration_sec,
      gpu: {
        persistenceMode: gpu?.persistence_mode ?? null,
        startTemperatureC: device.temperature_start_c,
        endTemperatureC: device.temperature_end_c,
        samples: device.readings,
      },
    })
    return [...basic, ...deviceWarnings(device, gpu?.mig_mode ?? null)]
  })
  const overrun = describeOverrun(energy, 'run')
  if (overrun !== null) warnings.push(`sampler_overrun: ${overrun}`)
  const contradiction = describeCrossCheck(energy)
  if (contradiction !== null) warnings.push(`energy_cross_check: ${contradiction}`)
  if (energy.selection?.failure != null)
    warnings.push(`energy_backend_failed: ${describeFailedBackend(energy.selection)}`)
  if (breakdown?.adjusted_j != null && breakdown.adjusted_j < 0) {
    warnings.push(
      'adjusted_energy_negative: the baseline is higher than the measured power. Measure the baseline again on an idle GPU.',
    )
  }
  // The simulated GPU computes nothing either, and every output says so already.
  if (!simulated && members.some(({ session }) => session.info.compute === 'cpu')) {
    warnings.push(
      'gpu_not_used: the model ran on the CPU; the energy is that of GPUs that did not compute. Install a backend for the GPU.',
    )
  }
  if (keptLoaded && baseline?.method === 'fresh')
    warnings.push(
      'baseline_model_loaded: idle power was measured with the model of an earlier experiment in memory, which idles higher.',
    )
  for (const disturbance of baseline?.disturbances ?? [])
    warnings.push(`baseline_disturbed: while idle power was measured, ${disturbance}`)
  warnings.push(...idleGpus(energy, members))
  for (const other of energy.contamination.other_samplers ?? [])
    warnings.push(`other_sampler: ${describeOtherSampler(other)}`)
  const isElsewhere = members.some(({ session: { info } }) => info.compute === 'server' && info.pid === null)
  const describe = isElsewhere ? describeServerOrStranger : describeForeignProcess
  for (const process of energy.contamination.foreign_processes ?? [])
    warnings.push(`foreign_process: ${describe(process)}`)
  for (const change of energy.contamination.limit_changes ?? [])
    warnings.push(`limit_changed: ${describeLimitChange(change)}`)
  return [...warnings, ...energy.faults.map((fault) => `recording_fault: ${fault}.`)]
}

/** Each of several processes has one GPU, and all that are visible are measured. */
function idleGpus(energy: Energy, members: ExperimentFacts['members']): string[] {
  if (members.some(({ gpuUuids }) => gpuUuids === null)) return []
  const used = new Set(members.flatMap(({ gpuUuids }) => gpuUuids ?? []))
  const idle = energy.devices.filter(({ uuid }) => !used.has(uuid)).map(({ index }) => index)
  return idle.length === 0
    ? []
    : [
        `gpus_not_used: no process had GPU ${idle.join(', ')}, whose energy is in the total. Name the others in energy.devices.`,
      ]
}

function deviceWarnings(device: DeviceEnergy, migMode: boolean | null): string[] {
  const on = `GPU ${device.index}`
  const { gap_s, counter_raw_j, integral_j } = device
  const warnings: string[] = []
  if (gap_s > LONG_GAP_S)
    warnings.push(`sample_gap: ${gap_s.toFixed(1)}s of the measurement on ${on} have no power readings.`)
  if (counter_raw_j === 0 && integral_j !== null && integral_j > STUCK_COUNTER_J)
    warnings.push(`counter_stuck: the energy counter of ${on} did not move while power was drawn.`)
  else if (device.residual_flagged || device.counter_trust === 'distrusted')
    warnings.push(`estimators_disagree: ${on}: ${device.reason}.`)
  if (migMode === true)
    warnings.push(`mig_enabled: ${on} is cut into MIG instances; its power reflects the parent GPU.`)
  return warnings
}
