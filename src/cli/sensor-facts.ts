import type { SensorEnergy } from '../results/energy.js'
import { uncertain } from '../results/uncertain.js'

/** What each sensor of no GPU measured, on a line of its own; with `verbose` also why one has not. */
export function* sensorFacts(
  sensors: readonly SensorEnergy[],
  verbose = false,
): Generator<[name: string, fact: string]> {
  for (const { sensor, energy_j, uncertainty_j, source, reason } of sensors) {
    const beside = 'in no sum and untried on hardware'
    if (energy_j !== null)
      yield [sensor, `${uncertain(energy_j, uncertainty_j, 'J')} by ${source}, ${beside}`]
    else if (verbose) yield [sensor, reason]
  }
}
