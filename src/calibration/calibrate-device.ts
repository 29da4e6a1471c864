// One GPU. Idle: the counter's test, each driver call timed, when sensor and counter publish. Under a load: what a
// reading is the mean of, how short a window may be, each driver call again.

import { setTimeout as sleep } from 'node:timers/promises'
import { oneOf } from '../energy/measured.js'
import type { Observer } from '../experiment/observer.js'
import type { Device, KnownDevice } from '../native/addon.js'
import { Probe } from '../native/probe.js'
import { Sampler } from '../native/sampler.js'
import { type Calibration, laneSchema } from '../results/calibration.js'
import { COUNTER_KINDS } from '../results/energy.js'
import { Load } from './load.js'
import { measureWindows, shortestWindows, WINDOW_MS, WINDOWS } from './measured-windows.js'
import { ALL_PULSES_MS, pulsesCommand } from './pulses.js'
import { whileWaiting } from './waiting.js'

/** A steady stretch of a second tests a counter; the readings have to be steady for a moment before and after. */
const IDLE_MS = 4_000
/** Three changes show a period, and no sensor publishes more rarely than once a second. */
const LISTEN_MS = 3_500
/** A load that the user named may take longer than this, and is then ended. */
const LOAD_LIMIT_MS = ALL_PULSES_MS + 2_000
/** Power and counter are timed for up to a second each, what the sampler asks more rarely for less. */
const TIMING_S = 6
/** A fast sensor publishes 1500 values under a load, each of which is compared with thousands of windows. */
const FIT_S = 5
/** Of current datacenter boards (arXiv:2312.02741), where listening has not shown it. */
const USUAL_UPDATE_PERIOD_MS = 100

export interface CalibrateOptions {
  libraryPath: string | undefined
  /** A program that tells its edges; null: llem's own pulses. */
  load: readonly string[] | null
  observer: Observer
  signal: AbortSignal
}

/** Why something is not known of a calibration that was ended early. */
const NOT_REACHED = 'the calibration ended before'

/** What one calibration of one GPU needs from step to step. */
interface Bench extends CalibrateOptions {
  device: Device
  probe: Probe
}

export interface CalibrationOutcome {
  /** As far as it went. */
  calibration: Calibration
  /** What ended it early, such as a GPU that was lost; null where nothing did but the signal. */
  error: unknown
}

/** Finds out what it can. Throws what Probe.open throws. */
export async function calibrateDevice(
  device: Device,
  options: CalibrateOptions,
): Promise<CalibrationOutcome> {
  const probe = await Probe.open(device.uuid, options.libraryPath)
  const bench: Bench = { ...options, device, probe }
  const found = nothingYet()
  try {
    for (const step of [testCounter, timeCalls, listen, workUnderLoad])
      if (!options.signal.aborted) await step(found, bench)
    return { calibration: { ...found, interrupted: options.signal.aborted }, error: null }
  } catch (error) {
    return { calibration: { ...found, interrupted: true }, error }
  } finally {
    probe.close()
  }
}

function nothingYet(): Calibration {
  return {
    calibrated_at: new Date().toISOString(),
    interrupted: false,
    load: null,
    update_period_ms: null,
    averaging_window: null,
    averaging_window_reason: NOT_REACHED,
    counter: { period_ms: null, quantum_mj: null, kind: 'undecided', gain_ratio: null },
    call_latencies: [],
    shortest_windows: null,
    shortest_windows_reason: NOT_REACHED,
  }
}

/** Does nothing for some seconds, in which the sampler tests the counter by itself. */
async function testCounter(found: Calibration, bench: Bench): Promise<void> {
  const sampler = await openSampler(bench, undefined)
  try {
    await sampler.ready()
    const window = sampler.beginWindow()
    const stretch = { label: 'Testing the energy counter while the GPU is idle', total: IDLE_MS / 1000 }
    await whileWaiting(bench, stretch, () =>
      sleep(IDLE_MS, undefined, { signal: bench.signal }).catch(() => {}),
    )
    const [report] = (await window.end()).devices
    found.counter.kind = oneOf(COUNTER_KINDS, report?.counterKind) ?? 'undecided'
    found.counter.gain_ratio = report?.gainRatio ?? null
  } finally {
    sampler.close()
  }
}

async function timeCalls(found: Calibration, bench: Bench, underLoad = false): Promise<void> {
  const label = `Timing each driver call${underLoad ? ' under the load' : ''}`
  const stretch = { label, total: TIMING_S, isLimit: true }
  const latencies = await whileWaiting(bench, stretch, () => bench.probe.latencies(bench.signal))
  const timed = latencies.map(({ call, lane, calls, durations, error }) => ({
    call,
    lane: laneSchema.parse(lane),
    under_load: underLoad,
    calls,
    p50_us: durations?.p50Us ?? null,
    p99_us: durations?.p99Us ?? null,
    max_us: durations?.maxUs ?? null,
    error: error ?? null,
  }))
  found.call_latencies.push(...timed)
}

