import type { Energy, NativeEnergy } from '../results/energy.js'
import { openCpuInstead } from './cpu-instead.js'
import { chooseLibrary } from './library.js'
import { openSampler } from './open.js'
import { beginCpuWindow } from './rapl-energy.js'
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

/** What the work returned, and the energy of the GPUs, or of the CPU (`energy.domain`), from its start to its end. */
export interface MeasuredValue<T, Measured extends Energy = Energy> {
  value: T
  energy: Measured
}

/** Whoever names GPUs gets theirs and no CPU's. */
type NamedGpus = MeasureOptions & (Required<Pick<MeasureOptions, 'devices'>> | { simulate: true | string })

/** What the two kinds of meter have alike. */
interface OpenMeter {
  ready(): Promise<void>
  begin(): { end(): Promise<Energy> }
  close(): void
}

/**
 * Measures the energy of the GPUs while `work` runs. Work on a GPU must be synchronised before it returns. Where no GPU can
 * be read and none was asked for, it is the energy of the CPU packages by RAPL, and `energy.domain` is "cpu". Throws
 * NVML_NOT_FOUND, NO_GPU or GPU_NOT_FOUND before `work` starts, and whatever `work` throws.
 */
export async function measure<T>(
  work: () => T | Promise<T>,
  options: NamedGpus,
): Promise<MeasuredValue<T, NativeEnergy>>
export async function measure<T>(
  work: () => T | Promise<T>,
  options?: MeasureOptions,
): Promise<MeasuredValue<T>>
export async function measure<T>(
  work: () => T | Promise<T>,
  options: MeasureOptions = {},
): Promise<MeasuredValue<T>> {
  const meter = await open(options)
  try {
    await meter.ready()
    const window = meter.begin()
    const value = await work()
    return { value, energy: await window.end() }
  } finally {
    meter.close()
  }
}

async function open({
  devices: named,
  intervalMs = 10,
  slowIntervalMs = 100,
  simulate,
}: MeasureOptions): Promise<OpenMeter> {
  const devices = named ?? null
  const { libraryPath } = chooseLibrary(simulate)
  try {
    const opened = await openSampler({ devices, intervalMs, slowIntervalMs, libraryPath })
    return {
      ready: () => opened.sampler.ready(),
      begin: () => beginEnergyWindow(opened),
      close: () => opened.sampler.close(),
    }
  } catch (failure) {
    const { meter, error } = await openCpuInstead(failure, { devices, libraryPath })
    if (meter === null) throw error
    return {
      ready: () => meter.ready(),
      begin: () => beginCpuWindow(meter, error.message),
      close: () => meter.close(),
    }
  }
}
