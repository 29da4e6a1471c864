import { setTimeout as sleep } from 'node:timers/promises'
import { methodOf } from '../energy/window-energy.js'
import type { WindowReport } from '../native/addon.js'
import type { Sampler } from '../native/sampler.js'
import type { ShortestWindows } from '../results/calibration.js'
import { type MeasuredWindow, shortestLengthS } from './shortest-window.js'

/** How many windows, and how long each, in milliseconds. */
export const WINDOWS = 8
export const WINDOW_MS = 1000
/** Fewer say little of the others. */
const MIN_WINDOWS = 3
const UNCERTAINTIES_PCT = [1, 2, 5]
/** What `llem exec` asks of a window before it quotes a number (crates/meter/src/energy/headline.rs). */
const MIN_UPDATE_PERIODS = 3
const MIN_COUNTER_TICKS = 8

export interface Periods {
  updatePeriodMs: number | null
  counterPeriodMs: number | null
}

/** Measures windows one after the other, as later runs would; aborted, those that are over. */
export async function measureWindows(sampler: Sampler, signal: AbortSignal): Promise<MeasuredWindow[]> {
  const reports: Promise<WindowReport>[] = []
  await sampler.ready()
  while (reports.length < WINDOWS && !signal.aborted) {
    const window = sampler.beginWindow()
    await sleep(WINDOW_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) window.cancel()
    else reports.push(window.end())
  }
  return (await Promise.all(reports)).flatMap(measuredWindows)
}

/** None where nothing could be quoted. */
function measuredWindows({ devices, startNs, endNs }: WindowReport): MeasuredWindow[] {
  return devices.flatMap(({ method: told, totalJ, components }) => {
    const method = methodOf(told)
    if (totalJ === undefined || method === null) return []
    const expandedJ = (isMeant: (component: string) => boolean) =>
      2 *
      Math.hypot(
        ...components
          .filter((each) => !each.isOfBoard && isMeant(each.component))
          .map((each) => each.standardJ),
      )
    return {
      method,
      durationS: (endNs - startNs) / 1e9,
      totalJ,
      samplingJ: expandedJ((component) => SAMPLING.includes(component)),
      edgesJ: expandedJ((component) => ![...SAMPLING, DIFFERENCE].includes(component)),
      residualJ: expandedJ((component) => component === DIFFERENCE),
    }
  })
}

/** What grows with the root of a window's length. All components but these and the next are of the edges. */
const SAMPLING = ['unseen time', 'counter, unseen time']
/** What grows with its length. */
const DIFFERENCE = 'counter and readings differ'

/** How short windows may be, or why that is not known. */
export function shortestWindows(
  windows: readonly MeasuredWindow[],
  { updatePeriodMs, counterPeriodMs }: Periods,
  underLoad: boolean,
): ShortestWindows | string {
  const byCounter = windows.filter(({ method }) => method === 'counter')
  const byIntegral = windows.filter(({ method }) => method === 'integral')
  const alike = byCounter.length >= byIntegral.length ? byCounter : byIntegral
  const [first] = alike
  if (first === undefined || alike.length < MIN_WINDOWS) {
    return `${alike.length} of ${WINDOWS} windows of ${WINDOW_MS / 1000} s had an energy by the same method, fewer than ${MIN_WINDOWS}`
  }
  const leastMs = Math.max(
    MIN_UPDATE_PERIODS * (updatePeriodMs ?? 0),
    first.method === 'counter' ? MIN_COUNTER_TICKS * (counterPeriodMs ?? 0) : 0,
  )
  return {
    method: first.method,
    windows: alike.length,
    mean_power_w: alike.reduce((sum, { totalJ, durationS }) => sum + totalJ / durationS, 0) / alike.length,
    under_load: underLoad,
    lengths: UNCERTAINTIES_PCT.map((pct) => {
      const lengthS = shortestLengthS(alike, pct / 100)
      return { uncertainty_pct: pct, length_s: lengthS === null ? null : Math.max(lengthS, leastMs / 1000) }
    }),
  }
}
