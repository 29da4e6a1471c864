// What of an experiment's energy is whose: energy is a property of (device, window), and no device counts twice.

import type { Energy } from './energy.js'

/** The joules of one device in the window, by the backend that was chosen; null where it does not tell them. */
export function joulesOfDevice(energy: Energy, uuid: string): number | null {
  if (energy.backend !== 'nvml') return energy.measurement?.per_gpu_j?.[uuid] ?? null
  return energy.devices.find((device) => device.uuid === uuid)?.total_j ?? null
}

/** The joules of some devices, each once; of all that were measured where `uuids` is null. Null when one has none. */
export function joulesOfDevices(energy: Energy, uuids: readonly string[] | null): number | null {
  if (uuids === null) return energy.total_j
  let sum = 0
  for (const uuid of new Set(uuids)) {
    const joules = joulesOfDevice(energy, uuid)
    if (joules === null) return null
    sum += joules
  }
  return sum
}

/** How far the joules of some devices may be off together (k = 2, on these boards). Null where that is not known of one. */
export function uncertaintyOfDevices(energy: Energy, uuids: readonly string[] | null): number | null {
  if (uuids === null) return energy.uncertainty_j
  const own = energy.devices.filter(({ uuid }) => uuids.includes(uuid))
  if (own.length < new Set(uuids).size) return null
  const squares = own.map(({ uncertainty_j }) => (uncertainty_j === null ? Number.NaN : uncertainty_j ** 2))
  const together = Math.sqrt(squares.reduce((sum, square) => sum + square, 0))
  return Number.isNaN(together) ? null : together
}

/** Seconds that at least one of the windows covers. */
export function unionOfWindowsS(windows: readonly { start_ns: number; end_ns: number }[]): number {
  let coveredNs = 0
  let reachedNs = Number.NEGATIVE_INFINITY
  for (const { start_ns, end_ns } of [...windows].sort((a, b) => a.start_ns - b.start_ns)) {
    coveredNs += Math.max(0, end_ns - Math.max(start_ns, reachedNs))
    reachedNs = Math.max(reachedNs, end_ns)
  }
  return coveredNs / 1e9
}
