// A window's energy against what was recorded of it: by the samples to the last bit, by the 1 Hz rows as exactly as
// their 32 bits allow.

import { type Margins, withoutMargins } from '../energy/cut.js'
import type { DeviceReport, Estimator, WindowReport } from '../native/addon.js'
import type { TimeseriesEnergy } from '../native/recording.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import { ownDevicePath, ownPath, ownSampler } from '../results/own-sampler.js'
import { type Check, check, type Quantity } from './check.js'

/** A mean power of 32 bits is off by 6e-8 at most. */
const ROWS_TOLERANCE = 1e-6

/**
 * Why the samples of a measurement cannot be recomputed here although they are whole: another estimator made its joules,
 * and what differs then is no mistake. Null where it was this one.
 */
export function whyOtherEstimator(
  { estimator, constants_hash }: Pick<Energy, 'estimator' | 'constants_hash'>,
  here: Estimator,
): string | null {
  const name = (which: string | null) => (which === null ? 'one of an older llem' : which)
  if (estimator !== here.name)
    return `measured by estimator ${name(estimator)}, this is ${here.name}: not compared`
  return constants_hash === here.constantsHash
    ? null
    : `measured by estimator ${estimator} with other constants (${constants_hash ?? 'unknown'}, here ${here.constantsHash}): not compared`
}

/** What the samples say of each device, and in sum. `margins`: what was cut off each; null where nothing was. */
export function checksOfSamples(
  energy: Energy,
  report: WindowReport,
  margins: readonly Margins[] | null = null,
): Check[] {
  const from = 'samples.parquet'
  const own = ownSampler(energy)
  if (own === null) return []
  const { start_ns, end_ns } = own.cut?.recorded ?? own.window
  const isCut = own.cut !== null && margins !== null
  const cut = (device: DeviceReport, position: number) =>
    isCut ? withoutMarginsOf(device, margins[position], own.duration_sec) : device
  const devices = report.devices.map(cut)
  const totalJ = isCut ? sumOf(devices) : report.totalJ
  return [
    check(
      isCut ? 'energy.cut.recorded.start_ns' : ownPath(energy, 'window.start_ns'),
      from,
      start_ns,
      report.startNs,
    ),
    check(
      isCut ? 'energy.cut.recorded.end_ns' : ownPath(energy, 'window.end_ns'),
      from,
      end_ns,
      report.endNs,
    ),
    check('energy.devices.length', from, energy.devices.length, report.devices.length),
    ...own.devices.flatMap((device, position) => {
      const again = devices[position]
      if (again === undefined) return []
      return told(device, again).map(([name, stored, recomputed]) =>
        check(
          ownDevicePath(energy, position, name),
          from,
          name === 'reason' ? withoutHang(device.reason, again.reason) : stored,
          recomputed ?? null,
        ),
      )
    }),
    check(ownPath(energy, 'method'), from, own.method, report.method ?? null),
    check(ownPath(energy, 'total_j'), from, own.total_j, totalJ ?? null),
    check('energy.integral_j', from, energy.integral_j, report.integralJ ?? null),
    check('energy.counter_j', from, energy.counter_j, report.counterJ ?? null),
    check('energy.counter_raw_j', from, energy.counter_raw_j, report.counterRawJ ?? null),
    check(ownPath(energy, 'uncertainty_j'), from, own.uncertainty_j, report.uncertaintyJ ?? null),
    check(
      ownPath(energy, 'absolute_uncertainty_j'),
      from,
      own.absolute_uncertainty_j,
      report.absoluteUncertaintyJ ?? null,
    ),
    check('energy.sampler.samples', from, own.sampler?.samples ?? null, report.sampler.samples),
  ]
}

