// The grid of a campaign -> the points that it stands for, as written experiments.

import { suggestDottedKey } from './did-you-mean.js'
import { wrongDottedArgument } from './engine-arguments.js'
import { axis, combinedAxes, product } from './grid-axes.js'
import { nodeAt } from './json-schema.js'
import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import { INFERENCE_BACKENDS } from './schema.js'
import type { CampaignKeys } from './schema-campaign.js'
import { isTree, leavesOf, mergeTrees, nest, type Path, type Tree } from './tree.js'

export type Grid = NonNullable<CampaignKeys['grid']>

/** Every combination of the grid's values, each as what it adds to the shared keys, in the order of the file. */
export function* gridPoints(grid: Grid, sharedBackend: unknown): Generator<Tree> {
  const backends: readonly unknown[] = grid.backends ?? [undefined]
  for (const backend of backends) {
    const name = String(backend ?? sharedBackend ?? '')
    const own = Object.entries(grid.backend_overrides ?? {}).find(([key]) => key === name)?.[1] ?? {}
    const axes = [
      ...axis(['backend'], backend === undefined ? undefined : [backend]),
      ...axis(['model'], grid.models),
      ...combinedAxes(grid.shared ?? {}, own ?? {}),
    ]
    for (const point of product(axes))
      for (const chosen of alternatives(Object.values(grid.groups ?? {}), name))
        yield mergeTrees(point, chosen)
  }
}

/** Every way to take one alternative of each group, as what it adds; those that are for other backends alone are none. */
function* alternatives(groups: readonly Record<string, unknown>[][], backend: string): Generator<Tree> {
  const [first, ...others] = groups
  if (first === undefined) return yield Object.create(null)
  const isElsewhere = (key: string) => {
    const [group = ''] = key.split('.')
    return group !== backend && (INFERENCE_BACKENDS as readonly string[]).includes(group)
  }
  const here = first.filter((each) => {
    const keys = Object.keys(each)
    return keys.length === 0 || !keys.every(isElsewhere)
  })
  // Where none is for this backend, the group says nothing of it.
  for (const each of here.length > 0 ? here : [{}]) {
    const own = Object.entries(each).map(([key, value]) => nest(key.split('.'), value))
    for (const rest of alternatives(others, backend))
      yield [...own, rest].reduce(mergeTrees, Object.create(null))
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
    ...Object.entries(grid.groups ?? {}).flatMap(([name, each]) =>
      each.map((axes, index): [Path, Record<string, unknown>, boolean] => [
        ['grid', 'groups', name, index],
        axes,
        false,
      ]),
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
