import type { EnergyBackendName } from '../core/energy-backends.js'
import { llemVersion } from '../core/version.js'
import type { Surroundings } from './backends/backend.js'
import { energyBackends } from './backends/registry.js'
import { findInterpreter } from './python/interpreter.js'
import { openSurroundings } from './surroundings.js'

/** What was found out about an energy backend on this machine. */
export interface BackendProbe {
  name: EnergyBackendName
  installed: boolean
  version: string | null
  /** The installation, or the person's own interpreter; null where nothing is to be installed, or is. */
  path: string | null
  /** Whether it has read each GPU once, or where there is none can tell the energy of the CPU. */
  available: boolean
  /** Which of the two; null where neither. */
  domain: 'gpu' | 'cpu' | null
  /** Why not; null where it has. */
  problem: string | null
  /** What can be done about it. */
  hint: string | null
}

export interface ProbeWishes {
  libraryPath: string | undefined
  /** The person's own Python interpreter; null: that of each installed backend. */
  python: string | null
  dataDir: string
}

function domainOf(name: EnergyBackendName, { uuids }: Surroundings): 'gpu' | 'cpu' {
  // llem's own reads GPUs that no backend of Python knows.
  if (name === 'nvml') return 'gpu'
  return name === 'rapl' || uuids === null ? 'cpu' : 'gpu'
}

/**
 * Asks every energy backend whether it can read the GPUs here, in the order in which `auto` asks them: a second or two
 * for each that is installed.
 */
export async function probeEnergyBackends(wishes: ProbeWishes): Promise<BackendProbe[]> {
  const { native, surroundings } = await openSurroundings({
    ...wishes,
    backend: 'auto',
    devices: null,
    intervalMs: 10,
    slowIntervalMs: 100,
    options: { approx_instant_energy: false, country: null, intensity_gco2_kwh: null },
  })
  try {
    const probes: BackendProbe[] = []
    for (const kind of energyBackends) {
      const { name, python: installs } = kind
      const found = installs === null ? null : findInterpreter(name, installs.version, wishes)
      const backend = kind.create(surroundings)
      const answer = await backend.isAvailable()
      await backend.close()
      const version = answer.available ? answer.versions[name] : found?.version
      probes.push({
        name,
        installed: installs === null || found !== null,
        version: (installs === null ? llemVersion() : version) ?? null,
        path: found?.path ?? null,
        available: answer.available,
        domain: answer.available ? domainOf(name, surroundings) : null,
        problem: answer.available ? null : answer.reason,
        hint: answer.available ? null : answer.hint,
      })
    }
    return probes
  } finally {
    native.opened?.sampler.close()
  }
}
