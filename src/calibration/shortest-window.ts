import type { Method } from '../results/board.js'

/** What a measured window showed of its uncertainty: the parts (k = 2) of the estimate that is quoted, in joules. */
export interface MeasuredWindow {
  method: Method
  durationS: number
  totalJ: number
  /** What happens while the sensor does not look; 0 for a counter, which sees everything. */
  samplingJ: number
  /** Edges, and ticks of the counter around them. */
  edgesJ: number
  /** By how much the other estimate contradicts a counter that is quoted nevertheless; 0 elsewhere. */
  residualJ: number
}

/**
 * The length in seconds at which windows like these have an uncertainty of `share` of their energy; null where no
 * length is enough.
 *
 * Over a window of length L the energy is E = P L. Of the uncertainty, the edges stay as they are (f), sampling adds
 * up as independent errors do, with the root of the length (s), and a contradiction grows with it (r). With all parts
 * of windows of length L0:
 *
 *     f^2 + s^2 (L / L0) + r^2 (L / L0)^2 = (share P L)^2
 *
 * which is quadratic in L.
 */
export function shortestLengthS(windows: readonly MeasuredWindow[], share: number): number | null {
  const lengthS = mean(windows.map((window) => window.durationS))
  const powerW = mean(windows.map((window) => window.totalJ / window.durationS))
  const edgesJ2 = mean(windows.map((window) => window.edgesJ ** 2))
  const sampling = mean(windows.map((window) => window.samplingJ ** 2)) / lengthS
  const residual = mean(windows.map((window) => window.residualJ ** 2)) / lengthS ** 2
  const allowed = (share * powerW) ** 2 - residual
  return allowed > 0 ? (sampling + Math.sqrt(sampling ** 2 + 4 * allowed * edgesJ2)) / (2 * allowed) : null
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
