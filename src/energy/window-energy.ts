import type { DeviceReport, WindowReport } from '../native/addon.js'
import type { SampledDevice, Sampler } from '../native/sampler.js'
import { type BoardGain, COUNTER_KINDS, METHODS } from '../results/board.js'
import type { DeviceEnergy, Energy, NativeEnergy, OtherSampler } from '../results/energy.js'
import type { Finding } from '../results/findings.js'
import type { UntrustedEnergy } from '../results/untrusted.js'
import { foreignProcesses, limitChanges } from './contamination.js'
import { cpuEnergyOf } from './cpu.js'
import type { Unmeasured } from './devices.js'
import { findingsOf, findingsOfDevice, type GpuSetting } from './findings.js'
import { migInstancesOf } from './mig.js'
import { sensorEnergiesOf } from './sensors.js'

const MIB = 1024 * 1024
/** The source of a gain (crates/meter/src/energy/board_gain.rs). */
const EXTERNAL_METER = 'external meter'

/** What is beside a window's report. */
export interface Beside {
  /** Null where nobody looked. */
  otherSamplers?: OtherSampler[] | null
  /** Where the load runs, if in a container. */
  ownContainer?: string | null
  /** In the sampler's order; absent where nobody knows. */
  settings?: readonly GpuSetting[]
  /** GPUs that were to be measured and cannot be. */
  unmeasured?: readonly Unmeasured[]
  /** Why there is no GPU in the report, where there is none. */
  withoutGpus?: string | null
  /** What others count beside llem. */
  untrusted?: UntrustedEnergy[]
  /** What Slurm says of who shares the node, and whether llem was suspended. */
  ofSurroundings?: readonly Finding[]
}

const UNKNOWN_SETTING: GpuSetting = { persistenceMode: null, migMode: null }

/** A window's report in the words of result.json. */
export function energyOf(
  report: WindowReport,
  sampler: Pick<Sampler, 'devices' | 'intervalMs' | 'powerDomains'>,
  {
    otherSamplers = null,
    ownContainer = null,
    settings = [],
    unmeasured = [],
    withoutGpus = null,
    untrusted = [],
    ofSurroundings = [],
  }: Beside = {},
): NativeEnergy {
  const domains = sampler.powerDomains()
  const devices = report.devices.map((device, position) =>
    deviceEnergy(
      device,
      sampler.devices[position] as SampledDevice,
      domains[position] ?? 'unknown',
      settings[position] ?? UNKNOWN_SETTING,
    ),
  )
  const energy: Omit<NativeEnergy, 'findings'> = {
    backend: 'nvml',
    domain: 'gpu',
    method: methodOf(report.method),
    total_j: report.totalJ ?? null,
    reason: withoutGpus ?? reasonOf(devices),
    integral_j: report.integralJ ?? null,
    counter_j: report.counterJ ?? null,
    counter_raw_j: report.counterRawJ ?? null,
    residual_pct: residualPct(report, devices),
    uncertainty_j: report.uncertaintyJ ?? null,
    absolute_uncertainty_j: report.absoluteUncertaintyJ ?? null,
    gain_pct: report.totalJ === undefined ? null : Math.max(...devices.map((device) => device.gain_pct ?? 0)),
    coverage: devices.length === 0 ? null : report.coverage,
    duration_sec: (report.endNs - report.startNs) / 1e9,
    window: {
      start_ns: report.startNs,
      end_ns: report.endNs,
      start_utc: new Date(report.startUnixMs).toISOString(),
    },
    sampler: {
      interval_ms: sampler.intervalMs,
      samples: report.sampler.samples,
      missed_deadlines: report.sampler.missedDeadlines,
      dropped: report.sampler.dropped,
      lateness_us_p50: report.sampler.latenessUsP50 ?? null,
      lateness_us_p99: report.sampler.latenessUsP99 ?? null,
      read_us_p50: report.sampler.readUsP50 ?? null,
      read_us_p99: report.sampler.readUsP99 ?? null,
      cpu_s: report.sampler.cpuS,
      driver_s: report.sampler.driverS,
      driver_calls: report.sampler.driverCalls,
    },
    devices,
    unmeasured: unmeasured.map(({ index, reason }) => ({ gpu_index: index, reason })),
    cpu: cpuEnergyOf(report.cpu),
    external: [],
    sensors: sensorEnergiesOf(report.sensors),
    contamination: {
      other_samplers: otherSamplers,
      foreign_processes: foreignProcesses(report.devices, sampler.devices, ownContainer),
      limit_changes: limitChanges(report.devices, sampler.devices),
    },
    faults: report.faults,
    estimator: report.estimator,
    constants_hash: report.constantsHash,
    selection: null,
    measurement: null,
    cross_check: null,
    nodes: null,
    untrusted,
    cut: null,
  }
  return { ...energy, findings: [...findingsOf(energy), ...ofSurroundings] }
}