/** What a device's report tells once the margins are cut off. */
function withoutMarginsOf(
  device: DeviceReport,
  margins: Margins | undefined,
  durationS: number,
): DeviceReport {
  if (device.totalJ === undefined || margins === undefined) return device
  const totalJ = withoutMargins(device.totalJ, margins)
  return { ...device, totalJ, meanPowerW: totalJ / durationS }
}

function sumOf(devices: readonly DeviceReport[]): number | undefined {
  return devices.some(({ totalJ }) => totalJ === undefined)
    ? undefined
    : devices.reduce((sum, { totalJ }) => sum + (totalJ ?? 0), 0)
}

/** That a call had not returned is what nobody reads in the samples; it stands before what follows from them. */
function withoutHang(stored: string, recomputed: string): string {
  return HANGS.test(stored) && stored.endsWith(`; ${recomputed}`) ? recomputed : stored
}

const HANGS =
  /^(at GPU \d+ )?(the driver's library crashed in \w+ \(\w+\)|the driver has been asked for [\d.]+ s without an end(, \w+ last)?|a driver call (about GPU \d+ )?has not returned for [\d.]+ s)/

type Told = [name: string, stored: Quantity, recomputed: Quantity | undefined]

/** All that samples tell of a device: its name, what is stored, what they say. */
function told(device: DeviceEnergy, again: DeviceReport): Told[] {
  return [
    ['total_j', device.total_j, again.totalJ],
    ['method', device.method, again.method],
    ['reason', device.reason, again.reason],
    ['integral_j', device.integral_j, again.integralJ],
    ['counter_j', device.counter_j, again.counterJ],
    ['counter_raw_j', device.counter_raw_j, again.counterRawJ],
    ['residual_pct', device.residual_pct, again.residualPct],
    ['uncertainty_j', device.uncertainty_j, again.uncertaintyJ],
    ['absolute_uncertainty_j', device.absolute_uncertainty_j, again.absoluteUncertaintyJ],
    ...device.uncertainty.map(({ component, standard_uncertainty_j }, position): Told => {
      const part = again.components[position]
      const same = part?.component === component ? part.standardJ : undefined
      return [`uncertainty[${position}].standard_uncertainty_j`, standard_uncertainty_j, same]
    }),
    ['uncertainty.length', device.uncertainty.length, again.components.length],
    ['counter_kind', device.counter_kind, again.counterKind],
    ['gain_ratio.ratio', device.gain_ratio?.ratio ?? null, again.gainRatio?.ratio],
    ['sensor.update_period_ms', device.sensor.update_period_ms, again.sensor.updatePeriodMs],
    ['sensor.first_update_ms', device.sensor.first_update_ms, again.sensor.firstUpdateMs],
    ['sensor.counter_period_ms', device.sensor.counter_period_ms, again.sensor.counterPeriodMs],
    [
      'sensor.counter_first_update_ms',
      device.sensor.counter_first_update_ms,
      again.sensor.counterFirstUpdateMs,
    ],
    ['coverage', device.coverage, again.coverage],
    ['gap_s', device.gap_s, again.gapS],
    ['readings', device.readings, again.readings],
    ['missing', device.missing, again.missing],
    ['missing_reason', device.missing_reason, again.missingReason],
    ['mean_power_w', device.mean_power_w, again.meanPowerW],
    ['max_power_w', device.max_power_w, again.maxPowerW],
    ['temperature_max_c', device.temperature_max_c, again.temperatureMaxC],
    ['throttle_reasons', device.throttle_reasons, again.throttleReasons],
  ]
}

/** The 1 Hz rows of each device add up to its integral. */
export function checksOfTimeseries(energy: Energy, rows: readonly TimeseriesEnergy[]): Check[] {
  return energy.devices.map(({ index, integral_j }, position) => {
    const joules = rows.find(({ gpuIndex }) => gpuIndex === index)?.joules ?? null
    const path = `energy.devices[${position}].integral_j`
    return check(path, 'timeseries.parquet', integral_j, joules, { tolerance: ROWS_TOLERANCE })
  })
}
