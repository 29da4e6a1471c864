import type { Place } from './problems.js'
import { mergeTrees, type Path, readPath, type Tree } from './tree.js'

/** Where a written value can come from, the weakest first. */
export const SOURCES = ['file', 'environment', 'set', 'flag'] as const
export type Source = (typeof SOURCES)[number]

/** One written tree and where its values stand. A later layer is laid over an earlier one. */
export interface Layer {
  source: Source
  tree: Tree
  place(path: Path, part: 'key' | 'value'): Place
}

/** A layer that holds the value of one variable, `--set` or flag: all of it stands in one place. */
export function singleLayer(source: Source, tree: Tree, where: string, index: number): Layer {
  const place = placeAfterFile(source, where, index)
  return { source, tree, place: () => place }
}

/** A place outside the file; they come after all lines of it. */
export function placeAfterFile(source: Source, where: string, index = 0): Place {
  return { where, order: SOURCES.indexOf(source) * 1e12 + index }
}

/** All layers as one tree, the strongest on top. */
export function mergeLayers(layers: readonly Layer[]): Tree {
  return layers.reduce<Tree>((merged, { tree }) => mergeTrees(merged, tree), Object.create(null))
}

/** The layer that a value of the merged tree came from; undefined where it is in none. */
export function layerOf(layers: readonly Layer[], path: Path): Layer | undefined {
  return layers.findLast(({ tree }) => readPath(tree, path) !== undefined)
}

/** The place of a value or key; for what is missing, the place of its nearest written parent. */
export function placeOf(layers: readonly Layer[], path: Path, part: 'key' | 'value' = 'value'): Place {
  for (let length = path.length; length > 0; length--) {
    const found = path.slice(0, length)
    const layer = layerOf(layers, found)
    if (layer !== undefined) return layer.place(found, part)
  }
  const file = layers.find(({ source }) => source === 'file')
  return file?.place([], 'value') ?? { where: 'command line', order: 0 }
}
