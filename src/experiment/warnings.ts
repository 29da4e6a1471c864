import type { Energy } from '../results/energy.js'
import type { EnergyBreakdown, Environment } from '../results/experiment.js'

const SHORT_SEC = 10
const DRIFT_THRESHOLD_C = 10
const FEW_SAMPLES = 10

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

/** All warnings of an experiment: the basic ones per device, each text once, and what the estimators say. */
export function warningsOf(
  durationSec: number,
  energy: Energy | null,
  environment: Environment,
  breakdown: EnergyBreakdown | null,
): string[] {
  if (energy === null) return measurementWarnings({ durationSec, gpu: null })
  const warnings = energy.devices.flatMap((device) => {
    const gpu = environment.gpus.find(({ uuid }) => uuid === device.uuid)
    const found = measurementWarnings({
      durationSec,
      gpu: {
        persistenceMode: gpu?.persistence_mode ?? null,
        startTemperatureC: device.temperature_start_c,
        endTemperatureC: device.temperature_end_c,
        samples: device.readings,
      },
    })
    const on = `GPU ${device.index}`
    if (device.gap_s > 0.5)
      found.push(
        `sample_gap: ${device.gap_s.toFixed(1)}s of the measurement on ${on} have no power readings.`,
      )
    if (device.method !== 'counter' && device.counter_j !== null)
      found.push(`estimators_disagree: ${on}: ${device.reason}.`)
    if (gpu?.mig_mode === true)
      found.push(`mig_enabled: ${on} is cut into MIG instances; its power reflects the parent GPU.`)
    return found
  })
  if (breakdown?.adjusted_j != null && breakdown.adjusted_j < 0) {
    warnings.push(
      'adjusted_energy_negative: the baseline is higher than the measured power. Measure the baseline again on an idle GPU.',
    )
  }
  warnings.push(...energy.faults.map((fault) => `recording_fault: ${fault}.`))
  return [...new Set(warnings)]
}
