// The window of an inference is cut, after the fact, to the inference: a message to a worker and back, and whatever this
// process does meanwhile, is no part of it. The worker's stamps and the window's are of one clock, and what is cut off are pieces
// of the window's own curve.

import { integralPieces } from '../native/recording.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import type { Span } from '../results/request-pieces.js'

/** Of a device: its joules in the margins that are cut off. */
export interface Margins {
  beforeJ: number
  afterJ: number
}

/**
 * The same energy over `span` alone, where that is a part of its window and llem's own sampler measured it and recorded its
 * readings; else as it is. Throws what reading the samples throws.
 */
export async function cutTo(energy: Energy, samplesPath: string, span: Span): Promise<Energy> {
  const { window, total_j } = energy
  const isPart =
    window.start_ns <= span.start_ns && span.start_ns < span.end_ns && span.end_ns <= window.end_ns
  if (energy.sampler === null || energy.cross_check !== null || total_j === null || !isPart) return energy
  const margins = await marginsOf(samplesPath, window, span)
  if (margins.some(({ beforeJ, afterJ }) => !Number.isFinite(beforeJ + afterJ))) return energy
  const durationS = (span.end_ns - span.start_ns) / 1e9
  const devices = energy.devices.map((device, position) => cutDevice(device, margins[position], durationS))
  const startUtcMs = Date.parse(window.start_utc) + (span.start_ns - window.start_ns) / 1e6
  return {
    ...energy,
    devices,
    total_j: devices.reduce((sum, device) => sum + (device.total_j ?? 0), 0),
    duration_sec: durationS,
    window: { ...span, start_utc: new Date(startUtcMs).toISOString() },
    cut: {
      recorded: { start_ns: window.start_ns, end_ns: window.end_ns },
      before_j: margins.reduce((sum, { beforeJ }) => sum + beforeJ, 0),
      after_j: margins.reduce((sum, { afterJ }) => sum + afterJ, 0),
    },
  }
}

/** The joules of each device before and after `span`, in a window that its samples tell of. */
export async function marginsOf(samplesPath: string, window: Span, span: Span): Promise<Margins[]> {
  const boundaries = Float64Array.of(window.start_ns, span.start_ns, span.end_ns, window.end_ns)
  const devices = await integralPieces(samplesPath, boundaries)
  return devices.map(({ joules: [beforeJ = Number.NaN, , afterJ = Number.NaN] }) => ({ beforeJ, afterJ }))
}

/** The total of a device and its mean power without the margins. */
export function withoutMargins(totalJ: number, { beforeJ, afterJ }: Margins): number {
  return totalJ - beforeJ - afterJ
}

function cutDevice(device: DeviceEnergy, margins: Margins | undefined, durationS: number): DeviceEnergy {
  if (device.total_j === null || margins === undefined) return device
  const total_j = withoutMargins(device.total_j, margins)
  return { ...device, total_j, mean_power_w: total_j / durationS }
}
