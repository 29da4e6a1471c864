// What the GPUs draw while nothing computes, and what makes that doubtful.

import { describeForeignProcess, describeLimitChange } from '../energy/contamination.js'
import type { OpenedSampler } from '../energy/open.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { Device, WindowReport } from '../native/addon.js'
import type { Sampler, Window } from '../native/sampler.js'
import type { Observer } from '../progress/observer.js'
import { waitVisibly } from '../progress/wait.js'
import { type DeviceLevel, meanUncertainties, withDrift } from './level.js'

/** The first and the last third of an idle GPU's power differ by less than this. */
const STEADY_PCT = 5

export interface IdlePower {
  measuredAt: string
  durationS: number
  devices: DeviceLevel[]
  /** What makes this not the power of idle GPUs, in sentences. */
  disturbances: string[]
}

/** Measures the mean power of each GPU. Throws INTERRUPTED, and an error where a GPU has none. */
export async function measureIdlePower(
  opened: OpenedSampler,
  durationS: number,
  {
    label = 'Measuring idle power',
    isServerElsewhere = false,
    steadyPct = STEADY_PCT,
    ...context
  }: {
    observer: Observer
    signal: AbortSignal | undefined
    /** What is shown meanwhile. */
    label?: string
    /** A server that llem has not started is there, which nobody can tell from a stranger. */
    isServerElsewhere?: boolean
    /** The first and the last third differ by less than this. */
    steadyPct?: number
  },
): Promise<IdlePower> {
  const { sampler } = opened
  await sampler.ready()
  const window = beginEnergyWindow(opened)
  const thirds = markThirds(sampler, durationS)
  try {
    await waitVisibly(label, durationS, context)
  } catch (error) {
    window.cancel()
    thirds.cancel()
    throw error
  }
  const [energy, ends] = await Promise.all([window.end(), thirds.end()])
  const { foreign_processes, limit_changes } = energy.contamination
  const uncertainties = meanUncertainties(energy)
  const devices = energy.devices.map(({ mean_power_w: powerW, reason }, position) => {
    const device = opened.devices[position]
    if (powerW === null || device === undefined) throw new Error(`no idle power: ${reason}`)
    const uncertaintyW = withDrift(uncertainties[position] ?? null, movedW(ends, position))
    return { device, powerW, uncertaintyW }
  })
  return {
    measuredAt: new Date().toISOString(),
    durationS,
    devices,
    disturbances: [
      ...(isServerElsewhere ? [] : (foreign_processes ?? []).map(describeForeignProcess)),
      ...(limit_changes ?? []).map(describeLimitChange),
      ...(ends === null ? [] : driftsOf(ends, opened.devices, steadyPct)),
    ],
  }
}

interface Ends {
  first: WindowReport
  last: WindowReport
}

/** Windows of their own over the first and the last third; null where the process was too busy to mark them. */
function markThirds(sampler: Sampler, durationS: number): { end(): Promise<Ends | null>; cancel(): void } {
  const thirdMs = (durationS * 1000) / 3
  const first = sampler.beginWindow()
  let firstReport: Promise<WindowReport> | null = null
  let last: Window | null = null
  const timers = [
    setTimeout(() => {
      firstReport = first.end()
      // Whoever waits for it hears of it; until then it is no unhandled one.
      firstReport.catch(() => undefined)
    }, thirdMs),
    setTimeout(() => {
      last = sampler.beginWindow()
    }, 2 * thirdMs),
  ]
  const cancel = () => {
    for (const timer of timers) clearTimeout(timer)
    if (firstReport === null) first.cancel()
    last?.cancel()
  }
  return {
    cancel,
    async end() {
      if (firstReport === null || last === null) {
        cancel()
        return null
      }
      const [first, lastReport] = await Promise.all([firstReport, last.end()])
      return { first, last: lastReport }
    },
  }
}

/** By how much the power of a device moved from the first to the last third; null where that was not seen. */
function movedW(ends: Ends | null, position: number): number | null {
  const [beforeW, afterW] = [ends?.first, ends?.last].map((report) => report?.devices[position]?.meanPowerW)
  return beforeW === undefined || afterW === undefined ? null : Math.abs(afterW - beforeW)
}

/** A GPU that cools down after a run draws less and less, and one that wakes up more. */
function driftsOf({ first, last }: Ends, devices: readonly Device[], steadyPct: number): string[] {
  return devices.flatMap(({ index }, position) => {
    const [beforeW, afterW] = [first, last].map((report) => report.devices[position]?.meanPowerW)
    if (beforeW === undefined || afterW === undefined) return []
    if (Math.abs(afterW / beforeW - 1) * 100 <= steadyPct) return []
    const [verb, cause] =
      afterW < beforeW
        ? ['fell', 'it was not idle for long; let it cool down']
        : ['rose', 'it was not idle; free it']
    return [
      `the power of GPU ${index} ${verb} from ${beforeW.toFixed(1)} to ${afterW.toFixed(1)} W: ${cause} and measure again.`,
    ]
  })
}
