import type { Energy } from './energy.js'

/** The keys of `cross_check` that are llem's own where another backend was chosen. */
const BESIDE: readonly string[] = ['total_j', 'method', 'uncertainty_j', 'absolute_uncertainty_j', 'window']

/** What llem's own sampler measured, also where it ran beside another backend; null where it could read no device. */
export function ownSampler(energy: Energy): Energy | null {
  const { cross_check: own } = energy
  if (energy.sampler === null) return null
  if (own === null) return energy
  const { total_j, method, uncertainty_j, absolute_uncertainty_j, window } = own
  return {
    ...energy,
    total_j,
    method,
    uncertainty_j,
    absolute_uncertainty_j,
    window: { ...energy.window, ...window },
    duration_sec: (window.end_ns - window.start_ns) / 1e9,
  }
}

/** Where in result.json a quantity of llem's own sampler stands. */
export function ownPath(energy: Energy, key: string): string {
  const [first = key] = key.split('.')
  return energy.cross_check !== null && BESIDE.includes(first) ? `energy.cross_check.${key}` : `energy.${key}`
}
