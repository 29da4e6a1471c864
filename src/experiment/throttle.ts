import type { Energy } from '../results/energy.js'
import type { ThermalThrottle } from '../results/experiment.js'

/** Clock event reasons of nvml.h. */
const POWER_CAP = 0x4
const HW_SLOWDOWN = 0x8
const SW_THERMAL = 0x20
const HW_THERMAL = 0x40
const POWER_BRAKE = 0x80

/** Whether and how long any device was throttled; null where no device could tell. */
export function throttleOf(energy: Energy): ThermalThrottle | null {
  const known = energy.devices.filter((device) => device.throttle_reasons !== null)
  if (known.length === 0) return null
  const reasons = known.reduce((all, device) => all | (device.throttle_reasons ?? 0), 0)
  const has = (bit: number) => (reasons & bit) !== 0
  const slowed = { hw_slowdown: has(HW_SLOWDOWN), sw_thermal: has(SW_THERMAL), hw_thermal: has(HW_THERMAL) }
  const durations = energy.devices.map(({ throttled }) =>
    longest([throttled.sw_thermal_s, throttled.hw_thermal_s, throttled.power_brake_s]),
  )
  return {
    detected: slowed.hw_slowdown || slowed.sw_thermal || slowed.hw_thermal || has(POWER_BRAKE),
    thermal: slowed.sw_thermal || slowed.hw_thermal,
    power: has(POWER_CAP),
    ...slowed,
    hw_power: has(POWER_BRAKE),
    throttle_duration_sec: longest(durations),
    power_cap_duration_sec: longest(energy.devices.map(({ throttled }) => throttled.power_cap_s)),
    max_temperature_c: longest(energy.devices.map((device) => device.temperature_max_c)),
  }
}

/** The causes overlap in time, so the longest is certain and their sum is not. */
function longest(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null)
  return known.length === 0 ? null : Math.max(...known)
}
