import type { EnergyBackendName } from '../core/energy-backends.js'
import { LlemError } from '../core/errors.js'
import { listDevices } from '../native/machine.js'
import { shareSimulation } from '../native/simulation.js'
import { isOfSysfs } from '../native/sysfs.js'
import type { EnergyOptions, HelperLimits, Surroundings } from './backends/backend.js'
import { energyBackends } from './backends/registry.js'
import { findDevices, type OpenedSampler, openSampler, type SamplerWishes } from './open.js'
import { findInterpreter } from './python/interpreter.js'

export interface SurroundingsWishes extends SamplerWishes {
  /** The backend that will be asked; auto: any; null: none, and llem's own sampler only looks on. */
  backend: EnergyBackendName | 'auto' | null
  options: EnergyOptions
  /** The person's own Python interpreter; null: that of each installed backend. */
  python: string | null
  /** llem's data folder. */
  dataDir: string
  log?: ((line: string) => void) | undefined
  limits?: Partial<HelperLimits> | undefined
  signal?: AbortSignal | undefined
}

/** llem's own sampler, or why there is none. */
export type Native = { opened: OpenedSampler; error: null } | { opened: null; error: LlemError }

/** Opens llem's own sampler, which somebody has to close, and says what a backend may need to know. */
export async function openSurroundings(
  wishes: SurroundingsWishes,
): Promise<{ native: Native; surroundings: Surroundings }> {
  if (mayStartHelper(wishes)) await shareWithHelper(wishes.libraryPath)
  const native = await openNative(wishes)
  const { options, python, dataDir, libraryPath, log, limits, signal } = wishes
  const surroundings: Surroundings = {
    native:
      native.error === null
        ? { opened: native.opened, reason: null }
        : { opened: null, reason: native.error.message, hint: native.error.hint },
    uuids:
      native.error === null
        ? uuidsOf(native.opened)
        : wishes.backend === 'rapl'
          ? null
          : await uuidsWithoutSampler(wishes),
    libraryPath,
    python,
    dataDir,
    options,
    log,
    limits,
    signal,
  }
  return { native, surroundings }
}

async function openNative(wishes: SurroundingsWishes): Promise<Native> {
  // Whoever asks for the CPU gets its energy, also beside GPUs that do other work or none.
  if (wishes.backend === 'rapl') return { opened: null, error: cpuAlone() }
  try {
    return { opened: await openSampler(wishes), error: null }
  } catch (error) {
    if (!(error instanceof LlemError)) throw error
    return { opened: null, error }
  }
}

function cpuAlone(): LlemError {
  return new LlemError('energy.backend rapl measures the CPU and looks at no GPU', {
    code: 'ENERGY_BACKEND_UNAVAILABLE',
    hint: 'Leave out energy.devices and --simulate, or set energy.backend to auto.',
    kind: 'usage',
  })
}

/** Devices that llem's own sampler cannot read may still be there. */
async function uuidsWithoutSampler(wishes: SamplerWishes): Promise<string[] | null> {
  return await findDevices(wishes).then(uuidsOf, () => null)
}

/** Those that a backend of Python can read: of NVML. Null where there is none. */
function uuidsOf({ devices }: { devices: readonly { uuid: string }[] }): string[] | null {
  const uuids = devices.filter((device) => !isOfSysfs(device)).map(({ uuid }) => uuid)
  return uuids.length > 0 || devices.length === 0 ? uuids : null
}

/** A helper sees the same simulated GPUs only once their scenario says when it began. */
async function shareWithHelper(libraryPath: string | undefined): Promise<void> {
  // A scenario that is refused is to be refused later, by the person's own path.
  const machine = await listDevices(libraryPath).catch(() => null)
  if (machine?.simulated) shareSimulation()
}

function mayStartHelper({ backend, python, dataDir }: SurroundingsWishes): boolean {
  return energyBackends.some(
    (kind) =>
      (backend === 'auto' || backend === kind.name) &&
      kind.python !== null &&
      findInterpreter(kind.name, kind.python.version, { python, dataDir }) !== null,
  )
}
