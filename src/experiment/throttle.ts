import type { Energy } from '../results/energy.js'
import type { ThermalThrottle } from '../results/experiment.js'
import { hasReason } from '../results/throttle-reasons.js'

/**
 * Whether and how long any device was throttled, of all or of those of one process; null where no device could tell.
 */
export function throttleOf(energy: Energy, uuids: readonly string[] | null = null): ThermalThrottle | null {
  const devices = energy.devices.filter(({ uuid }) => uuids?.includes(uuid) ?? true)
  const known = devices.filter((device) => device.throttle_reasons !== null)
  if (known.length === 0) return null
  const reasons = known.reduce((all, device) => all | (device.throttle_reasons ?? 0), 0)
  const slowed = {
    hw_slowdown: hasReason(reasons, 'hw_slowdown'),
    sw_thermal: hasReason(reasons, 'sw_thermal'),
    hw_thermal: hasReason(reasons, 'hw_thermal'),
    hw_power: hasReason(reasons, 'power_brake'),
  }
  const durations = devices.map(({ throttled }) =>
    longest([throttled.sw_thermal_s, throttled.hw_thermal_s, throttled.power_brake_s]),
  )
  return {
    detected: Object.values(slowed).includes(true),
    thermal: slowed.sw_thermal || slowed.hw_thermal,
    power: hasReason(reasons, 'power_cap'),
    ...slowed,
    throttle_duration_sec: longest(durations),
    power_cap_duration_sec: longest(devices.map(({ throttled }) => throttled.power_cap_s)),
    max_temperature_c: longest(devices.map((device) => device.temperature_max_c)),
  }
}

/** The causes overlap in time, so the longest is certain and their sum is not. */
function longest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}
