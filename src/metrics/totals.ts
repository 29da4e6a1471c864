// What everything has used since llem began to look: windows end to end, each judged as the window of any measurement, and
// their sums. They only grow, so that they can be the counters of a monitoring system.

import { setTimeout as sleep } from 'node:timers/promises'
import type { OpenedSampler } from '../energy/open.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { NativeEnergy } from '../results/energy.js'

/** The shortest window: often enough for the rates of a dashboard. */
const LEAST_MS = 2000
const MOST_MS = 60_000
/** A window holds so many updates of the slowest sensor. */
const UPDATES = 20
/** To look for a moment is no measurement that is too short. */
const OF_LENGTH = new Set(['short_measurement_duration', 'nvml_low_sample_count'])

/** The joules of one thing, and how much of the time they are of. */
export interface Total {
  joules: number
  /** At most so far off in all (k = 2): the uncertainties of the windows, added. Null where some window told none. */
  uncertaintyJ: number | null
  /** In windows with joules, and in those without, in seconds. */
  measuredS: number
  unmeasuredS: number
}

/** What is added to a total for one window. */
type Part = { joules: number | null; uncertaintyJ: number | null }

export class EnergyTotals {
  /** By UUID. */
  readonly gpus = new Map<string, Total>()
  /** By the name of the RAPL domain; what another one shows once more is left out. */
  readonly cpu = new Map<string, Total & { kind: string }>()
  /** Sensors of no GPU, by their names. */
  readonly sensors = new Map<string, Total & { kind: string }>()
  /** How many windows had a finding, by its code. */
  readonly findings = new Map<string, number>()
  windows = 0
  lostWindows = 0

  constructor(uuids: readonly string[]) {
    for (const uuid of uuids) this.gpus.set(uuid, nothing())
  }

  /** Adds a window. */
  add({ devices, cpu, sensors, findings, duration_sec: seconds }: NativeEnergy): void {
    this.windows += 1
    for (const { uuid, total_j: joules, absolute_uncertainty_j: uncertaintyJ } of devices)
      grow(this.gpus, uuid, nothing, { joules, uncertaintyJ }, seconds)
    for (const { domain, kind, energy_j: joules, uncertainty_j: uncertaintyJ, mirrors } of cpu?.domains ?? [])
      if (mirrors === null)
        grow(this.cpu, domain, () => ({ ...nothing(), kind }), { joules, uncertaintyJ }, seconds)
    for (const { sensor, kind, energy_j: joules, uncertainty_j: uncertaintyJ } of sensors ?? [])
      grow(this.sensors, sensor, () => ({ ...nothing(), kind }), { joules, uncertaintyJ }, seconds)
    for (const code of new Set(findings.map(({ code }) => code)))
      if (!OF_LENGTH.has(code)) this.findings.set(code, (this.findings.get(code) ?? 0) + 1)
  }

  /** Counts a window that has no report. */
  lose(seconds: number): void {
    this.lostWindows += 1
    for (const total of [this.gpus, this.cpu, this.sensors].flatMap((totals) => [...totals.values()]))
      total.unmeasuredS += seconds
  }
}

function nothing(): Total {
  return { joules: 0, uncertaintyJ: 0, measuredS: 0, unmeasuredS: 0 }
}

function grow<T extends Total>(
  totals: Map<string, T>,
  name: string,
  fresh: () => T,
  { joules, uncertaintyJ }: Part,
  seconds: number,
): void {
  const total = totals.get(name) ?? fresh()
  totals.set(name, total)
  if (joules === null) {
    total.unmeasuredS += seconds
    return
  }
  total.joules += Math.max(0, joules)
  total.measuredS += seconds
  total.uncertaintyJ =
    uncertaintyJ === null || total.uncertaintyJ === null ? null : total.uncertaintyJ + uncertaintyJ
}

/** Measures windows end to end into `totals`, until `signal` is aborted; the last one is waited for. */
export async function measureEndToEnd(
  opened: OpenedSampler,
  totals: EnergyTotals,
  signal: AbortSignal,
): Promise<void> {
  let everyMs = LEAST_MS
  let ended: Promise<unknown> = Promise.resolve()
  for (let window = beginEnergyWindow(opened); ; ) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined)
    // The next one begins before this one ends, so that no time is between them.
    const next = signal.aborted ? null : beginEnergyWindow(opened)
    const { startNs } = window
    const endNs = Number(process.hrtime.bigint())
    const energy = window.end()
    ended = Promise.all([ended, energy]).then(
      ([, report]) => {
        totals.add(report)
        everyMs = lengthMs(report)
      },
      () => totals.lose((endNs - startNs) / 1e9),
    )
    if (next === null) break
    window = next
  }
  await ended
}

/** How long the next window is to be: a slow sensor says little of a short one. */
function lengthMs({ devices }: NativeEnergy): number {
  const periodsMs = devices.map(({ sensor }) => sensor.update_period_ms ?? 0)
  return Math.min(MOST_MS, Math.max(LEAST_MS, UPDATES * Math.max(0, ...periodsMs)))
}
