import { llemVersion } from '../../core/version.js'
import type { CpuWindow } from '../../native/cpu.js'
import { type OpenedCpu, openCpu } from '../open-cpu.js'
import { measuredByRapl } from '../rapl-energy.js'
import type {
  Availability,
  BackendWindow,
  EnergyBackend,
  EnergyBackendKind,
  EnergyMeasurement,
  Surroundings,
} from './backend.js'

/** The CPU packages, by RAPL: for a machine on which no GPU can be read, or where it is asked for by name. */
export const rapl: EnergyBackendKind = {
  name: 'rapl',
  python: null,
  create: (surroundings) => new RaplBackend(surroundings),
}

interface RaplWindow extends BackendWindow {
  window: CpuWindow
}

class RaplBackend implements EnergyBackend {
  readonly name = 'rapl'
  readonly helperPid = undefined
  readonly #why: string
  #opened: Promise<OpenedCpu> | null = null

  constructor({ native }: Pick<Surroundings, 'native'>) {
    this.#why = native.reason ?? 'energy.backend asks for it'
  }

  async isAvailable(): Promise<Availability> {
    this.#opened ??= openCpu()
    const { meter, reason } = await this.#opened
    return meter === null
      ? { available: false, reason, hint: null }
      : { available: true, versions: { llem: llemVersion() } }
  }

  async startTracking(): Promise<RaplWindow> {
    const { meter, reason } = await (this.#opened ?? openCpu())
    if (meter === null) throw new Error(`rapl is not available: ${reason}`)
    await meter.ready()
    const window = meter.beginWindow()
    return { backend: 'rapl', start_ns: window.startNs, window }
  }

  async stopTracking({ window }: RaplWindow): Promise<EnergyMeasurement> {
    return measuredByRapl(window.end(), this.#why)
  }

  async close(): Promise<void> {
    const opened = await this.#opened
    opened?.meter?.close()
  }
}
