// The models of a campaign that are asked for by name are fetched before its first run: within a run they would take the time
// of its limit, and a night may end with the first of them.

import { messageOf } from '../core/errors.js'
import { isNamed } from '../core/named-model.js'
import { IN_SERVICES } from '../executors/docker.js'
import type { Executor } from '../executors/executor.js'
import { fetchPlaced, placeModel } from '../experiment/model.js'
import type { Observer } from '../progress/observer.js'
import { stopIfInterrupted } from '../progress/wait.js'
import type { PlannedRun } from './order.js'
import type { CampaignPlan } from './plan.js'
import { pointsOfMachine } from './points.js'

/** Fetches what is not here yet. What cannot be fetched is told; the runs that need it say it again. Throws INTERRUPTED. */
export async function fetchModels(
  runs: readonly PlannedRun[],
  plan: CampaignPlan,
  { executor, observer, signal }: { executor: Executor; observer: Observer; signal: AbortSignal | undefined },
): Promise<void> {
  const wanted = new Set(runs.map(({ experiment }) => experiment))
  const seen = new Set<string>()
  for (const { places, config } of pointsOfMachine(plan)) {
    const key = `${config.backend} ${config.model}`
    if (!isNamed(config.model) || seen.has(key) || !places.some((place) => wanted.has(place))) continue
    seen.add(key)
    // What runs in a container fetches into the container.
    if (executor.name !== 'local' && IN_SERVICES.has(config.backend)) continue
    try {
      await fetchPlaced(await placeModel(config, { observer, signal, service: null }), { observer, signal })
    } catch (error) {
      stopIfInterrupted(signal)
      observer.note(`Note: ${config.model} could not be fetched: ${messageOf(error)}`)
    }
  }
}
