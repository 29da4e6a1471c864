// The other half is crates/binding/src/sampler.rs: a thread that polls the GPUs and hands out window reports.

import { setTimeout as sleep } from 'node:timers/promises'
import type { NativeSampler } from '#addon'
import { LlemError } from '../core/errors.js'
import { asLlemError, type KnownDevice, loadAddon, type Snapshot, type WindowReport } from './addon.js'
import { driverPatienceMs } from './patience.js'

/** A GPU to sample: its UUID, and the driver's index for files and tables. */
export interface SampledDevice {
  uuid: string
  index: number
  name: string | null
  /** What earlier runs found out about it under this driver. */
  known?: KnownDevice
  /** The external meter that its gain rests on, where one was beside it. */
  meter?: { certificate: string | null; measuredAt: string }
}

export interface SamplerOptions {
  devices: readonly SampledDevice[]
  /** Power interval in milliseconds, 1 to 5000. Default 10. */
  intervalMs?: number
  /** Interval of temperature, memory, utilisation, clocks and throttle reasons in ms, 1 to 5000. Default 100. */
  slowIntervalMs?: number
  /** Once the sensor's ticks are known, read the power only around them. Default false. */
  tickLocked?: boolean
  /** The management library; by default the driver's own. */
  libraryPath?: string | undefined
  /** Where processes are looked for that compute on GPUs without NVML; by default /proc. */
  procRoot?: string | undefined
  /** Where the CPU's energy counters, GPUs without NVML and other sensors are looked for; by default /sys. */
  sysfsRoot?: string | undefined
}

export interface WindowFiles {
  /** Where the 1 Hz rows go, as Parquet. */
  timeseriesPath?: string | undefined
  /** Where every sample goes, as Parquet. */
  samplesPath?: string | undefined
}

/** An interval whose energy is being measured. End it once, or cancel it. */
export class Window {
  readonly startNs: number
  readonly #native: NativeSampler
  readonly #id: number

  /** @internal Use {@link Sampler.beginWindow}. */
  constructor(native: NativeSampler, files: WindowFiles) {
    const { id, startNs } = native.beginWindow({
      ...(files.timeseriesPath === undefined ? {} : { timeseriesPath: files.timeseriesPath }),
      ...(files.samplesPath === undefined ? {} : { samplesPath: files.samplesPath }),
    })
    this.#native = native
    this.#id = id
    this.startNs = startNs
  }

  /** Closes the window now; the report comes after the post-roll (0.35 s, 1.2 s on boards with averages only). */
  async end(): Promise<WindowReport> {
    const { report, fault } = await this.#native.endWindow(this.#id)
    if (report) return report
    throw new LlemError(`The energy window has no report: ${fault}.`, { code: 'WINDOW_LOST', hint: null })
  }

  /** Drops the window and the files that it began. */
  cancel(): void {
    this.#native.cancelWindow(this.#id)
  }
}

/** A wait that lasts so much longer was one in which the process was stopped; after it new ticks are waited for. */
const STOPPED_MS = 300
const AFTER_STOP_MS = 500

/** Polls GPUs on a thread of its own, from {@link Sampler.open} until {@link Sampler.close}. */
export class Sampler {
  readonly devices: readonly SampledDevice[]
  readonly intervalMs: number
  readonly #native: NativeSampler

  private constructor(native: NativeSampler, devices: readonly SampledDevice[], intervalMs: number) {
    this.#native = native
    this.devices = devices
    this.intervalMs = intervalMs
  }

  /**
   * Opens the devices and starts polling. Throws NVML_NOT_FOUND, NVML_INIT_FAILED, NVML_QUERY_FAILED,
   * NVML_SILENT, GPU_NOT_FOUND, GPU_POWER_UNSUPPORTED or SAMPLER_OPTION_INVALID.
   */
  static async open({
    devices,
    intervalMs = 10,
    slowIntervalMs = 100,
    tickLocked = false,
    libraryPath,
    sysfsRoot,
    procRoot,
  }: SamplerOptions): Promise<Sampler> {
    const addon = await loadAddon()
    try {
      const native = addon.NativeSampler.open({
        devices: devices.map(({ uuid, index, known }) => ({
          uuid,
          index,
          ...(known === undefined ? {} : { known }),
        })),
        tickLocked,
        patienceMs: driverPatienceMs(),
        intervalMs,
        slowIntervalMs,
        ...(libraryPath === undefined ? {} : { libraryPath }),
        ...(sysfsRoot === undefined ? {} : { sysfsRoot }),
        ...(procRoot === undefined ? {} : { procRoot }),
      })
      return new Sampler(native, devices, intervalMs)
    } catch (error) {
      throw asLlemError(error)
    }
  }

  /** Resolves once readings lie far enough back that the left edge of a window can be judged (0.25 s after open). */
  async ready(): Promise<void> {
    let leftMs = Math.ceil(this.#native.preRollLeftMs())
    while (leftMs > 0) {
      const dueMs = performance.now() + leftMs
      await sleep(leftMs)
      // Whoever was stopped meanwhile has no readings of that time.
      leftMs = performance.now() - dueMs > STOPPED_MS ? AFTER_STOP_MS : 0
    }
  }

  /** Opens a window now. */
  beginWindow(files: WindowFiles = {}): Window {
    return new Window(this.#native, files)
  }

  /** The last readings. Cheap: nothing is read for it. */
  snapshot(): Snapshot {
    return this.#native.snapshot()
  }

  /** Where each device's power comes from: "instant", "power_usage", "average_1s" or a file such as "hwmon power1_input". */
  powerDomains(): string[] {
    return this.#native.powerDomains()
  }

  /** Stops polling. Reports that are on their way come at once; windows that are still open leave no file. */
  close(): void {
    this.#native.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
