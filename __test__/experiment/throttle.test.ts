import { describe, expect, it } from 'vitest'
import { throttleOf } from '../../dist/experiment/throttle.js'
import { deviceEnergy, energy } from './findings.js'

const NONE = {
  detected: false,
  thermal: false,
  power: false,
  sw_thermal: false,
  hw_thermal: false,
  hw_slowdown: false,
  hw_power: false,
}

describe('the bits of nvml.h', () => {
  it.for([
    [0x0, {}],
    [0x1, {}],
    [0x4, { power: true }],
    [0x8, { detected: true, hw_slowdown: true }],
    [0x20, { detected: true, thermal: true, sw_thermal: true }],
    [0x40, { detected: true, thermal: true, hw_thermal: true }],
    [0x80, { detected: true, hw_power: true }],
    [0x44, { detected: true, thermal: true, hw_thermal: true, power: true }],
  ] as const)('%i', ([throttle_reasons, flags]) => {
    const throttle = throttleOf(energy({ devices: [deviceEnergy({ throttle_reasons })] }))
    expect(throttle).toMatchObject({ ...NONE, ...flags })
  })
})

describe('over several GPUs', () => {
  it('flags are ORed, durations and temperatures are the largest', () => {
    const cool = deviceEnergy({ temperature_max_c: 50 })
    const hot = deviceEnergy({
      throttle_reasons: 0x60,
      throttled: { power_cap_s: 7, sw_thermal_s: 1.5, hw_thermal_s: 2.5, power_brake_s: null },
      temperature_max_c: 91,
    })
    expect(throttleOf(energy({ devices: [cool, hot] }))).toEqual({
      ...NONE,
      detected: true,
      thermal: true,
      sw_thermal: true,
      hw_thermal: true,
      throttle_duration_sec: 2.5,
      power_cap_duration_sec: 7,
      max_temperature_c: 91,
    })
  })
})

describe('what is not known', () => {
  it('is null where no device says whether it throttles', () => {
    expect(throttleOf(energy({ devices: [deviceEnergy({ throttle_reasons: null })] }))).toBeNull()
  })

  it('is a null duration where the driver has no cumulative counters', () => {
    const throttled = { power_cap_s: null, sw_thermal_s: null, hw_thermal_s: null, power_brake_s: null }
    const throttle = throttleOf(energy({ devices: [deviceEnergy({ throttled, throttle_reasons: 0x20 })] }))
    expect(throttle).toMatchObject({
      detected: true,
      throttle_duration_sec: null,
      power_cap_duration_sec: null,
    })
  })
})
