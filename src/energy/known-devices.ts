// What llem found out about a GPU under a driver, kept for later runs: when its sensor publishes and how late, what its
// energy counter counts. It expires, and what contradicts it deletes it. `llem calibrate` writes here too.

import { readFile, rm, stat } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { contentHash } from '../core/identity.js'
import { dataDir } from '../core/paths.js'
import type { Device, DeviceReport, KnownDevice, Machine } from '../native/addon.js'
import { scenarioText } from '../native/simulation.js'
import { isOfSysfs } from '../native/sysfs.js'
import type { BoardGain } from '../results/board.js'
import type { Calibration } from '../results/calibration.js'
import { makeFolder, writeJsonAtomically } from '../results/files.js'
import type { Calibrated, Known, Learned } from './known-file.js'

/** What is older is found out again: boards age, and are changed without a new driver. */
const EXPIRES_MS = 30 * 24 * 3600 * 1000
/** A period that moved by less than this share is the same. */
const SAME_PERIOD = 0.01

/** The devices of a driver, and what is known of each. */
export class KnownDevices {
  readonly #driver: string
  readonly #now: () => Date

  constructor(machine: Machine, now: () => Date = () => new Date()) {
    const driver = machine.driverVersion ?? 'unknown'
    // A simulated GPU is another one with each scenario.
    this.#driver = machine.simulated ? `${driver} simulated ${contentHash(scenarioText())}` : driver
    this.#now = now
  }

  /** What the sampler should know beforehand; undefined where nothing is known, it has expired or its file is damaged. */
  async recall(device: Device): Promise<KnownDevice | undefined> {
    const learned = await this.#learned(device.uuid)
    if (learned === null) return undefined
    const calibrated = await this.#calibrated(device.uuid)
    const { counter_kind, update_period_ms, window_ms, delay_ms, delay_doubt_ms, gain_ratio } = learned
    return {
      counterKind: counter_kind,
      ...(update_period_ms === null ? {} : { updatePeriodMs: update_period_ms }),
      ...(window_ms === null ? {} : { windowMs: window_ms }),
      ...(delay_ms === null ? {} : { delayMs: delay_ms }),
      ...(delay_doubt_ms === null ? {} : { delayDoubtMs: delay_doubt_ms }),
      ...(gain_ratio === null ? {} : { gainRatio: gain_ratio }),
      ...(calibrated === null ? {} : recalled(calibrated)),
    }
  }

  /** What an external meter said of a device; null where none did, or long ago. */
  async boardGainOf(device: Device): Promise<BoardGain | null> {
    return (await this.#calibrated(device.uuid))?.board_gain ?? null
  }

  /** Keeps what a window showed, where it is news; forgets what it contradicts. */
  async learn(device: Device, { learned, contradicted }: DeviceReport): Promise<void> {
    if (contradicted) return await this.#forget(device.uuid)
    if (learned === undefined) return
    const before = await this.#learned(device.uuid)
    const { counterKindOf } = await import('./known-file.js')
    const kind = counterKindOf(learned.counterKind)
    const now: Learned = {
      learned_at: this.#now().toISOString(),
      // A window too short to decide does not undo what an earlier one has seen.
      counter_kind: kind === 'undecided' ? (before?.counter_kind ?? kind) : kind,
      update_period_ms: learned.updatePeriodMs ?? before?.update_period_ms ?? null,
      window_ms: learned.windowMs ?? before?.window_ms ?? null,
      delay_ms: learned.delayMs ?? before?.delay_ms ?? null,
      delay_doubt_ms: learned.delayDoubtMs ?? before?.delay_doubt_ms ?? null,
      gain_ratio: learned.gainRatio ?? before?.gain_ratio ?? null,
    }
    if (before !== null && isSame(before, now)) return
    const { calibration = null, calibrated = null } = (await this.#read(device.uuid)) ?? {}
    await this.#write({
      uuid: device.uuid,
      driver: this.#driverOf(device.uuid),
      learned: now,
      calibrated,
      calibration,
    })
  }

  /** What is known of a device's power sensor, in the words of what is on disk; null is what is not. */
  async sensorOf(device: Device): Promise<Pick<Learned, 'update_period_ms' | 'window_ms' | 'delay_ms'>> {
    const learned = await this.#learned(device.uuid)
    return {
      update_period_ms: learned?.update_period_ms ?? null,
      window_ms: learned?.window_ms ?? null,
      delay_ms: learned?.delay_ms ?? null,
    }
  }

  /** The calibration of a device, however old; null where there was none under this driver. */
  async calibrationOf(device: Device): Promise<Calibration | null> {
    const calibration = (await this.#read(device.uuid))?.calibration
    const { calibrationSchema } = await import('../results/calibration.js')
    return calibrationSchema.safeParse(calibration).data ?? null
  }

  /** Keeps a calibration. What it did not find stays as it was known before; answers where it is kept. */
  async keep(device: Device, calibration: Calibration): Promise<string> {
    const [kept, before] = [await this.calibrationOf(device), await this.#learned(device.uuid)]
    const calibratedBefore = await this.#calibrated(device.uuid)
    const isWorse = calibration.interrupted && kept?.interrupted === false
    const { averaging_window: fit, counter } = calibration
    await this.#write({
      uuid: device.uuid,
      driver: this.#driverOf(device.uuid),
      learned: {
        learned_at: calibration.calibrated_at,
        counter_kind: counter.kind === 'undecided' ? (before?.counter_kind ?? 'undecided') : counter.kind,
        update_period_ms: calibration.update_period_ms ?? before?.update_period_ms ?? null,
        window_ms: fit?.window_ms ?? before?.window_ms ?? null,
        // One that came out below zero, as far as ticks can be timed, is none.
        delay_ms: fit === null ? (before?.delay_ms ?? null) : Math.max(0, fit.delay_ms),
        delay_doubt_ms: fit?.delay_error_ms ?? before?.delay_doubt_ms ?? null,
        gain_ratio: counter.gain_ratio ?? before?.gain_ratio ?? null,
      },
      calibrated: {
        calibrated_at: calibration.calibrated_at,
        window_doubt_ms: fit?.window_error_ms ?? calibratedBefore?.window_doubt_ms ?? null,
        ...delayOf(counter, calibratedBefore),
        board_gain: calibration.reference?.gain ?? calibratedBefore?.board_gain ?? null,
      },
      calibration: isWorse ? kept : calibration,
    })
    return this.#pathOf(device.uuid)
  }

