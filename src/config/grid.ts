// The grid of a campaign -> the points that it stands for, as written experiments.

import { suggestDottedKey } from './did-you-mean.js'
import { nodeAt } from './json-schema.js'
import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import type { CampaignKeys } from './schema-campaign.js'
import { isTree, type Path, type Tree } from './tree.js'

export type Grid = NonNullable<CampaignKeys['grid']>

/** One key of a grid and the values that it takes. */
interface Axis {
  path: readonly string[]
  values: readonly unknown[]
}

/** Every combination of the grid's values, each as what it adds to the shared keys, in the order of the file. */
export function* gridPoints(grid: Grid, sharedBackend: unknown): Generator<Tree> {
  const backends: readonly unknown[] = grid.backends ?? [undefined]
  for (const backend of backends) {
    const name = String(backend ?? sharedBackend ?? '')
    const own = Object.entries(grid.backend_overrides ?? {}).find(([key]) => key === name)?.[1] ?? {}
    yield* product([
      ...axis(['backend'], backend === undefined ? undefined : [backend]),
      ...axis(['model'], grid.models),
      ...axesOf(grid.shared ?? {}),
      ...axesOf(own),
    ])
  }
}

/** How many points a grid has, without making them. */
export function gridSize(grid: Grid, sharedBackend: unknown): number {
  const sizeOf = (axes: Record<string, unknown>) =>
    axesOf(axes).reduce((size, { values }) => size * values.length, 1)
  const backends: readonly unknown[] = grid.backends ?? [sharedBackend ?? '']
  const shared = (grid.models?.length ?? 1) * sizeOf(grid.shared ?? {})
  return backends.reduce<number>((sum, backend) => {
    const own = Object.entries(grid.backend_overrides ?? {}).find(([key]) => key === backend)?.[1] ?? {}
    return sum + shared * sizeOf(own)
  }, 0)
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
      if (nodeAt(key.split('.')) === undefined) {
        const place = placeOf(layers, path, 'key')
        return [
          { place, key, message: `unknown key \`${key}\` in the grid`, suggestion: suggestDottedKey(key) },
        ]
      }
      const place = placeOf(layers, path)
      if (Array.isArray(values) && values.length === 0)
        return [
          { place, key, message: `${key} has no values`, suggestion: 'give at least one, or leave it out' },
        ]
      if (needsLists && !Array.isArray(values))
        return [
          { place, key, message: `${key} must be a list of values`, suggestion: `write [${String(values)}]` },
        ]
      return []
    }),
  )
}

function axesOf(axes: Record<string, unknown>): Axis[] {
  return Object.entries(axes).map(([key, values]) => {
    return { path: key.split('.'), values: Array.isArray(values) ? values : [values] }
  })
}

function axis(path: readonly string[], values: readonly unknown[] | undefined): Axis[] {
  return values === undefined ? [] : [{ path, values }]
}

/** The last axis varies fastest. */
function* product(axes: readonly Axis[]): Generator<Tree> {
  const size = axes.reduce((all, { values }) => all * values.length, 1)
  for (let point = 0; point < size; point++) {
    const tree: Tree = Object.create(null)
    let rest = point
    let stride = size
    for (const { path, values } of axes) {
      stride /= values.length
      put(tree, path, values[Math.floor(rest / stride)])
      rest %= stride
    }
    yield tree
  }
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  let holder = tree
  for (const step of path.slice(0, -1)) {
    const below = holder[step]
    const next: Tree = isTree(below) ? below : Object.create(null)
    holder[step] = next
    holder = next
  }
  holder[path.at(-1) ?? ''] = value
}
