// What makes the joules of a window less certain, or not the load's own: one list for everything that reads a window,
// be it `exec`, `monitor`, the library or an experiment.

import type { Meanings } from '../core/meanings.js'
import { isOfSysfs } from '../native/sysfs.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import { type DeviceFinding, type Finding, folded, warning, withoutRepetitions } from '../results/findings.js'
import { describeForeignProcess, describeLimitChange, describeServerOrStranger } from './contamination.js'
import { describeCrossCheck } from './cross-check.js'
import { describeFailedBackend } from './describe-selection.js'
import { findingsOfExternal } from './external/layers.js'
import type { MigLayout } from './mig.js'
import { describeOtherSamplers } from './other-samplers.js'
import { describeOverrun } from './overrun.js'

const SHORT_SEC = 10
const DRIFT_THRESHOLD_C = 10
const FEW_SAMPLES = 10
const LONG_GAP_S = 0.5
/** Far more than the steps in which any counter moves (100 ms). */
const STUCK_COUNTER_J = 1000

const NO_INSTANT_POWER = 'the instantaneous power (field 186) cannot be read; the readings are'
/** What is read in its place, by the domain that it makes. */
const OTHER_READINGS: Readonly<Record<string, string>> = {
  power_usage: 'those of nvmlDeviceGetPowerUsage',
  average_1s: 'those of nvmlDeviceGetPowerUsage, each the mean over one second',
  average_field: 'those of field 185, each the mean over one second',
  samples_buffer: "the newest of the driver's buffer of readings (nvmlDeviceGetSamples)",
  counter_alone: 'missing, and the energy counter is all that this GPU tells',
}

const RAPL_NOT_PROVEN =
  "llem's reading of RAPL was tested on simulated counters and not yet on the counters of a real CPU, and RAPL itself has no stated accuracy."

/** How a GPU was set up; null is unknown. */
export interface GpuSetting extends MigLayout {
  persistenceMode: boolean | null
  migMode: boolean | null
}

/** What the basic findings about one GPU look at; null is unknown. */
export interface GpuFacts {
  persistenceMode: boolean | null
  startTemperatureC: number | null
  endTemperatureC: number | null
  samples: number
}

/** A measurement so short is said to be, in the words of the contract. */
export function findingsOfLength(durationSec: number): Finding[] {
  return durationSec < SHORT_SEC
    ? [
        warning(
          'short_measurement_duration',
          'measurement < 10s; energy values may be unreliable. Use more prompts or longer sequences.',
        ),
      ]
    : []
}

/** llem was stopped for so long meanwhile, and continued. */
export function findingsOfSuspension(seconds: number): Finding[] {
  return seconds === 0
    ? []
    : [
        warning(
          'measurement_suspended',
          `llem was suspended for ${seconds.toFixed(1)} s of the measurement; time and joules have the pause in them.`,
        ),
      ]
}

/** Whether times and joules are of a pause too. */
export function wasSuspended(findings: readonly Finding[]): boolean {
  return findings.some(({ code }) => code === 'measurement_suspended')
}

/** What is no part of the energy itself, and is kept where its findings are made anew. */
const SURROUNDINGS: ReadonlySet<string> = new Set([
  'measurement_suspended',
  'slurm_node_shared',
  'slurm_gpu_shared',
  'slurm_gpus_not_named',
])

export function ofSurroundings(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ code }) => SURROUNDINGS.has(code))
}

/** The basic findings about a GPU, in the words of the contract. */
export function basicFindings(gpu: GpuFacts): DeviceFinding[] {
  const findings: DeviceFinding[] = []
  if (gpu.persistenceMode === false)
    findings.push(
      found(
        'gpu_persistence_mode_off',
        "power state variation may inflate measurements. Run 'nvidia-smi -pm 1' to enable persistence mode.",
      ),
    )
  if (gpu.startTemperatureC !== null && gpu.endTemperatureC !== null) {
    const drift = Math.abs(gpu.endTemperatureC - gpu.startTemperatureC)
    if (drift > DRIFT_THRESHOLD_C)
      findings.push(
        found(
          'thermal_drift_detected',
          `${drift.toFixed(1)}C change during measurement (threshold ${DRIFT_THRESHOLD_C.toFixed(1)}C). Increase thermal_floor_seconds or check cooling.`,
        ),
      )
  }
  if (gpu.samples < FEW_SAMPLES)
    findings.push(
      found(
        'nvml_low_sample_count',
        'fewer than 10 NVML power samples collected; energy integration may be inaccurate.',
      ),
    )
  return findings
}

