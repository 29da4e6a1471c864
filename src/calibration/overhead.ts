// What the sampler costs a command: its wall time with the sampler off and at three intervals, in turns.

import { openSampler } from '../energy/open.js'
import { Probe } from '../native/probe.js'
import type { Observer } from '../progress/observer.js'
import { medianOf, type Slowdown, slowdownOf } from './slowdown.js'
import { timeCommand } from './timed-command.js'

/** The sampler's intervals in milliseconds; null is off. */
const SETTINGS = [null, 100, 10, 2] as const
type IntervalMs = (typeof SETTINGS)[number]

/**
 * In which order each round has the settings: a Latin square, so that a drift falls on all alike, in which each setting
 * also follows each other one equally often (Williams 1949), so that what one leaves behind does too.
 */
const ORDERS = [
  [0, 1, 3, 2],
  [1, 2, 0, 3],
  [2, 3, 1, 0],
  [3, 0, 2, 1],
] as const

export interface OverheadOptions {
  command: readonly string[]
  rounds: number
  libraryPath: string | undefined
  /** Their UUIDs. */
  devices: readonly string[]
  verbose: boolean
  observer: Observer
  signal: AbortSignal
}

/** One setting of the sampler, compared with none. */
export interface SettingCost {
  /** Null: the sampler was off. */
  interval_ms: IntervalMs
  /** The wall time of each run, seconds. */
  runs_s: number[]
  median_s: number | null
  /** Against the run without a sampler of the same round; null where there is none. */
  slowdown: Slowdown | null
  /** CPU time of the sampler's thread, percent of a core. */
  sampler_cpu_pct: number | null
  driver_calls_per_s: number | null
}

/** One run of the command. */
interface Run {
  tookS: number
  samplerCpuS: number
  driverCalls: number
}

type Round = Map<IntervalMs, Run>

/**
 * Runs the command once to warm up and then `rounds` times at each setting. Aborted, it answers with what was finished.
 * Throws COMMAND_FAILED, COMMAND_NOT_STARTED and what opening a sampler throws.
 */
export async function overheadOf(options: OverheadOptions): Promise<SettingCost[]> {
  // Without persistence mode the driver unloads when nobody holds it, and "off" alone would pay for loading it again.
  const held = await Promise.all(options.devices.map((uuid) => Probe.open(uuid, options.libraryPath)))
  const progress = options.observer.progress({
    label: 'Running the command',
    total: 1 + options.rounds * SETTINGS.length,
    unit: 'run',
  })
  const rounds: Round[] = []
  let done = 0
  try {
    await runOnce(null, options)
    progress.update(++done)
    while (rounds.length < options.rounds && !options.signal.aborted) {
      const round: Round = new Map()
      rounds.push(round)
      for (const position of ORDERS[(rounds.length - 1) % ORDERS.length] ?? []) {
        const intervalMs = SETTINGS[position]
        const run = intervalMs === undefined ? null : await runOnce(intervalMs, options)
        if (run === null || intervalMs === undefined) break
        round.set(intervalMs, run)
        progress.update(++done)
      }
    }
  } finally {
    progress.stop()
    for (const probe of held) probe.close()
  }
  return SETTINGS.map((intervalMs) => costOf(intervalMs, rounds))
}

/** Null when it was aborted. */
async function runOnce(intervalMs: IntervalMs, options: OverheadOptions): Promise<Run | null> {
  if (intervalMs === null) {
    const tookS = await timeCommand(options.command, options)
    return tookS === null ? null : { tookS, samplerCpuS: 0, driverCalls: 0 }
  }
  const { libraryPath, devices } = options
  const { sampler } = await openSampler({ devices, intervalMs, slowIntervalMs: 100, libraryPath })
  try {
    await sampler.ready()
    const window = sampler.beginWindow()
    const tookS = await timeCommand(options.command, options)
    if (tookS === null) return null
    const { sampler: cost } = await window.end()
    return { tookS, samplerCpuS: cost.cpuS, driverCalls: cost.driverCalls }
  } finally {
    sampler.close()
  }
}

function costOf(intervalMs: IntervalMs, rounds: readonly Round[]): SettingCost {
  const runs = rounds.flatMap((round) => round.get(intervalMs) ?? [])
  const pairs = rounds.flatMap((round) => {
    const [run, off] = [round.get(intervalMs), round.get(null)]
    return run === undefined || off === undefined ? [] : { withS: run.tookS, withoutS: off.tookS }
  })
  const sum = (part: (run: Run) => number) => runs.reduce((total, run) => total + part(run), 0)
  const isMeasured = intervalMs !== null && runs.length > 0
  return {
    interval_ms: intervalMs,
    runs_s: runs.map(({ tookS }) => tookS),
    median_s: medianOf(runs.map(({ tookS }) => tookS)),
    slowdown: intervalMs === null ? null : slowdownOf(pairs),
    sampler_cpu_pct: isMeasured ? (100 * sum((run) => run.samplerCpuS)) / sum((run) => run.tookS) : null,
    driver_calls_per_s: isMeasured ? sum((run) => run.driverCalls) / sum((run) => run.tookS) : null,
  }
}