async function listen(found: Calibration, bench: Bench): Promise<void> {
  await listenFor(LISTEN_MS, 'Listening to sensor and counter', found, bench, bench.signal)
}

async function listenFor(
  forMs: number,
  label: string,
  found: Calibration,
  bench: Bench,
  signal: AbortSignal,
): Promise<void> {
  const stretch = { label, total: Math.ceil(forMs / 1000), isLimit: signal !== bench.signal }
  const listened = await whileWaiting(bench, stretch, () => bench.probe.listen(forMs, signal))
  found.update_period_ms = listened.updatePeriodMs ?? found.update_period_ms
  found.counter.period_ms = listened.counterPeriodMs ?? found.counter.period_ms
  found.counter.quantum_mj = listened.counterQuantumMj ?? found.counter.quantum_mj
}

/** What needs a load, and what can be found without where there is none. */
async function workUnderLoad(found: Calibration, bench: Bench): Promise<void> {
  const command = bench.load ?? pulsesCommand(found.update_period_ms ?? USUAL_UPDATE_PERIOD_MS)
  const name = bench.load === null ? `llem's own load, by ${command[0]},` : `the load (${command.join(' ')})`
  let load = new Load(command, bench.device.uuid, name)
  try {
    const whyNot = await startUp(load, bench)
    if (whyNot !== null) {
      found.averaging_window_reason = whyNot
      // One that runs and tells nothing is no load that anything could be said to be under.
      await load.stop()
    } else {
      found.load = [...command]
      await findAveragingWindow(found, bench, load)
      if (!load.isRunning && !bench.signal.aborted) {
        // It has run its course, and the windows are to be of the load as well.
        load = new Load(command, bench.device.uuid, name)
        await startUp(load, bench)
      }
    }
    if (!bench.signal.aborted) await findShortestWindows(found, bench, load)
    if (!bench.signal.aborted && load.isRunning) await timeCalls(found, bench, true)
  } finally {
    await load.stop()
  }
}

function startUp(load: Load, bench: Bench): Promise<string | null> {
  const stretch = { label: 'Waiting for the load to start', total: 120, isLimit: true }
  return whileWaiting(bench, stretch, () => load.works(bench.signal))
}

async function findAveragingWindow(found: Calibration, bench: Bench, load: Load): Promise<void> {
  const over = new AbortController()
  load.ended.then(() => over.abort())
  const signal = AbortSignal.any([bench.signal, over.signal])
  await listenFor(LOAD_LIMIT_MS, 'Listening under the load', found, bench, signal)
  const stretch = { label: 'Fitting the averaging window', total: FIT_S, isLimit: true }
  const { fit, reason } = await whileWaiting(bench, stretch, () => bench.probe.averagingWindow(load.edges))
  found.averaging_window_reason = reason ?? null
  found.averaging_window =
    fit === undefined
      ? null
      : {
          window_ms: fit.windowMs,
          window_error_ms: fit.windowErrorMs,
          delay_ms: fit.delayMs,
          delay_error_ms: fit.delayErrorMs,
          unexplained_w: fit.unexplainedW,
          explained_pct: 100 * fit.explained,
          readings: fit.readings,
        }
}

/** Windows as later runs would have them, which know what was found. */
async function findShortestWindows(found: Calibration, bench: Bench, load: Load): Promise<void> {
  const sampler = await openSampler(bench, {
    ...(found.update_period_ms === null ? {} : { updatePeriodMs: found.update_period_ms }),
    ...(found.averaging_window === null
      ? {}
      : {
          windowMs: found.averaging_window.window_ms,
          delayMs: Math.max(0, found.averaging_window.delay_ms),
          delayDoubtMs: found.averaging_window.delay_error_ms,
        }),
    counterKind: found.counter.kind,
    ...(found.counter.gain_ratio === null ? {} : { gainRatio: found.counter.gain_ratio }),
  })
  try {
    const stretch = { label: `Measuring ${WINDOWS} windows`, total: (WINDOWS * WINDOW_MS) / 1000 }
    const windows = await whileWaiting(bench, stretch, () => measureWindows(sampler, bench.signal))
    const periods = { updatePeriodMs: found.update_period_ms, counterPeriodMs: found.counter.period_ms }
    const shortest = shortestWindows(windows, periods, load.isRunning)
    const isKnown = typeof shortest !== 'string'
    found.shortest_windows = isKnown ? shortest : null
    found.shortest_windows_reason = isKnown ? null : shortest
  } finally {
    sampler.close()
  }
}

function openSampler({ device, libraryPath }: Bench, known: KnownDevice | undefined): Promise<Sampler> {
  return Sampler.open({
    devices: [
      {
        uuid: device.uuid,
        index: device.index,
        name: device.name ?? null,
        ...(known === undefined ? {} : { known }),
      },
    ],
    libraryPath,
  })
}
