// The nodes of an experiment once more, from the files that they left in the run's folder.

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { energyOfNodes } from '../nodes/energy.js'
import { nodeFileSchema, readExchanges, readFileOf } from '../nodes/files.js'
import { readNodes } from '../nodes/fold.js'
import { type Energy, energySchema } from '../results/energy.js'
import type { NodesEnergy } from '../results/nodes.js'
import { type Check, check } from './check.js'
import { checksOfTree } from './tree.js'

/** What was compared, and what could not be. */
interface NodeChecks {
  checks: Check[]
  notRecomputed: string[]
}

/**
 * The readings of an experiment on several nodes are in a folder of each. `otherEstimator`: why they cannot be recomputed here.
 * Throws FILE_DAMAGED, and what the system says of a file that may not be read.
 */
export async function checksOfNodes(
  runDir: string,
  energy: Energy,
  { stored, otherEstimator }: { stored: NodesEnergy; otherEstimator: string | null },
): Promise<NodeChecks> {
  const dir = join(runDir, 'nodes')
  if (!isThere(join(dir, 'window.json')))
    return {
      checks: [check('energy.total_j', 'nodes', energy.total_j, null)],
      notRecomputed: ['any joule of a node: there is no folder nodes with its window.json.'],
    }
  const lacking = filesLacking(dir, stored)
  if (lacking.checks.length > 0 || lacking.notRecomputed.length > 0) return lacking
  if (otherEstimator !== null)
    return { checks: [], notRecomputed: [`the joules of the nodes: ${otherEstimator}.`] }
  refuseDamaged(dir, stored)
  return await recomputed(dir, energy, stored)
}

/** A node's folder that is gone is a difference; so are readings that are gone where another node's were kept. */
function filesLacking(dir: string, { nodes }: NodesEnergy): NodeChecks {
  const without = (file: string) => nodes.filter(({ folder }) => !isThere(join(dir, folder, file)))
  // A meter that was lost early has written nothing.
  const gone = without('node.json').filter(({ gpus }) => gpus.length > 0)
  const unread = without('samples.parquet').filter((node) => node.total_j !== null && !gone.includes(node))
  const sampled = nodes.filter(({ total_j }) => total_j !== null)
  const wereKept = unread.length + gone.length < sampled.length
  const lost = [
    ...gone.map((node) => [node, 'node.json'] as const),
    ...(wereKept ? unread : []).map((node) => [node, 'samples.parquet'] as const),
  ]
  return {
    checks: lost.map(([node, file]) =>
      check(
        `energy.nodes.nodes[${nodes.indexOf(node)}].folder`,
        `nodes/${node.folder}/${file}`,
        node.folder,
        null,
      ),
    ),
    notRecomputed: [
      ...lost.map(([{ folder }, file]) => `the joules of the nodes: there is no nodes/${folder}/${file}.`),
      ...(wereKept ? [] : unread).map(
        ({ folder }) =>
          `the joules of the nodes: there is no nodes/${folder}/samples.parquet, which is kept unless timeseries.full_rate is false.`,
      ),
    ],
  }
}

/** What was whole when it was measured, and is not any more. */
function refuseDamaged(dir: string, { nodes }: NodesEnergy): void {
  for (const { folder, fault } of nodes) {
    if (fault !== null) continue
    readFileOf(nodeFileSchema, join(dir, folder, 'node.json'))
    readExchanges(dir, folder)
  }
}

async function recomputed(dir: string, energy: Energy, stored: NodesEnergy): Promise<NodeChecks> {
  // As it would be read from a result.json.
  const again = energySchema.parse(JSON.parse(JSON.stringify(energyOfNodes(await readNodes(dir)))))
  const checks = ALL.map((name) => check(`energy.${name}`, 'nodes', energy[name], again[name]))
  const faults = (again.nodes?.nodes ?? []).flatMap(({ node, fault, reason }, position) =>
    fault === null || stored.nodes[position]?.fault === fault ? [] : [`the joules of ${node}: ${reason}.`],
  )
  return {
    checks: [
      ...checks,
      ...checksOfTree('energy.nodes', 'nodes', stored, again.nodes).filter(
        (each) => each.stored !== null || !NEWER.test(each.quantity),
      ),
      ...checksOfTree('energy.devices', 'nodes', energy.devices, again.devices),
    ],
    notRecomputed: faults,
  }
}

/** What an older llem did not tell yet. */
const NEWER = /\.clock\.drift_bound_ppm$|\.roles\[\d+\]\.reason$/

const ALL = [
  'method',
  'total_j',
  'reason',
  'uncertainty_j',
  'absolute_uncertainty_j',
  'integral_j',
  'counter_j',
  'counter_raw_j',
  'gain_pct',
  'coverage',
  'duration_sec',
] as const

/** Throws where nobody lets it be known. */
function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
