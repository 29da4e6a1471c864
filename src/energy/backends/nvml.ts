import { llemVersion } from '../../core/version.js'
import type { WindowFiles } from '../../native/sampler.js'
import type { NativeEnergy } from '../../results/energy.js'
import type { OpenedSampler } from '../open.js'
import { beginEnergyWindow, type EnergyWindow } from '../window.js'
import type {
  Availability,
  BackendWindow,
  EnergyBackend,
  EnergyBackendKind,
  EnergyMeasurement,
  Surroundings,
} from './backend.js'

/** llem's own sampler, which needs nothing but the driver. */
export const nvml: EnergyBackendKind = {
  name: 'nvml',
  python: null,
  create: ({ native }) => new NvmlBackend(native),
}

/** A window of llem's own sampler. */
export interface NativeWindow extends BackendWindow {
  window: EnergyWindow
}

/** What llem's own sampler measured, and all that it saw meanwhile. */
export interface NativeMeasurement extends EnergyMeasurement {
  energy: NativeEnergy
}

/** The sampler as an energy backend. It belongs to whoever opened it, who closes it. */
export class NvmlBackend implements EnergyBackend {
  readonly name = 'nvml'
  readonly helperPid = undefined

  constructor(private readonly native: Surroundings['native']) {}

  async isAvailable(): Promise<Availability> {
    const { opened, reason } = this.native
    if (opened === null) return { available: false, reason, hint: this.native.hint }
    return { available: true, versions: { llem: llemVersion() } }
  }

  /** `files`: where its readings go. `helperPid`: the process of the backend that measures beside it. */
  async startTracking(files: WindowFiles = {}, helperPid?: number): Promise<NativeWindow> {
    const opened = this.#opened()
    await opened.sampler.ready()
    const window = beginEnergyWindow(opened, files, helperPid)
    return { backend: 'nvml', start_ns: window.startNs, window }
  }

  async stopTracking({ window: open }: NativeWindow): Promise<NativeMeasurement> {
    const energy = await open.end()
    const { total_j, duration_sec, method, uncertainty_j, window, devices } = energy
    const perGpu = devices.flatMap(({ uuid, total_j }) =>
      total_j === null ? [] : [[uuid, total_j] as const],
    )
    return {
      energy,
      total_j,
      duration_sec,
      samples: energy.sampler.samples,
      per_gpu_j: perGpu.length < devices.length ? null : Object.fromEntries(perGpu),
      method,
      uncertainty_j,
      window: { start_ns: window.start_ns, end_ns: window.end_ns },
      edges_s: 0,
      domains: [],
      emissions: null,
      versions: { llem: llemVersion() },
    }
  }

  async close(): Promise<void> {}

  #opened(): OpenedSampler {
    if (this.native.opened === null) throw new Error(`nvml is not available: ${this.native.reason}`)
    return this.native.opened
  }
}