  /** What has not expired. */
  async #learned(uuid: string): Promise<Learned | null> {
    const learned = (await this.#read(uuid))?.learned ?? null
    return learned !== null && this.#isFresh(learned.learned_at) ? learned : null
  }

  /** The same of what only a calibration finds; a gain has a date of its own, as a later calibration keeps it. */
  async #calibrated(uuid: string): Promise<Calibrated | null> {
    const calibrated = (await this.#read(uuid))?.calibrated ?? null
    if (calibrated === null || !this.#isFresh(calibrated.calibrated_at)) return null
    const gain = calibrated.board_gain
    return gain !== null && this.#isFresh(gain.measured_at) ? calibrated : { ...calibrated, board_gain: null }
  }

  #isFresh(date: string): boolean {
    return this.#now().getTime() - Date.parse(date) < EXPIRES_MS
  }

  /** What a person had calibrated stays to be read, and is no longer relied on. */
  async #forget(uuid: string): Promise<void> {
    const calibration = (await this.#read(uuid))?.calibration ?? null
    if (calibration === null) await rm(this.#pathOf(uuid), { force: true })
    else
      await this.#write({ uuid, driver: this.#driverOf(uuid), learned: null, calibrated: null, calibration })
  }

  async #read(uuid: string): Promise<Known | null> {
    try {
      const path = this.#pathOf(uuid)
      // Opening a pipe would wait for whoever writes to it.
      if (!(await stat(path)).isFile()) return null
      const text = await readFile(path, 'utf8')
      const { knownSchema } = await import('./known-file.js')
      return knownSchema.parse(JSON.parse(text))
    } catch {
      // Absent or damaged is the same here: it is found out again.
      return null
    }
  }

  async #write(known: Known): Promise<void> {
    makeFolder(join(dataDir(), 'devices'))
    await writeJsonAtomically(this.#pathOf(known.uuid), known)
  }

  /** The drivers of GPUs without NVML come with the kernel. */
  #driverOf(uuid: string): string {
    return isOfSysfs({ uuid }) ? `kernel ${release()}` : this.#driver
  }

  #pathOf(uuid: string): string {
    const key = contentHash({ uuid, driver: this.#driverOf(uuid) })
    return join(dataDir(), 'devices', `${key.slice(0, 32)}.json`)
  }
}

function recalled({
  counter_delay_ms,
  counter_delay_doubt_ms,
  board_gain,
}: Calibrated): Partial<KnownDevice> {
  return {
    ...(counter_delay_ms === null ? {} : { counterDelayMs: counter_delay_ms }),
    ...(counter_delay_doubt_ms === null ? {} : { counterDelayDoubtMs: counter_delay_doubt_ms }),
    ...(board_gain === null
      ? {}
      : {
          boardGain: {
            ratio: board_gain.ratio,
            uncertainty: board_gain.uncertainty,
            method: board_gain.method,
          },
        }),
  }
}

/** The counter's delay, or what was known of it. One that came out below zero, as far as ticks can be timed, is none. */
function delayOf(
  { delay_ms, delay_error_ms }: Calibration['counter'],
  before: Calibrated | null,
): Pick<Calibrated, 'counter_delay_ms' | 'counter_delay_doubt_ms'> {
  return delay_ms === null
    ? {
        counter_delay_ms: before?.counter_delay_ms ?? null,
        counter_delay_doubt_ms: before?.counter_delay_doubt_ms ?? null,
      }
    : { counter_delay_ms: Math.max(0, delay_ms), counter_delay_doubt_ms: delay_error_ms }
}

/** Whether nothing moved by more than it was known to. */
function isSame(before: Learned, now: Learned): boolean {
  const { delay_doubt_ms: doubtMs, gain_ratio: ratio } = before
  return (
    before.counter_kind === now.counter_kind &&
    isNear(before.update_period_ms, now.update_period_ms, SAME_PERIOD * (now.update_period_ms ?? 0)) &&
    isNear(before.window_ms, now.window_ms, SAME_PERIOD * (now.window_ms ?? 0)) &&
    isNear(before.delay_ms, now.delay_ms, doubtMs ?? 0) &&
    // A doubt that became half as large is news.
    isNear(doubtMs, now.delay_doubt_ms, (doubtMs ?? 0) / 2) &&
    isNear(ratio?.ratio ?? null, now.gain_ratio?.ratio ?? null, ratio?.uncertainty ?? 0)
  )
}

function isNear(before: number | null, now: number | null, by: number): boolean {
  return before === null || now === null ? before === now : Math.abs(now - before) <= by
}
