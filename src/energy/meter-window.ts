import { LlemError, messageOf } from '../core/errors.js'
import type { WindowFiles } from '../native/sampler.js'
import type { Energy, Selection } from '../results/energy.js'
import type { BackendWindow, EnergyBackend } from './backends/backend.js'
import { NvmlBackend } from './backends/nvml.js'
import { combined, unaided } from './combined.js'
import type { ExternalMeters } from './external/open.js'
import { findingsOf, ofSurroundings } from './findings.js'
import type { OpenedSampler } from './open.js'
import { beginSensorWindow } from './sensors.js'

/** Where the readings go, and what is known of the load. */
export interface MeterWindowOptions extends WindowFiles {
  /** A server that llem has not started computes, which nobody can tell from a stranger. */
  isServerElsewhere?: boolean
  /** The folder of the result, for the readings of external meters; absent: they are not kept. */
  folder?: string
}

/** Everything that measures; null is what is not there. */
export interface Measuring {
  /** The one that was chosen. */
  backend: EnergyBackend | null
  /** llem's own sampler. */
  own: NvmlBackend
  /** Those of no GPU, where no GPU is read. */
  sensors: OpenedSampler | null
  selection: Selection | null
  external: ExternalMeters | null
}

/** An open window of everything that measures. */
export interface MeterWindow {
  /**
   * The energy of the chosen backend; where that failed in the window, llem's own sampler's, and `selection.failure` says
   * why. Throws where nothing measured.
   */
  end(): Promise<Energy>
}

/**
 * Begins to measure with llem's own sampler, where it can read the devices, and with the chosen backend.
 *
 * llem's own window begins before the backend's and ends when the backend is told to end its own, so that it covers what
 * the backend covers but for a message's time at each edge.
 */
export async function beginMeterWindow(
  { backend, own: ownOrNone, sensors, selection, external }: Measuring,
  { isServerElsewhere = false, folder, ...files }: MeterWindowOptions = {},
): Promise<MeterWindow> {
  const startedAt = new Date()
  // Where nothing else measures, what they counted is all that there is.
  const areAlone = backend === null && sensors !== null
  const own = areAlone ? new NvmlBackend({ opened: sensors, reason: null }) : ownOrNone
  if (!areAlone) await sensors?.sampler.ready()
  const hasOwn = (await own.isAvailable()).available
  let window = hasOwn ? await own.startTracking(files, backend?.helperPid) : null
  const other = backend === null || backend === own ? null : await settled(backend.startTracking())
  if (window !== null && other?.failure !== undefined) {
    // The time that went by until the backend had failed is not the load's.
    window.window.cancel()
    window = await own.startTracking(files)
  }
  const besides = areAlone || sensors === null ? null : beginSensorWindow(sensors.sampler)
  const outside = external?.begin(window?.start_ns ?? Number(process.hrtime.bigint()), folder ?? null) ?? null
  return {
    async end() {
      const ended = outside?.end() ?? []
      const besidesEnded = besides?.end()
      const told = async (energy: Energy): Promise<Energy> => {
        const whole = { ...energy, external: await ended }
        const beside = ofSurroundings(native.value?.energy.findings ?? [])
        return { ...whole, findings: [...findingsOf(whole, isServerElsewhere), ...beside] }
      }
      const measuring = backend === null || other === null ? null : stop(backend, other)
      const native =
        window === null ? { failure: await whyNot(own) } : await settled(own.stopTracking(window))
      const measured = await measuring
      const failure = measured?.failure ?? null
      const chosen = selection === null ? null : { ...selection, failure }
      if (measured?.value !== undefined && backend !== null) {
        const energy =
          native.value === undefined
            ? unaided(backend.name, measured.value, {
                startedAt,
                nativeReason: native.failure,
                beside: await besidesEnded,
              })
            : combined(backend.name, measured.value, native.value.energy)
        return await told({ ...energy, selection: chosen })
      }
      if (native.value === undefined) throw new Error(failure ?? native.failure)
      return await told({ ...native.value.energy, selection: chosen })
    },
  }
}

type Settled<T> = { value: T; failure?: undefined } | { value?: undefined; failure: string }

async function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await promise }
  } catch (error) {
    const hint = error instanceof LlemError ? error.hint : null
    return { failure: `${messageOf(error)}${hint === null ? '' : `. ${hint}`}` }
  }
}

async function stop(backend: EnergyBackend, started: Settled<BackendWindow>) {
  if (started.value === undefined) return { failure: started.failure }
  return await settled(backend.stopTracking(started.value))
}

async function whyNot(own: NvmlBackend): Promise<string> {
  const answer = await own.isAvailable()
  return answer.available ? '' : answer.reason
}
