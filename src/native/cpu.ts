// The other half is crates/binding/src/cpu.rs: a thread that looks at the CPU's energy counters (RAPL).

import { setTimeout as sleep } from 'node:timers/promises'
import type { CpuReport, CpuZones, NativeCpuMeter } from '#addon'
import { asLlemError, loadAddon } from './addon.js'

/** What the CPU's counters say of an interval. */
export interface CpuCounts {
  /** Edges on CLOCK_MONOTONIC, nanoseconds. */
  startNs: number
  endNs: number
  cpu: CpuReport
}

/** An interval over which the counters are read. End it once, or cancel it. */
export class CpuWindow {
  readonly startNs: number
  readonly #native: NativeCpuMeter
  readonly #id: number

  /** @internal Use {@link CpuMeter.beginWindow}. */
  constructor(native: NativeCpuMeter) {
    const { id, startNs } = native.beginWindow()
    this.#native = native
    this.#id = id
    this.startNs = startNs
  }

  /** Closes the window now. */
  end(): CpuCounts {
    try {
      const { endNs, cpu } = this.#native.endWindow(this.#id)
      return { startNs: this.startNs, endNs, cpu }
    } catch (error) {
      throw asLlemError(error)
    }
  }

  cancel(): void {
    this.#native.cancelWindow(this.#id)
  }
}

/** Looks at the CPU's counters four times a second, from {@link CpuMeter.open} until {@link CpuMeter.close}. */
export class CpuMeter {
  readonly #native: NativeCpuMeter

  private constructor(native: NativeCpuMeter) {
    this.#native = native
  }

  /** Throws ADDON_UNAVAILABLE and SAMPLER_THREAD_FAILED; that there are no counters is in {@link zones}. */
  static async open(sysfsRoot: string | undefined): Promise<CpuMeter> {
    const addon = await loadAddon()
    try {
      return new CpuMeter(addon.NativeCpuMeter.open(sysfsRoot))
    } catch (error) {
      throw asLlemError(error)
    }
  }

  /** What is there, each read now. */
  zones(): CpuZones {
    return this.#native.zones()
  }

  /** Resolves once enough looks were taken to tell which counters are one (0.5 s after open). */
  async ready(): Promise<void> {
    const leftMs = this.#native.readyInMs()
    if (leftMs > 0) await sleep(Math.ceil(leftMs))
  }

  beginWindow(): CpuWindow {
    try {
      return new CpuWindow(this.#native)
    } catch (error) {
      throw asLlemError(error)
    }
  }

  close(): void {
    this.#native.close()
  }
}
