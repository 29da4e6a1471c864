// How the axes of a grid meet. Each point gets trees of its own: nothing that one point changes is seen by another.
//
// - An axis whose values are mappings and a dotted axis below it: the dotted value is laid over the mapping, whichever
//   of the two is written first.
// - It does not apply to a value that is no mapping, such as `builtin` beside `{ synthetic: ... }`: that is one point.
// - The same key in `shared` and in `backend_overrides`: that of the backend counts. Its other axes are laid over those
//   of all backends.

import { isTree, type Tree } from './tree.js'

/** One key of a grid and the values that it takes. */
export interface Axis {
  path: readonly string[]
  values: readonly unknown[]
}

/** The axes that all backends have and those of one, in the order of the file. */
export function combinedAxes(shared: Record<string, unknown>, own: Record<string, unknown>): Axis[] {
  const others = Object.entries(shared).filter(([key]) => !Object.hasOwn(own, key))
  return [...others, ...Object.entries(own)].map(([key, values]) => {
    return { path: key.split('.'), values: Array.isArray(values) ? values : [values] }
  })
}

/** An axis with a key of its own; none where nothing is written. */
export function axis(path: readonly string[], values: readonly unknown[] | undefined): Axis[] {
  return values === undefined ? [] : [{ path, values }]
}

/** Every combination of values as a tree. The last axis varies fastest. */
export function* product(axes: readonly Axis[]): Generator<Tree> {
  const size = axes.reduce((all, { values }) => all * values.length, 1)
  const layers = layersOf(axes)
  const places = new Array<number>(axes.length)
  for (let point = 0; point < size; point++) {
    setPlaces(places, axes, point, size)
    const tree = treeAt(layers, places)
    if (tree !== null) yield tree
  }
}

/** An axis with the place of its value, and the axes above it. */
interface Layer extends Axis {
  index: number
  above: readonly Layer[]
}

/** In the order of the file, but each behind those above it, so that it is laid over them. */
function layersOf(axes: readonly Axis[]): Layer[] {
  const layers = new Map<number, Layer>()
  const add = (index: number): Layer => {
    const known = layers.get(index)
    if (known !== undefined) return known
    const { path, values } = axes[index] as Axis
    const isAbove = (other: Axis) =>
      other.path.length < path.length && other.path.every((step, i) => step === path[i])
    const above = axes.flatMap((other, place) => (isAbove(other) ? [add(place)] : []))
    const layer = { path, values, index, above }
    layers.set(index, layer)
    return layer
  }
  for (const index of axes.keys()) add(index)
  return [...layers.values()]
}

/** Null where an axis does not apply and its value is not the first, which stands for all of them. */
function treeAt(layers: readonly Layer[], places: readonly number[]): Tree | null {
  const tree: Tree = Object.create(null)
  for (const { path, values, index, above } of layers) {
    const place = places[index] ?? 0
    const applies = above.every((each) => isTree(each.values[places[each.index] ?? 0]))
    if (applies) put(tree, path, values[place])
    else if (place > 0) return null
  }
  return tree
}

function setPlaces(places: number[], axes: readonly Axis[], point: number, size: number): void {
  let rest = point
  let stride = size
  for (const [index, { values }] of axes.entries()) {
    stride /= values.length
    places[index] = Math.floor(rest / stride)
    rest %= stride
  }
}

/** Lays a value over what is there: mappings merge, everything else replaces. */
function put(tree: Tree, path: readonly string[], value: unknown): void {
  let holder = tree
  for (const step of path.slice(0, -1)) {
    const below = holder[step]
    const next: Tree = isTree(below) ? below : Object.create(null)
    holder[step] = next
    holder = next
  }
  lay(holder, path.at(-1) ?? '', value)
}

function lay(holder: Tree, key: string, value: unknown): void {
  const below = holder[key]
  if (!isTree(value) || !isTree(below)) holder[key] = ownCopy(value)
  else for (const [step, inner] of Object.entries(value)) lay(below, step, inner)
}

/** A copy of plain data that shares no object with it. */
function ownCopy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ownCopy)
  if (!isTree(value)) return value
  const copy: Tree = Object.create(null)
  for (const [key, inner] of Object.entries(value)) copy[key] = ownCopy(inner)
  return copy
}