/** What there is to say of one GPU: what is basic, what the meter itself found, and what is particular. */
export function findingsOfDevice(
  device: Omit<DeviceEnergy, 'findings'>,
  byMeter: readonly DeviceFinding[],
  { persistenceMode, migMode }: GpuSetting,
): DeviceFinding[] {
  const { gap_s, counter_raw_j, integral_j, power_domain } = device
  const isStuck = counter_raw_j === 0 && integral_j !== null && integral_j > STUCK_COUNTER_J
  return [
    ...basicFindings({
      persistenceMode,
      startTemperatureC: device.temperature_start_c,
      endTemperatureC: device.temperature_end_c,
      samples: device.readings,
    }),
    ...(power_domain in OTHER_READINGS
      ? [note('instant_power_missing', `${NO_INSTANT_POWER} ${OTHER_READINGS[power_domain]}.`)]
      : []),
    ...(isOfSysfs(device)
      ? [
          note(
            'untried_hardware',
            `llem has not been tried on hardware with this kind of sensor (${power_domain}): it reads what the kernel's documentation says, and takes the sensor to be within ${device.gain_pct ?? 10} % of the truth, which no vendor states.`,
          ),
        ]
      : []),
    ...(gap_s > LONG_GAP_S
      ? [found('sample_gap', `${gap_s.toFixed(1)}s of the measurement have no power readings.`)]
      : []),
    ...(isStuck ? [found('counter_stuck', 'the energy counter did not move while power was drawn.')] : []),
    // A counter that stands still says all that the two estimates could disagree about.
    ...byMeter.filter(({ code }) => !(isStuck && code === 'estimators_disagree')),
    ...(migMode === true
      ? [found('mig_enabled', 'it is cut into MIG instances; its power reflects the parent GPU.')]
      : []),
  ]
}

/**
 * All findings of a measurement. `isServerElsewhere`: a server that llem has not started computes, which nobody can tell
 * from a stranger.
 */
export function findingsOf(energy: Omit<Energy, 'findings'>, isServerElsewhere = false): Finding[] {
  const overrun = describeOverrun(energy)
  const contradiction = describeCrossCheck(energy)
  const describeProcess = isServerElsewhere ? describeServerOrStranger : describeForeignProcess
  const { other_samplers, foreign_processes, limit_changes } = energy.contamination
  const ofGpu = (code: string, gpu_index: number, text: string): Finding => ({
    ...warning(code, text),
    devices: [gpu_index],
  })
  return withoutRepetitions([
    ...findingsOfLength(energy.duration_sec),
    ...(energy.unmeasured ?? []).map(({ gpu_index, reason }) =>
      ofGpu('gpu_not_measured', gpu_index, `it is in no joules here: ${reason}.`),
    ),
    ...(energy.domain === 'cpu' ? [warning('energy_of_cpu', `${energy.reason}.`)] : []),
    ...(energy.backend === 'rapl'
      ? [{ ...note('rapl_not_proven', RAPL_NOT_PROVEN), devices: [], count: 1 }]
      : []),
    ...folded(energy.devices),
    ...(overrun === null ? [] : [warning('sampler_overrun', overrun)]),
    ...(contradiction === null ? [] : [warning('energy_cross_check', contradiction)]),
    ...(energy.selection?.failure == null
      ? []
      : [warning('energy_backend_failed', describeFailedBackend(energy.selection))]),
    ...describeOtherSamplers(other_samplers ?? []).map((text) => warning('other_sampler', text)),
    ...(foreign_processes ?? []).map((process) =>
      ofGpu('foreign_process', process.gpu_index, describeProcess(process)),
    ),
    ...(limit_changes ?? []).map((change) =>
      ofGpu('limit_changed', change.gpu_index, describeLimitChange(change)),
    ),
    ...energy.faults.map((fault) => warning('recording_fault', `${fault}.`)),
    ...findingsOfExternal(energy),
  ])
}

function found(code: string, text: string): DeviceFinding {
  return { code, severity: 'warning', text }
}

