// The energy of a window, by requests and by phases: its curve, cut where requests start, get their first token and end.
// Pieces of llem's own curve add up to its own joules; for another backend's they are scaled to that one's.

import { LlemError } from '../core/errors.js'
import type { DevicePieces } from '../native/addon.js'
import { integralPieces } from '../native/recording.js'
import type { Phases, RequestEnergy } from '../results/attribution.js'
import type { DeviceEnergy, Energy } from '../results/energy.js'
import { ownSampler } from '../results/own-sampler.js'
import { phasesOf, type Resolution } from '../results/phases.js'
import { requestEnergyOf } from '../results/request-energy.js'
import { cutAtRequests, type PieceEnergy, type Span, shareOut } from '../results/request-pieces.js'
import type { RequestTimes } from '../results/request-times.js'

export interface Attribution {
  phases: Phases
  requestEnergy: RequestEnergy
  /** By request, in the order of its times; NaN where it is not known. */
  energies: Float64Array
}

/** What is attributed, or why nothing is. */
export type Attributed = { attribution: Attribution; reason: null } | { attribution: null; reason: string }

/** Whose the energy of a window is. `whyUnseen`: why first tokens were not observed, where that is known. Throws PIECES_DIFFER, and what reading its samples throws. */
export async function attributeEnergy(
  samplesPath: string,
  times: RequestTimes,
  energy: Energy,
  whyUnseen: string | null = null,
): Promise<Attributed> {
  const { total_j: totalJ } = energy
  const own = ownSampler(energy)
  if (totalJ === null) return none(energy.reason)
  if (own === null)
    return none("llem's own sampler, whose readings tell the time of a joule, could read no GPU")
  if (times.count === 0) return none('there is no request')
  const window = overlap(energy.window, own.window)
  const pieces = cutAtRequests(times, window)
  const devices = await integralPieces(samplesPath, pieces.boundariesNs)
  const unread = devices.findIndex(({ coveredNs }) => sum(coveredNs) === 0)
  if (unread >= 0) return none(`GPU ${energy.devices[unread]?.index} has no readings that could be joined`)
  const isOwn = energy.cross_check === null
  if (isOwn) refuseOtherSums(energy.devices, devices)
  const joules = isOwn
    ? pieceEnergy(devices, pieces.boundariesNs)
    : scaledPieces(devices, totalsOf(energy, totalJ, devices), pieces.boundariesNs)
  const shares = shareOut(pieces, joules)
  const resolution = resolutionOf(energy, totalJ)
  return {
    attribution: {
      phases: phasesOf(times, pieces, joules, resolution, whyUnseen),
      requestEnergy: requestEnergyOf(times, shares, resolution),
      energies: shares.energies,
    },
    reason: null,
  }
}

function none(reason: string): Attributed {
  return { attribution: null, reason }
}

/** Another backend's window begins and ends a message away from that of the readings. */
function overlap(a: Span, b: Span): Span {
  return { start_ns: Math.max(a.start_ns, b.start_ns), end_ns: Math.min(a.end_ns, b.end_ns) }
}

/** The order of a sum is all that the two may differ by. */
const SAME = 1e-9

/** Parts are parts of the whole: pieces that add up to anything else than the device's joules are not its pieces. */
function refuseOtherSums(devices: readonly DeviceEnergy[], pieces: readonly DevicePieces[]): void {
  for (const [position, { index, total_j }] of devices.entries()) {
    const joules = sum(pieces[position]?.joules ?? [])
    if (total_j === null || !(Math.abs(joules - total_j) <= SAME * Math.max(total_j, 1)))
      throw new LlemError(`the pieces of GPU ${index} add up to ${joules} J, and it has ${total_j} J`, {
        code: 'PIECES_DIFFER',
        hint: null,
      })
  }
}

/** The energy of each piece over all devices, and where readings are missing in one of them. */
function pieceEnergy(devices: readonly DevicePieces[], boundariesNs: Float64Array): PieceEnergy {
  const count = boundariesNs.length - 1
  const energy = { joules: new Float64Array(count), missing: new Uint8Array(count) }
  for (const { joules, coveredNs } of devices)
    for (let piece = 0; piece < count; piece++) {
      energy.joules[piece] = (energy.joules[piece] as number) + (joules[piece] as number)
      const lengthNs = (boundariesNs[piece + 1] as number) - (boundariesNs[piece] as number)
      if ((coveredNs[piece] as number) < lengthNs) energy.missing[piece] = 1
    }
  return energy
}

/**
 * What each device's pieces are to add up to: what the other backend says of it; where that tells only the sum over the
 * GPUs, its part of the sum by the readings.
 */
function totalsOf(
  { devices, measurement }: Energy,
  totalJ: number,
  pieces: readonly DevicePieces[],
): number[] {
  const told = devices.map(({ uuid }) => measurement?.per_gpu_j?.[uuid] ?? null)
  if (told.every((joules) => joules !== null) && told.length === pieces.length) return told
  const means = pieces.map(({ joules, coveredNs }) => sum(known(joules)) / sum(coveredNs))
  return means.map((mean) => (totalJ * mean) / sum(means))
}

/**
 * The same for another backend's joules. What was read is scaled to its share of the total by time; a stretch without
 * readings is taken at the mean power, so that the rest is not scaled up for it.
 */
function scaledPieces(
  devices: readonly DevicePieces[],
  totals: readonly number[],
  boundariesNs: Float64Array,
): PieceEnergy {
  const count = boundariesNs.length - 1
  const windowNs = (boundariesNs[count] as number) - (boundariesNs[0] as number)
  const scaled = devices.map(({ joules, coveredNs }, position) => {
    const meanJPerNs = (totals[position] as number) / windowNs
    const readJ = (at: number) => ((coveredNs[at] as number) > 0 ? (joules[at] as number) : 0)
    const scale = (meanJPerNs * sum(coveredNs)) / sum(joules.map((_, at) => readJ(at)))
    const filled = joules.map((_, at) => {
      const lengthNs = (boundariesNs[at + 1] as number) - (boundariesNs[at] as number)
      return readJ(at) * scale + meanJPerNs * (lengthNs - (coveredNs[at] as number))
    })
    return { joules: filled, coveredNs }
  })
  return pieceEnergy(scaled, boundariesNs)
}

function resolutionOf({ devices, uncertainty_j }: Energy, totalJ: number): Resolution {
  const most = (of: (device: DeviceEnergy) => number | null) => {
    const values = devices.map(of)
    return values.some((value) => value === null) ? null : Math.max(...(values as number[]))
  }
  const powers = devices.map(({ max_power_w }) => max_power_w)
  const periodMs = most(({ sensor }) => sensor.update_period_ms)
  return {
    updatePeriodNs: periodMs === null ? null : periodMs * 1e6,
    windowNs: (most(({ sensor }) => sensor.window_ms) ?? 0) * 1e6,
    maxPowerW: powers.some((watts) => watts === null) ? null : sum(powers as number[]),
    relativeUncertainty: uncertainty_j === null || !(totalJ > 0) ? null : uncertainty_j / totalJ,
  }
}

function known(joules: Float64Array): Float64Array {
  return joules.filter((value) => !Number.isNaN(value))
}

function sum(values: ArrayLike<number>): number {
  let all = 0
  for (let at = 0; at < values.length; at++) all += values[at] as number
  return all
}
