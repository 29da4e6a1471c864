// The nodes of an experiment once more, from the files that they left in the run's folder.

import { join } from 'node:path'
import { energyOfNodes } from '../nodes/energy.js'
import { readNodes } from '../nodes/fold.js'
import type { Energy } from '../results/energy.js'
import type { NodesEnergy } from '../results/nodes.js'
import { type Check, check } from './check.js'

/** What each node's samples and clock say, and all of them together. Throws where the folder `nodes` is not whole. */
export async function checksOfNodes(runDir: string, energy: Energy, stored: NodesEnergy): Promise<Check[]> {
  const again = energyOfNodes(await readNodes(join(runDir, 'nodes')))
  const all = ['total_j', 'uncertainty_j', 'absolute_uncertainty_j', 'integral_j', 'counter_j'] as const
  const nodes = stored.nodes.flatMap((node, position) => {
    const recomputed = again.nodes?.nodes[position]
    const path = `energy.nodes.nodes[${position}]`
    const from = `nodes/${node.folder}`
    const clock = recomputed?.clock ?? null
    return [
      check(`${path}.node`, from, node.node, recomputed?.node ?? null),
      check(`${path}.fault`, from, node.fault, recomputed?.fault ?? null),
      check(`${path}.total_j`, from, node.total_j, recomputed?.total_j ?? null),
      check(`${path}.uncertainty_j`, from, node.uncertainty_j, recomputed?.uncertainty_j ?? null),
      ...(['start_offset_ns', 'end_offset_ns', 'energy_bound_j'] as const).map((name) =>
        check(`${path}.clock.${name}`, from, node.clock?.[name] ?? null, clock?.[name] ?? null),
      ),
    ]
  })
  const roles = stored.roles.map(({ role, total_j }, position) =>
    check(`energy.nodes.roles[${position}].total_j`, 'nodes', total_j, totalOf(again, role)),
  )
  return [
    ...all.map((name) => check(`energy.${name}`, 'nodes', energy[name], again[name])),
    ...nodes,
    ...roles,
  ]
}

function totalOf({ nodes }: Energy, role: NodesEnergy['roles'][number]['role']): number | null {
  return nodes?.roles.find((each) => each.role === role)?.total_j ?? null
}
