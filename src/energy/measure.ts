import type { NativeEnergy } from '../results/energy.js'
import { chooseLibrary } from './library.js'
import { openSampler } from './open.js'
import { beginEnergyWindow } from './window.js'

export interface MeasureOptions {
  /** Indices or UUIDs of GPUs; by default what CUDA_VISIBLE_DEVICES leaves visible, else all. */
  devices?: readonly (number | string)[]
  /** Power interval in milliseconds, 1 to 5000. Default 10. */
  intervalMs?: number
  /** Interval of temperature, memory, utilisation, clocks and throttle reasons in ms. Default 100. */
  slowIntervalMs?: number
  /** Measure a simulated GPU: true for the built-in one, or the path of a scenario. */
  simulate?: boolean | string
}

/** What the work returned, and the energy of the GPUs from its start to its end. */
export interface MeasuredValue<T> {
  value: T
  energy: NativeEnergy
}

/**
 * Measures the energy of the GPUs while `work` runs. Work on a GPU must be synchronised before it returns. Throws
 * NVML_NOT_FOUND, NO_GPU or GPU_NOT_FOUND before `work` starts, and whatever `work` throws.
 */
export async function measure<T>(
  work: () => T | Promise<T>,
  { devices, intervalMs = 10, slowIntervalMs = 100, simulate }: MeasureOptions = {},
): Promise<MeasuredValue<T>> {
  const opened = await openSampler({
    devices: devices ?? null,
    intervalMs,
    slowIntervalMs,
    libraryPath: chooseLibrary(simulate).libraryPath,
  })
  try {
    await opened.sampler.ready()
    const window = beginEnergyWindow(opened)
    const value = await work()
    return { value, energy: await window.end() }
  } finally {
    opened.sampler.close()
  }
}
