import { integralPieces } from '../native/recording.js'
import type { NativeEnergy } from '../results/energy.js'
import type { Offset } from './clock.js'

/** A window by the node's clock, and how well its edges are known. */
export interface Edges {
  startNs: number
  endNs: number
  start: Offset
  end: Offset
  driftPpm: number
}

/**
 * How much energy the clock may hide at most: what the node drew, by its own curve, within the bound of each edge (the larger
 * side), and its whole energy times the drift, as nobody knows which of two clocks counts true seconds. Null where a GPU tells
 * no power, so that nobody knows what it drew in a moment.
 */
export async function energyBoundJ(
  samplesPath: string,
  { startNs, endNs, start, end, driftPpm }: Edges,
  { total_j, devices }: Pick<NativeEnergy, 'total_j' | 'devices'>,
): Promise<number | null> {
  const highest = devices.flatMap(({ max_power_w }) => (max_power_w === null ? [] : [max_power_w]))
  if (highest.length < devices.length) return null
  const highestW = highest.reduce((sum, each) => sum + each, 0)
  const edges = [
    [startNs, start.boundNs],
    [endNs, end.boundNs],
  ] as const
  const joules = await Promise.all(
    edges.map(async ([atNs, boundNs]) => {
      const atMost = (highestW * boundNs) / 1e9
      const pieces = await integralPieces(
        samplesPath,
        Float64Array.of(Math.floor(atNs - boundNs), Math.round(atNs), Math.ceil(atNs + boundNs)),
      ).catch(() => [])
      const [before, after] = [0, 1].map((side) =>
        pieces.reduce((sum, { joules: each }) => sum + (each[side] ?? Number.NaN), 0),
      )
      const either = Math.max(before ?? Number.NaN, after ?? Number.NaN)
      // Between two readings the curve is a guess; the highest reading is none.
      return Number.isFinite(either) && pieces.length > 0 ? Math.max(either, atMost) : atMost
    }),
  )
  const byDrift = (Math.abs(driftPpm) / 1e6) * (total_j ?? 0)
  return joules.reduce((sum, each) => sum + each, byDrift)
}
