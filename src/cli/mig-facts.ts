import type { DeviceEnergy } from '../results/energy.js'
import { uncertain } from '../results/uncertain.js'

/** What a model says of each instance of the GPUs; with `verbose` also why it says nothing. */
export function* migFacts(
  devices: readonly Pick<DeviceEnergy, 'mig'>[],
  verbose = false,
): Generator<[name: string, fact: string]> {
  for (const { uuid, modelled_j, modelled_reason } of devices.flatMap(({ mig }) => mig)) {
    if (modelled_j !== null)
      yield [
        uuid,
        `${uncertain(modelled_j, null, 'J')} by a model, measured by nothing and in no sum (${modelled_reason})`,
      ]
    else if (verbose) yield [uuid, `no share: ${modelled_reason}`]
  }
}