function deviceEnergy(
  report: DeviceReport,
  { index, uuid, name, meter }: SampledDevice,
  domain: string,
  setting: GpuSetting,
): DeviceEnergy {
  const device: Omit<DeviceEnergy, 'findings'> = {
    index,
    uuid,
    name,
    total_j: report.totalJ ?? null,
    method: methodOf(report.method),
    reason: report.reason,
    integral_j: report.integralJ ?? null,
    counter_j: report.counterJ ?? null,
    counter_raw_j: report.counterRawJ ?? null,
    residual_pct: report.residualPct ?? null,
    uncertainty_j: report.uncertaintyJ ?? null,
    absolute_uncertainty_j: report.absoluteUncertaintyJ ?? null,
    uncertainty: report.components.map(({ component, source, evidence, standardJ, isOfBoard }) => ({
      component,
      source:
        source === EXTERNAL_METER
          ? [source, ...(meter?.certificate ? [meter.certificate] : [])].join(': ')
          : source,
      type: evidence === 'A' ? 'A' : 'B',
      standard_uncertainty_j: standardJ,
      of_board: isOfBoard,
    })),
    gain_pct: report.gainPct ?? null,
    board_gain: boardGainOf(report, meter),
    counter_kind: oneOf(COUNTER_KINDS, report.counterKind),
    gain_ratio: report.gainRatio ?? null,
    sensor: {
      update_period_ms: report.sensor.updatePeriodMs ?? null,
      window_ms: report.sensor.windowMs,
      lag_ms: report.sensor.lagMs,
      counter_period_ms: report.sensor.counterPeriodMs ?? null,
      first_update_ms: report.sensor.firstUpdateMs ?? null,
      first_update_doubt_ms: report.sensor.firstUpdateDoubtMs ?? null,
      counter_first_update_ms: report.sensor.counterFirstUpdateMs ?? null,
      counter_first_update_doubt_ms: report.sensor.counterFirstUpdateDoubtMs ?? null,
    },
    coverage: report.coverage,
    gap_s: report.gapS,
    readings: report.readings,
    missing: report.missing,
    missing_reason: report.missingReason ?? null,
    mean_power_w: report.meanPowerW ?? null,
    max_power_w: report.maxPowerW ?? null,
    power_domain: domain,
    temperature_start_c: report.temperatureStartC ?? null,
    temperature_end_c: report.temperatureEndC ?? null,
    temperature_max_c: report.temperatureMaxC ?? null,
    memory_used_max_mb: report.memoryUsedMaxBytes === undefined ? null : report.memoryUsedMaxBytes / MIB,
    throttle_reasons: report.throttleReasons ?? null,
    throttled: {
      power_cap_s: report.powerCapS ?? null,
      sw_thermal_s: report.swThermalS ?? null,
      hw_thermal_s: report.hwThermalS ?? null,
      power_brake_s: report.powerBrakeS ?? null,
    },
    mig: migInstancesOf(report, setting),
  }
  const byMeter = report.findings.map(({ code, severity, text }) => ({
    code,
    severity: severity === 'info' ? ('info' as const) : ('warning' as const),
    text,
  }))
  return { ...device, findings: findingsOfDevice(device, byMeter, setting) }
}

/** Null where no external meter was beside the board. */
function boardGainOf({ boardGain }: DeviceReport, meter: SampledDevice['meter']): BoardGain | null {
  const method = methodOf(boardGain?.method)
  if (boardGain === undefined || method === null || meter === undefined) return null
  const { ratio, uncertainty } = boardGain
  return { ratio, uncertainty, method, certificate: meter.certificate, measured_at: meter.measuredAt }
}

/** What joules rest on, in the words of result.json. */
export function methodOf(method: string | undefined): Energy['method'] {
  return oneOf(METHODS, method)
}

/** Null for a word that result.json does not know. */
export function oneOf<Word extends string>(words: readonly Word[], word: string | undefined): Word | null {
  return words.find((each) => each === word) ?? null
}

/** One sentence where all devices agree, else each device's own. */
function reasonOf(devices: readonly DeviceEnergy[]): string {
  const reasons = new Set(devices.map((device) => device.reason))
  if (reasons.size === 1) return [...reasons][0] ?? ''
  return devices.map((device) => `GPU ${device.index}: ${device.reason}`).join('; ')
}

/** Null where a device has none, as when its readings have holes: what they miss is no contradiction. */
function residualPct({ integralJ, counterJ }: WindowReport, devices: readonly DeviceEnergy[]): number | null {
  if (integralJ === undefined || counterJ === undefined || counterJ <= 0) return null
  return devices.every(({ residual_pct }) => residual_pct !== null)
    ? ((integralJ - counterJ) / counterJ) * 100
    : null
}
