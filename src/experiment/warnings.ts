import {
  describeForeignProcess,
  describeLimitChange,
  describeServerOrStranger,
} from '../energy/contamination.js'
import { describeCrossCheck } from '../energy/cross-check.js'
import { describeOtherSampler } from '../energy/other-samplers.js'
import { describeFailedBackend } from '../energy/select.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import type { EnergyBreakdown, Environment } from '../results/experiment.js'
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
  inferenceS: number
  simulated: boolean
  energy: Energy | null
  environment: Environment
  breakdown: EnergyBreakdown | null
  baseline: { disturbances: readonly string[] } | null
  /** `pid` is null where a server runs out of llem's reach. */
  info: { compute: string; pid: number | null }
  inference: { requestsProblem: string | null; totals: ServingTotals }
}

/** All warnings of an experiment, each text once: the basic ones per device, then what is particular. */
export function warningsOf(facts: ExperimentFacts): string[] {
  const { energy, inference } = facts
  const warnings =
    energy === null
      ? measurementWarnings({ durationSec: facts.inferenceS, gpu: null })
      : energyWarnings(energy, facts)
  if (inference.requestsProblem !== null)
    warnings.push(`requests_incomplete: requests.jsonl could not be written: ${inference.requestsProblem}.`)
  warnings.push(...servingWarnings(inference.totals))
  return [...new Set(warnings)]
}

function energyWarnings(
  energy: Energy,
  { environment, baseline, breakdown, info, simulated }: ExperimentFacts,
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
  if (info.compute === 'cpu' && !simulated) {
    warnings.push(
      'gpu_not_used: the model ran on the CPU; the energy is that of GPUs that did not compute. Install a backend for the GPU.',
    )
  }
  for (const disturbance of baseline?.disturbances ?? [])
    warnings.push(`baseline_disturbed: while idle power was measured, ${disturbance}`)
  for (const other of energy.contamination.other_samplers ?? [])
    warnings.push(`other_sampler: ${describeOtherSampler(other)}`)
  const describe =
    info.compute === 'server' && info.pid === null ? describeServerOrStranger : describeForeignProcess
  for (const process of energy.contamination.foreign_processes ?? [])
    warnings.push(`foreign_process: ${describe(process)}`)
  for (const change of energy.contamination.limit_changes)
    warnings.push(`limit_changed: ${describeLimitChange(change)}`)
  return [...warnings, ...energy.faults.map((fault) => `recording_fault: ${fault}.`)]
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
