// Tier 2 of a grid: points that the schema allows and that this machine, or the server that they name, may not have. Of
// points that differ only in what nobody has to ask for, one is asked for all.

import { loadExperimentConfig } from '../config/load.js'
import type { ExperimentConfig } from '../config/schema.js'
import { mergeTrees, readPath, type Tree } from '../config/tree.js'
import { canonicalJson } from '../core/identity.js'
import type { CampaignPlan } from './plan.js'

/** Experiments of a plan, by their places, that are one to whoever looks at these keys; a configuration of them. */
export interface Alike {
  places: number[]
  config: ExperimentConfig
}

const OF_SERVER = ['backend', 'model'] as const
const OF_MACHINE = [...OF_SERVER, 'prompts', 'dataset', 'n_prompts', 'energy', 'python', 'processes'] as const

/** The points of a server that runs already, together where they ask it for the same. */
export function pointsOfServers(plan: CampaignPlan): Alike[] {
  return alike(plan, OF_SERVER, (tree, backend) => typeof readPath(tree, [backend, 'base_url']) === 'string')
}

/** All points, together where they need the same of the machine. */
export function pointsOfMachine(plan: CampaignPlan): Alike[] {
  return alike(plan, OF_MACHINE, () => true)
}

function alike(
  { shared, experiments }: CampaignPlan,
  keys: readonly string[],
  counts: (tree: Tree, backend: string) => boolean,
): Alike[] {
  const groups = new Map<string, { places: number[]; tree: Tree }>()
  for (const [place, { own }] of experiments.entries()) {
    const tree = mergeTrees(shared, own)
    const backend = String(tree.backend ?? 'llamacpp')
    if (!counts(tree, backend)) continue
    const key = canonicalJson([backend, tree[backend] ?? null, ...keys.map((name) => tree[name] ?? null)])
    const group = groups.get(key) ?? { places: [], tree }
    group.places.push(place)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap(({ places, tree }) => {
    const loaded = loadExperimentConfig({ text: JSON.stringify(tree) })
    // The plan was made of configurations that are right; one that was edited is told by whoever runs it.
    return loaded.ok ? [{ places, config: loaded.config }] : []
  })
}
