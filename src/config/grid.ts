// The grid of a campaign -> the points that it stands for, as written experiments.

import { suggestDottedKey } from './did-you-mean.js'
import { wrongDottedArgument } from './engine-arguments.js'
import { axis, combinedAxes, product } from './grid-axes.js'
import { nodeAt } from './json-schema.js'
import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import type { CampaignKeys } from './schema-campaign.js'
import { isTree, leavesOf, type Path, type Tree } from './tree.js'

export type Grid = NonNullable<CampaignKeys['grid']>

/** Every combination of the grid's values, each as what it adds to the shared keys, in the order of the file. */
export function* gridPoints(grid: Grid, sharedBackend: unknown): Generator<Tree> {
  const backends: readonly unknown[] = grid.backends ?? [undefined]
  for (const backend of backends) {
    const name = String(backend ?? sharedBackend ?? '')
    const own = Object.entries(grid.backend_overrides ?? {}).find(([key]) => key === name)?.[1] ?? {}
    yield* product([
      ...axis(['backend'], backend === undefined ? undefined : [backend]),
      ...axis(['model'], grid.models),
      ...combinedAxes(grid.shared ?? {}, own ?? {}),
    ])
  }
}

/** Keys of a grid that no experiment has, and values where lists must be. */
export function gridFindings(grid: Grid, layers: readonly Layer[]): Finding[] {
  const groups: [path: Path, axes: Record<string, unknown>, needsLists: boolean][] = [
    [['grid', 'shared'], grid.shared ?? {}, true],
    ...Object.entries(grid.backend_overrides ?? {}).map(
      ([backend, axes]): [Path, Record<string, unknown>, boolean] => [
        ['grid', 'backend_overrides', backend],
        axes ?? {},
        false,
      ],
    ),
  ]
  return groups.flatMap(([base, axes, needsLists]) =>
    Object.entries(axes).flatMap(([key, values]): Finding[] => {
      const path = [...base, key]
      const unknown = unknownKey(key)
      if (unknown !== null) return [{ place: placeOf(layers, path, 'key'), key, ...unknown }]
      const place = placeOf(layers, path)
      if (Array.isArray(values) && values.length === 0)
        return [
          { place, key, message: `${key} has no values`, suggestion: 'give at least one, or leave it out' },
        ]
      if (needsLists && !Array.isArray(values)) {
        const suggestion = `write ${asList(key, values)}`
        return [{ place, key, message: `${key} must be a list of values`, suggestion }]
      }
      return []
    }),
  )
}

/** Null for a dotted key that an experiment has. */
function unknownKey(key: string): { message: string; suggestion: string | null } | null {
  if (nodeAt(key.split('.')) !== undefined) return wrongDottedArgument(key)
  return { message: `unknown key \`${key}\` in the grid`, suggestion: suggestDottedKey(key) }
}

/** A value as the list of it; a mapping as the dotted axes that were probably meant. */
function asList(key: string, value: unknown): string {
  const [first] = isTree(value) ? leavesOf(value) : []
  if (first === undefined) return JSON.stringify([value])
  const [path, leaf] = first
  return `${[key, ...path].join('.')}: ${JSON.stringify(Array.isArray(leaf) ? leaf : [leaf])}`
}