function note(code: string, text: string): DeviceFinding {
  return { code, severity: 'info', text }
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  measurement_suspended: {
    meaning:
      'llem was stopped and continued while it measured, and mostly so was the load. An experiment fails then (RUN_SUSPENDED); a command keeps its numbers, which are of the pause too; a run of --runs is measured again.',
    evidence: 'SIGCONT came after a time in which nothing of llem ran: `scontrol suspend`, Ctrl-Z and fg.',
    advice: 'Measure again.',
  },
  short_measurement_duration: {
    meaning: 'The window is so short that its edges are a large part of it.',
    evidence: 'The window lasts less than 10 s.',
    advice: 'Use more prompts or longer answers. The uncertainty of the joules already has the edges in it.',
  },
  sample_gap: {
    meaning: 'For a part of the window there are no power readings; its joules are taken at the mean power.',
    evidence: 'More than 0.5 s without a reading (`energy.devices[].gap_s`).',
    advice: 'Look for a driver call that hangs, a machine that slept, or other programs that poll the GPU.',
  },
  sampler_overrun: {
    meaning: 'The driver answers more slowly than it is asked. Readings are fewer than the interval says.',
    evidence: 'Deadlines that passed while a call was under way (`energy.sampler`).',
    advice: 'Set a longer interval; the text of the finding names one.',
  },
  nvml_low_sample_count: {
    meaning: 'There are too few power readings for the integral to mean much.',
    evidence: 'Fewer than 10 readings in the window.',
    advice: 'Measure for longer.',
  },
  recording_fault: {
    meaning:
      'samples.parquet or timeseries.parquet is not whole, or sensors beside the GPUs did not answer. The joules are not affected.',
    evidence: 'Writing the file failed, or opening the sensors.',
    advice: 'Make room or use another disk.',
  },
  gpu_not_measured: {
    meaning: 'A GPU is in no joules of this result.',
    evidence: 'It was lost, cannot be read, or has no power sensor (`energy.unmeasured`).',
    advice: 'Do not compare this total with one of more GPUs.',
  },
  counter_stuck: {
    meaning: 'The energy counter stands still while power is drawn. The readings are used.',
    evidence: 'The counter did not move while the readings came to more than 1000 J.',
    advice: 'Update the driver.',
  },
  instant_power_missing: {
    meaning: 'The instantaneous power cannot be read; another call of the driver is used.',
    evidence: 'Field 186 fails while nvmlDeviceGetPowerUsage answers.',
    advice: 'Update the driver. A mean over one second sees short loads late.',
  },
  untried_hardware: {
    meaning:
      'The sensor is of a kind that llem was never beside: GPUs of AMD and Intel, by files of the kernel.',
    evidence:
      '`energy.devices[].power_domain` names the file. It was tested on file systems that tests made.',
    advice: 'Compare with a meter (`llem exec` beside one), and report what you see.',
  },
  gpu_persistence_mode_off: {
    meaning: 'The driver may put the GPU to sleep and wake it, which costs time and energy.',
    evidence: 'Persistence mode is off.',
    advice: "Run 'nvidia-smi -pm 1' as root.",
  },
  thermal_drift_detected: {
    meaning: 'The GPU got warmer or cooler, and a warm GPU draws more for the same work.',
    evidence: 'More than 10 C between the beginning and the end.',
    advice: 'Raise `warmup.thermal_floor_seconds` or check the cooling.',
  },
  mig_enabled: {
    meaning: 'The GPU is cut into instances, and power is only known of all of it.',
    evidence: 'MIG mode is on.',
    advice: 'Use the whole GPU, or keep the other instances idle.',
  },
  limit_changed: {
    meaning:
      'A power limit or a clock limit was changed in the window: this is no measurement of one setting.',
    evidence: '`energy.contamination.limit_changes`.',
    advice: 'Find out who changed it and measure again.',
  },
  foreign_process: {
    meaning: 'Another process computed on the GPU. Its energy is in these joules.',
    evidence: '`energy.contamination.foreign_processes`.',
    advice: 'Stop it and measure again.',
  },
  other_sampler: {
    meaning: 'Another program polls the GPU. Each call costs the driver time and wakes the GPU.',
    evidence: 'It has the management library loaded (`energy.contamination.other_samplers`).',
    advice: 'Stop it while you measure.',
  },
  energy_backend_failed: {
    meaning: "The energy backend that was chosen failed; the joules are those of llem's own sampler.",
    evidence: '`energy.selection.failure`.',
    advice: 'See `llem devices -v`.',
  },
  energy_cross_check: {
    meaning: "The chosen backend and llem's own sampler disagree about the same window.",
    evidence: '`energy.cross_check`: mean powers beside their uncertainties.',
    advice: 'Trust neither before you know why.',
  },
  energy_of_cpu: {
    meaning:
      'The joules are of the CPU and of no GPU: nothing here reads one, or only the CPU was asked for. They are those of all that the CPU did, and compare with nothing that a GPU drew.',
    evidence: '`energy.domain` and `energy.reason`, which says whether the CPU was measured or estimated.',
    advice:
      'Where the model runs on the CPU, that is its energy without memory and mainboard. Where it runs on a GPU, measure where that can be read.',
  },
  rapl_not_proven: {
    meaning: 'The joules are of counters that llem has read in simulation alone.',
    evidence:
      "`energy.backend` is `rapl`. Neither Intel nor AMD states how far off a package's counter may be.",
    advice: 'Compare runs on the same machine; hold it against a meter before you quote it alone.',
  },
}
