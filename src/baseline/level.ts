// A level of power: what GPUs draw in a state that lasts, and how far it may be off.

import type { Device } from '../native/addon.js'
import type { Energy } from '../results/energy.js'

export interface DeviceLevel {
  device: Device
  powerW: number
  /** k = 2; null where nothing is known of it. */
  uncertaintyW: number | null
}

/** Watts of several GPUs together; the uncertainties of boards are their own, so they add as squares. */
export interface Watts {
  powerW: number
  uncertaintyW: number | null
}

/** The levels of these GPUs, or of all; null where one of them has none. */
export function wattsOf(
  devices: readonly { device: Pick<Device, 'uuid'>; powerW: number; uncertaintyW?: number | null }[],
  uuids: readonly string[] | null = null,
): Watts | null {
  const own = devices.filter(({ device }) => uuids?.includes(device.uuid) ?? true)
  if (own.length === 0 || (uuids !== null && own.length < new Set(uuids).size)) return null
  const squares = own.map(({ uncertaintyW = null }) =>
    uncertaintyW === null ? Number.NaN : uncertaintyW ** 2,
  )
  const uncertaintyW = Math.sqrt(squares.reduce((sum, square) => sum + square, 0))
  return {
    powerW: own.reduce((sum, { powerW }) => sum + powerW, 0),
    uncertaintyW: Number.isNaN(uncertaintyW) ? null : uncertaintyW,
  }
}

/** How far the mean power of each device in a window may be off (k = 2, on this board), in their order. */
export function meanUncertainties({
  devices,
  duration_sec,
}: Pick<Energy, 'devices' | 'duration_sec'>): (number | null)[] {
  return devices.map(({ uncertainty_j }) => (uncertainty_j === null ? null : uncertainty_j / duration_sec))
}

/** What is uncertain of the reading, with half of what the level moved by meanwhile. */
export function withDrift(uncertaintyW: number | null, movedW: number | null): number | null {
  return uncertaintyW === null ? null : Math.hypot(uncertaintyW, (movedW ?? 0) / 2)
}
