import type { EnergyBackendName } from '../core/energy-backends.js'
import { LlemError } from '../core/errors.js'
import type { Selection } from '../results/energy.js'
import type { EnergyBackend } from './backends/backend.js'
import { energyBackends } from './backends/registry.js'

/** The backend that measures, or null where `auto` found none that can; and how that was found out. */
export interface Selected {
  backend: EnergyBackend | null
  selection: Selection
}

/**
 * Chooses what measures: the backend of this name, or for `auto` the most certain that can read the devices: llem's own
 * sampler, else Zeus, else CodeCarbon. Asks no backend that is not in question, and closes those that it passes over. Throws
 * ENERGY_BACKEND_UNAVAILABLE for a backend that was named and cannot.
 */
export async function selectBackend(
  requested: EnergyBackendName | 'auto',
  create: (name: EnergyBackendName) => EnergyBackend,
): Promise<Selected> {
  const startMs = performance.now()
  const selection: Selection = { requested, chosen: null, tried: [], probe_ms: 0, failure: null }
  const names = requested === 'auto' ? energyBackends.map(({ name }) => name) : [requested]
  for (const name of names) {
    const backend = create(name)
    const answer = await backend.isAvailable()
    selection.probe_ms = performance.now() - startMs
    if (answer.available) {
      selection.tried.push({ backend: name, available: true, reason: null })
      return { backend, selection: { ...selection, chosen: name } }
    }
    await backend.close()
    if (requested !== 'auto') throw unavailable(name, answer.reason, answer.hint)
    selection.tried.push({ backend: name, available: false, reason: answer.reason })
  }
  return { backend: null, selection }
}

function unavailable(name: EnergyBackendName, reason: string, hint: string | null): LlemError {
  return new LlemError(`The energy backend ${name} is not available here: ${reason}`, {
    code: 'ENERGY_BACKEND_UNAVAILABLE',
    hint: `${hint ?? ''} Or set energy.backend to auto, or to null to disable.`.trim(),
    kind: 'usage',
  })
}
