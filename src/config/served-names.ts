// Points of a grid that give a running server one name for several models: every one of them would be the same model,
// measured again and called something else.

import { isSameModel } from '../core/model-names.js'
import type { CampaignExperiment, FilteredPoint } from './load-campaign.js'
import { type ExperimentConfig, isServerBackend } from './schema.js'

/** Which models a server is asked for by one name. */
export class ServedNames {
  readonly #models = new Map<string, Set<string>>()
  /** In the order of the points. */
  readonly #points: (Named | null)[] = []

  add(config: ExperimentConfig): void {
    const named = nameOf(config)
    this.#points.push(named)
    if (named === null) return
    const models = this.#models.get(named.key) ?? new Set()
    this.#models.set(named.key, models.add(config.model))
  }

  /** Those that are filtered, and those that stay. */
  split(kept: readonly CampaignExperiment[]): [filtered: FilteredPoint[], kept: CampaignExperiment[]] {
    const filtered: FilteredPoint[] = []
    const stay = kept.filter(({ own, model }, place) => {
      const named = this.#points[place] ?? null
      const isAlone = named === null || (this.#models.get(named.key)?.size ?? 0) < 2
      if (isAlone || isSameModel(model, named.name)) return true
      filtered.push({
        own,
        reason: `${named.group}.model calls every model of the grid ${JSON.stringify(named.name)} at ${named.address}, and model ${JSON.stringify(model)} is another; leave it out, or give each model a grid or an experiment of its own`,
      })
      return false
    })
    return [filtered, stay]
  }
}

interface Named {
  key: string
  group: string
  name: string
  address: string
}

/** The name that a configuration fixes for a server that runs already; null where it fixes none. */
function nameOf(config: ExperimentConfig): Named | null {
  const { backend } = config
  if (!isServerBackend(backend)) return null
  const { base_url: address, model: name } = config[backend]
  if (address === null || name === null) return null
  return { key: JSON.stringify([address, name]), group: backend, name, address }
}
