// One GPU. Idle: each driver call timed, when sensor and counter publish. Under a load: what a reading is the mean of,
// what the counter counts, how late both are, how short a window may be, each driver call again. Beside an external
// meter: the board's gain.

import { oneOf } from '../energy/window-energy.js'
import type { Device, KnownDevice } from '../native/addon.js'
import { Probe } from '../native/probe.js'
import { Sampler } from '../native/sampler.js'
import type { Observer } from '../progress/observer.js'
import { COUNTER_KINDS } from '../results/board.js'
import { type Calibration, laneSchema } from '../results/calibration.js'
import { Load } from './load.js'
import { measureWindows, shortestWindows, WINDOW_MS, WINDOWS } from './measured-windows.js'
import { ALL_PULSES_MS, pulsesCommand, steadyCommand } from './pulses.js'
import { measureBesideMeter, type ReferenceOptions } from './reference.js'
import { whileWaiting } from './waiting.js'

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
  /** The readings of an external meter; null without one. */
  reference: ReferenceOptions | null
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
  const found = nothingYet(options.reference !== null)
  try {
    for (const step of [timeCalls, listen, workUnderLoad, compareWithMeter])
      if (!options.signal.aborted) await step(found, bench)
    return { calibration: { ...found, interrupted: options.signal.aborted }, error: null }
  } catch (error) {
    return { calibration: { ...found, interrupted: true }, error }
  } finally {
    probe.close()
  }
}

function nothingYet(withReference: boolean): Calibration {
  return {
    calibrated_at: new Date().toISOString(),
    interrupted: false,
    load: null,
    update_period_ms: null,
    averaging_window: null,
    averaging_window_reason: NOT_REACHED,
    counter: {
      period_ms: null,
      quantum_mj: null,
      kind: 'undecided',
      kind_reason: NOT_REACHED,
      delay_ms: null,
      delay_error_ms: null,
      delay_reason: NOT_REACHED,
      gain_ratio: null,
      gain_ratio_reason: NOT_REACHED,
    },
    reference: null,
    reference_reason: withReference ? NOT_REACHED : null,
    call_latencies: [],
    shortest_windows: null,
    shortest_windows_reason: NOT_REACHED,
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
  let load = loadOf(bench, command)
  try {
    const whyNot = await startUp(load, bench)
    if (whyNot !== null) {
      explainAll(found, whyNot)
      // One that runs and tells nothing is no load that anything could be said to be under.
      await load.stop()
    } else {
      found.load = [...command]
      await fitLoad(found, bench, load)
      if (!load.isRunning && !bench.signal.aborted) {
        // It has run its course, and the windows are to be of the load as well.
        load = loadOf(bench, command)
        await startUp(load, bench)
      }
    }
    if (!bench.signal.aborted) await findShortestWindows(found, bench, load)
    if (!bench.signal.aborted && load.isRunning) await timeCalls(found, bench, true)
  } finally {
    await load.stop()
  }
}

/** The load that the user named, or else this one of llem's own. */
function loadOf({ load, device }: Bench, own: readonly string[]): Load {
  const command = load ?? own
  const name = load === null ? `llem's own load, by ${command[0]},` : `the load (${command.join(' ')})`
  return new Load(command, device.uuid, name)
}

function startUp(load: Load, bench: Bench): Promise<string | null> {
  const stretch = { label: 'Waiting for the load to start', total: 120, isLimit: true }
  return whileWaiting(bench, stretch, () => load.works(bench.signal))
}

/** Without a load's edges nothing of this is known, for the same reason. */
function explainAll(found: Calibration, reason: string): void {
  found.averaging_window_reason = reason
  const { counter } = found
  Object.assign(counter, { kind_reason: reason, delay_reason: reason, gain_ratio_reason: reason })
}

/** What the edges of the load tell of sensor and counter. */
async function fitLoad(found: Calibration, bench: Bench, load: Load): Promise<void> {
  const over = new AbortController()
  load.ended.then(() => over.abort())
  const signal = AbortSignal.any([bench.signal, over.signal])
  await listenFor(LOAD_LIMIT_MS, 'Listening under the load', found, bench, signal)
  const stretch = { label: 'Fitting what the load has told', total: FIT_S, isLimit: true }
  const told = await whileWaiting(bench, stretch, () => bench.probe.fitLoad(load.edges))
  const fit = told.averagingWindow
  found.averaging_window_reason = told.averagingWindowReason ?? null
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
  found.counter = {
    ...found.counter,
    // One that never changed is none.
    kind: found.counter.period_ms === null ? 'none' : (oneOf(COUNTER_KINDS, told.counterKind) ?? 'undecided'),
    kind_reason: told.counterKindReason ?? null,
    delay_ms: told.counterDelay?.delayMs ?? null,
    delay_error_ms: told.counterDelay?.errorMs ?? null,
    delay_reason: told.counterDelayReason ?? null,
    gain_ratio: told.gainRatio ?? null,
    gain_ratio_reason: told.gainRatioReason ?? null,
  }
}

/** What an external meter says of the board, where one is beside it. */
async function compareWithMeter(found: Calibration, bench: Bench): Promise<void> {
  if (bench.reference === null) return
  const compared = await measureBesideMeter(bench, bench.reference, {
    sampler: () => openSampler(bench, knownFrom(found)),
    load: () => loadOf(bench, steadyCommand()),
    isOwn: bench.load === null,
  })
  const isKnown = typeof compared !== 'string'
  found.reference = isKnown ? compared : null
  found.reference_reason = isKnown ? null : compared
}

/** What later runs will know of it. */
function knownFrom({ update_period_ms, averaging_window: fit, counter }: Calibration): KnownDevice {
  return {
    ...(update_period_ms === null ? {} : { updatePeriodMs: update_period_ms }),
    ...(fit === null
      ? {}
      : {
          windowMs: fit.window_ms,
          delayMs: Math.max(0, fit.delay_ms),
          delayDoubtMs: fit.delay_error_ms,
        }),
    ...(counter.delay_ms === null || counter.delay_error_ms === null
      ? {}
      : { counterDelayMs: Math.max(0, counter.delay_ms), counterDelayDoubtMs: counter.delay_error_ms }),
    counterKind: counter.kind,
    ...(counter.gain_ratio === null ? {} : { gainRatio: counter.gain_ratio }),
  }
}

/** Windows as later runs would have them, which know what was found. */
async function findShortestWindows(found: Calibration, bench: Bench, load: Load): Promise<void> {
  const sampler = await openSampler(bench, knownFrom(found))
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
