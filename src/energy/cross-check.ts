import type { EnergyBackendName } from '../core/energy-backends.js'
import type { CrossCheck, DeviceEnergy, Energy } from '../results/energy.js'
import type { EnergyMeasurement } from './backends/backend.js'

/** Beyond this, and beyond what is uncertain, two measurements of one window contradict each other. */
const TOLERANCE_PCT = 3
/** Where it was not seen how often the counter moves: what all boards do that were ever measured. */
const USUAL_TICK_MS = 100

/**
 * How far a backend that takes the plain difference of energy counters may be off, in joules: at each end it misses up
 * to one tick, and what it misses at the end it has too much from the beginning, so at most one tick at full power. Null
 * where it polled the power itself, because how well is not known.
 */
export function tickUncertaintyJ(
  { method, edges_s }: EnergyMeasurement,
  devices: readonly DeviceEnergy[],
): number | null {
  const peakW = peakPowerW(devices)
  if (method !== 'counter' || peakW === null) return null
  // Added up and not as squares: boards under one driver may well tick together.
  return devices.reduce((sum, device) => sum + (tickJ(device, edges_s) ?? 0), 0)
}

/** The same of one device. */
function tickJ(
  { max_power_w, sensor }: Pick<DeviceEnergy, 'max_power_w' | 'sensor'>,
  edgesS: number,
): number | null {
  const tickS = (sensor.counter_period_ms ?? USUAL_TICK_MS) / 1000
  return max_power_w === null ? null : max_power_w * (tickS + edgesS)
}

/**
 * The devices with the backend's joules in place of llem's own, which are in the cross-check. Null, with the reason, where
 * the backend tells only the sum over several.
 */
export function devicesBy(
  backend: EnergyBackendName,
  { total_j, per_gpu_j, method, edges_s, uncertainty_j }: EnergyMeasurement,
  devices: readonly DeviceEnergy[],
): DeviceEnergy[] {
  return devices.map((device) => {
    const only = devices.length === 1 ? total_j : null
    const joules = per_gpu_j === null ? only : (per_gpu_j[device.uuid] ?? null)
    const tick = method === 'counter' ? tickJ(device, edges_s) : null
    const bound = joules === null ? null : ((devices.length === 1 ? uncertainty_j : null) ?? tick)
    const gainJ = joules === null || device.gain_pct === null ? null : (joules * device.gain_pct) / 100
    return {
      ...device,
      total_j: joules,
      method: joules === null ? null : method,
      reason: joules === null ? `${backend} does not tell it by device` : `measured by ${backend}`,
      uncertainty_j: bound,
      absolute_uncertainty_j: bound === null || gainJ === null ? null : Math.hypot(bound, gainJ),
      uncertainty: [],
    }
  })
}

/** llem's own joules of a device, which stand in the cross-check. */
function ownJoules({ index, uuid, total_j, method, reason, ...device }: DeviceEnergy) {
  const { uncertainty_j, absolute_uncertainty_j, uncertainty } = device
  return { index, uuid, total_j, method, reason, uncertainty_j, absolute_uncertainty_j, uncertainty }
}

/**
 * Holds a backend's joules against those of llem's own sampler. Its window begins a message before the backend's and ends
 * as long before it, so its mean power is taken over the backend's time; what those milliseconds may hold besides is
 * part of what is uncertain.
 */
export function crossCheck(
  measured: EnergyMeasurement,
  uncertaintyJ: number | null,
  native: Energy,
): CrossCheck {
  const { start_ns, end_ns } = native.window
  const shiftS =
    (Math.abs(measured.window.start_ns - start_ns) + Math.abs(measured.window.end_ns - end_ns)) / 1e9
  const peakW = peakPowerW(native.devices)
  const overJ =
    native.total_j === null ? null : (native.total_j / native.duration_sec) * measured.duration_sec
  const edgesJ = peakW === null ? null : peakW * shiftS
  const differenceJ = measured.total_j === null || overJ === null ? null : measured.total_j - overJ
  const residual_pct =
    differenceJ === null || overJ === null || !(overJ > 0) ? null : (differenceJ / overJ) * 100
  const uncertainJ = (uncertaintyJ ?? 0) + (native.uncertainty_j ?? 0) + (edgesJ ?? 0)
  return {
    total_j: native.total_j,
    uncertainty_j: native.uncertainty_j,
    absolute_uncertainty_j: native.absolute_uncertainty_j,
    method: native.method,
    reason: native.reason,
    window: { start_ns, end_ns },
    devices: native.devices.map(ownJoules),
    over_backend_window_j: overJ,
    edges_j: edgesJ,
    residual_pct,
    flagged:
      residual_pct !== null &&
      Math.abs(residual_pct) > TOLERANCE_PCT &&
      Math.abs(differenceJ ?? 0) > uncertainJ,
  }
}

/** A warning's words about a backend and llem's own sampler that contradict each other. */
export function describeCrossCheck({
  backend,
  total_j,
  cross_check,
}: Pick<Energy, 'backend' | 'total_j' | 'cross_check'>): string | null {
  if (!cross_check?.flagged) return null
  const { over_backend_window_j: ownJ, residual_pct } = cross_check
  return `${backend} measured ${total_j?.toFixed(1)}J where llem's own sampler measured ${ownJ?.toFixed(1)}J (${residual_pct?.toFixed(1)}%), which is more than both are uncertain by. Compare energy.cross_check.devices with energy.devices.`
}

/** Of all devices together; null where one of them was not seen. */
function peakPowerW(devices: readonly DeviceEnergy[]): number | null {
  if (devices.length === 0) return null
  return devices.reduce<number | null>(
    (sum, { max_power_w }) => (sum === null || max_power_w === null ? null : sum + max_power_w),
    0,
  )
}
