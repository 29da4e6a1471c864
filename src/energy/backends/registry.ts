import type { EnergyBackendName } from '../../core/energy-backends.js'
import { LlemError } from '../../core/errors.js'
import type { EnergyBackendKind } from './backend.js'
import { codecarbon } from './codecarbon.js'
import { nvml } from './nvml.js'
import { rapl } from './rapl.js'
import { zeus } from './zeus.js'

/**
 * Every energy backend, the most certain first, which is the order in which `auto` tries them. llem's own sampler knows a
 * window to a part of a counter's tick, Zeus and CodeCarbon to a whole one at each end; CodeCarbon reads more besides.
 * Where none of them can read a GPU, RAPL counts the CPU, which CodeCarbon may have to estimate.
 */
export const energyBackends: readonly EnergyBackendKind[] = [nvml, zeus, rapl, codecarbon]

/** The energy backend of this name. Throws a bug where a name of the configuration has no backend. */
export function energyBackend(name: EnergyBackendName): EnergyBackendKind {
  const kind = energyBackends.find((candidate) => candidate.name === name)
  if (kind !== undefined) return kind
  throw new LlemError(`there is no energy backend ${JSON.stringify(name)}`, {
    code: 'ENERGY_BACKEND_UNKNOWN',
    hint: `Valid names: ${energyBackends.map((candidate) => candidate.name).join(', ')}.`,
    kind: 'usage',
  })
}
