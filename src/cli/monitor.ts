// llem monitor: the sampler's snapshots, five times a second, as a picture or as JSON lines; at its end what a window over
// all of that time has to say.

import { setTimeout as sleep } from 'node:timers/promises'
import { chooseLibrary } from '../energy/library.js'
import { openSampler } from '../energy/open.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { Address } from '../metrics/address.js'
import { fresh } from '../metrics/fresh.js'
import type { Snapshot } from '../native/addon.js'
import type { SampledDevice } from '../native/sampler.js'
import type { DeviceEnergy } from '../results/energy.js'
import { spoken } from '../results/findings.js'
import { reasonsIn } from '../results/throttle-reasons.js'
import { interruptible } from './interrupt.js'
import { bothUncertainties, withUncertainty } from './joules.js'
import { isTerminal, print, quantity, SIMULATED, say } from './screen.js'
import { sparkline } from './sparkline.js'
import { columns } from './tables.js'

const REFRESH_MS = 200
const OF_LENGTH = ['short_measurement_duration', 'nvml_low_sample_count']
const GIB = 1024 ** 3
/** What stands beside the sparkline, and the least of it that is worth drawing there. */
const BESIDE = { all: 95, few: 35, least: 15 }

/** Refreshes in the sparkline: what the other columns leave of the terminal, at most twelve seconds. */
function sparkLength(): number {
  const width = process.stdout.columns || 120
  const left = width - BESIDE.all
  // On a narrow terminal it stands in a block of its own.
  return Math.max(BESIDE.least, Math.min(60, left < BESIDE.least ? width - BESIDE.few : left))
}

interface MonitorOptions {
  intervalMs: number
  devices?: (number | string)[]
  /** Seconds. */
  duration?: number
  simulate?: string | boolean
  json?: boolean
  /** Where Prometheus comes for the metrics, in place of a picture. */
  listen?: Address
}

/** Shows what the GPUs do now, until Ctrl-C or for so many seconds. */
export async function monitor(options: MonitorOptions): Promise<void> {
  const { libraryPath } = chooseLibrary(options.simulate)
  const opened = await openSampler({
    devices: options.devices ?? null,
    intervalMs: options.intervalMs,
    slowIntervalMs: 100,
    libraryPath,
  })
  const { sampler, machine, notes } = opened
  for (const note of notes) say(`Note: ${note}.`)
  if (options.listen !== undefined) {
    const { listenForScrapes } = await import('./monitor-listen.js')
    return await listenForScrapes(opened, options.listen, options)
  }
  const show = options.json
    ? jsonLines(sampler.devices, machine.simulated)
    : await picture(sampler.devices, machine.simulated)
  const endMs = options.duration === undefined ? Number.POSITIVE_INFINITY : options.duration * 1000
  const window = beginEnergyWindow(opened)
  const startMs = performance.now()
  try {
    await interruptible(
      async (signal) => {
        while (!signal.aborted && performance.now() - startMs < endMs) {
          await sleep(REFRESH_MS, undefined, { signal }).catch(() => undefined)
          show(fresh(sampler.snapshot(), options.intervalMs))
        }
      },
      { quiet: true },
    )
    const energy = await window.end()
    // To look for a moment is no measurement that is too short.
    for (const finding of energy.findings.filter(({ code }) => !OF_LENGTH.includes(code)))
      say(spoken(finding, energy.devices.length))
    if (!options.json) print(energy.devices.map((device) => joulesOf(device, energy.duration_sec)).join('\n'))
  } finally {
    sampler.close()
  }
}

/** What the snapshots cannot tell: how far the joules may be off, or why there are none. */
function joulesOf(device: DeviceEnergy, durationSec: number): string {
  const { index, reason } = device
  if (device.total_j === null) return `GPU ${index}: no joules: ${reason}.`
  const both = bothUncertainties(device, 1)
  return `GPU ${index}: ${withUncertainty(device)} in ${durationSec.toFixed(1)} s${both === null ? '' : ` (${both})`}`
}

type Show = (snapshot: Snapshot) => void

/** One line a refresh; null is unknown. */
function jsonLines(devices: readonly SampledDevice[], simulated: boolean): Show {
  return (snapshot) =>
    print(
      JSON.stringify({
        at_ns: snapshot.atNs ?? null,
        simulated,
        devices: snapshot.devices.map((device, position) => ({
          index: devices[position]?.index ?? null,
          uuid: devices[position]?.uuid ?? null,
          power_w: device.powerW ?? null,
          energy_j: device.joulesSinceOpen ?? null,
          temperature_c: device.temperatureC ?? null,
          sm_utilisation_pct: device.smUtilisationPct ?? null,
          sm_clock_mhz: device.smClockMhz ?? null,
          memory_clock_mhz: device.memoryClockMhz ?? null,
          memory_used_mb: device.memoryUsedBytes === undefined ? null : device.memoryUsedBytes / 1024 ** 2,
          throttle_reasons: device.throttleReasons ?? null,
          // Why there is no power.
          reason: device.failure ?? null,
        })),
      }),
    )
}

/** A table that is drawn over itself on a terminal, and once a second below itself elsewhere. */
async function picture(devices: readonly SampledDevice[], simulated: boolean): Promise<Show> {
  const history = devices.map((): (number | null)[] => [])
  const draw = (snapshot: Snapshot) => {
    const rows = snapshot.devices.map((device, position) => {
      const watts = history[position] ?? []
      watts.push(device.powerW ?? null)
      watts.splice(0, watts.length - sparkLength())
      return [
        String(devices[position]?.index ?? position),
        devices[position]?.name ?? '-',
        quantity(device.powerW, 'W'),
        quantity(device.joulesSinceOpen, 'J', 0),
        quantity(device.temperatureC, 'C', 0),
        quantity(device.smUtilisationPct, '%', 0),
        quantity(device.smClockMhz, 'MHz', 0),
        quantity(device.memoryUsedBytes === undefined ? null : device.memoryUsedBytes / GIB, 'GiB'),
        device.throttleReasons === undefined ? '-' : reasonsIn(device.throttleReasons).join(' ') || 'none',
        sparkline(watts),
      ]
    })
    const head = [
      '',
      'name',
      'power',
      'energy',
      'temp',
      'SM',
      'SM clock',
      'memory',
      'throttle',
      'power over time',
    ]
    return columns(head, rows, [2, 3, 4, 5, 6, 7])
  }
  if (simulated) say(SIMULATED)
  if (!isTerminal(process.stdout)) {
    let refreshes = 0
    return (snapshot) => {
      const text = draw(snapshot)
      refreshes += 1
      if (refreshes % (1000 / REFRESH_MS) === 0) print(text)
    }
  }
  const { default: logUpdate } = await import('log-update')
  return (snapshot) => logUpdate(draw(snapshot))
}
