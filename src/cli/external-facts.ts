import type { ExternalEnergy } from '../results/external.js'
import { uncertain } from '../results/uncertain.js'

export const SCOPE_NAMES = { wall: 'Wall', node: 'Node', module: 'Module' } as const

/** What each external meter showed, on a line of its own; why one showed nothing is a finding. */
export function* externalFacts(external: readonly ExternalEnergy[]): Generator<[name: string, fact: string]> {
  for (const { name, scope, energy_j, uncertainty_j, accuracy_pct } of external) {
    if (energy_j === null) continue
    const own = accuracy_pct === null ? ', whose own accuracy is unknown' : ''
    yield [
      SCOPE_NAMES[scope],
      `${uncertain(energy_j, uncertainty_j, 'J')} (k=2) by ${name}${own}; in no other number`,
    ]
  }
}
