// The other half is crates/binding/src/health.rs: looks at GPUs while nothing is measured.

import type { NativeHealth } from '#addon'
import { asLlemError, type DeviceLook, type GpuProcess, loadAddon } from './addon.js'
import { isOfSysfs } from './sysfs.js'

export type { GpuProcess }

/** A GPU, and how it is; a missing property is what it did not tell. */
export interface GpuLook extends DeviceLook {
  /** The driver's index. */
  index: number
  uuid: string
}

/** A set of GPUs that is looked at from time to time. While it is open, the driver keeps the errors that it reports of them. */
export class GpuWatch {
  /** Null where it is closed, or none of the GPUs is one of NVML. */
  #native: NativeHealth | null
  #isClosed = false
  readonly #devices: readonly { index: number; uuid: string }[]

  private constructor(native: NativeHealth | null, devices: readonly { index: number; uuid: string }[]) {
    this.#native = native
    this.#devices = devices
  }

  /** Finds the GPUs; those without NVML tell nothing, and are left out. Throws NVML_NOT_FOUND, NVML_INIT_FAILED, NVML_QUERY_FAILED or GPU_NOT_FOUND. */
  static async open(
    devices: readonly { index: number; uuid: string }[],
    libraryPath: string | undefined,
  ): Promise<GpuWatch> {
    const known = devices.filter((device) => !isOfSysfs(device))
    if (known.length === 0) return new GpuWatch(null, [])
    const addon = await loadAddon()
    try {
      const uuids = known.map(({ uuid }) => uuid)
      return new GpuWatch(addon.NativeHealth.open(uuids, libraryPath), known)
    } catch (error) {
      throw asLlemError(error)
    }
  }

  /** The same at the first look, which rejects where that fails. */
  static async later(
    devices: readonly { index: number; uuid: string }[],
    libraryPath: string | undefined,
  ): Promise<GpuWatch> {
    const known = devices.filter((device) => !isOfSysfs(device))
    if (known.length === 0) return new GpuWatch(null, [])
    const addon = await loadAddon()
    const uuids = known.map(({ uuid }) => uuid)
    return new GpuWatch(addon.NativeHealth.later(uuids, libraryPath), known)
  }

  /** Asks each GPU once, in a thread of its own. Rejects where the driver does not answer in time. */
  async look(patienceMs: number): Promise<GpuLook[]> {
    if (this.#isClosed) throw new Error('the watch is closed')
    if (this.#native === null) return []
    const looks = await this.#native.look(patienceMs)
    return this.#devices.flatMap(({ index, uuid }, position) => {
      const look = looks[position]
      return look === undefined ? [] : [{ ...look, index, uuid }]
    })
  }

  /** Lets go of the driver. */
  close(): void {
    this.#native?.close()
    this.#native = null
    this.#isClosed = true
  }
}
