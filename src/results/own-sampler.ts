import type { Energy } from './energy.js'

/** The keys of `cross_check` that are llem's own where another backend was chosen. */
const BESIDE: readonly string[] = ['total_j', 'method', 'uncertainty_j', 'absolute_uncertainty_j', 'window']

/** The keys of a device that are the other backend's then. */
const OF_DEVICE: readonly string[] = [
  'total_j',
  'method',
  'reason',
  'uncertainty_j',
  'absolute_uncertainty_j',
  'uncertainty',
]

/** What llem's own sampler measured, also where it ran beside another backend; null where it could read no device. */
export function ownSampler(energy: Energy): Energy | null {
  const { cross_check: own } = energy
  if (energy.sampler === null) return null
  if (own === null) return energy
  const { total_j, method, uncertainty_j, absolute_uncertainty_j, window, devices } = own
  return {
    ...energy,
    // In older results the devices had llem's own joules beside another backend's total.
    devices: energy.devices.map((device, position) => ({ ...device, ...devices?.[position] })),
    total_j,
    method,
    uncertainty_j,
    absolute_uncertainty_j,
    window: { ...energy.window, ...window },
    duration_sec: (window.end_ns - window.start_ns) / 1e9,
  }
}

/** Where in result.json a quantity of a device stands, of llem's own sampler. */
export function ownDevicePath({ cross_check }: Energy, position: number, key: string): string {
  const [first = key] = key.split(/[.[]/)
  const beside = cross_check?.devices != null && OF_DEVICE.includes(first)
  return `energy.${beside ? 'cross_check.' : ''}devices[${position}].${key}`
}

/** Where in result.json a quantity of llem's own sampler stands. */
export function ownPath(energy: Energy, key: string): string {
  const [first = key] = key.split('.')
  return energy.cross_check !== null && BESIDE.includes(first) ? `energy.cross_check.${key}` : `energy.${key}`
}
