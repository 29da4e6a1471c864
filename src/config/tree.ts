/** A written mapping, before anything is known about its keys. It has no prototype, so `__proto__` is plain data. */
export type Tree = { [key: string]: unknown }

/** Where a value stands in a tree: keys, and indexes of lists. */
export type Path = readonly (string | number)[]

/** True for a mapping, false for a list, null and scalars. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A tree that holds one value at a path of keys. */
export function nest(path: readonly string[], value: unknown): Tree {
  const tree: Tree = Object.create(null)
  const [first, ...rest] = path
  if (first !== undefined) tree[first] = rest.length === 0 ? value : nest(rest, value)
  return tree
}

/** `over` on top of `base`: mappings merge, everything else (lists too) replaces. Neither is changed. */
export function mergeTrees(base: Tree, over: Tree): Tree {
  const merged: Tree = Object.assign(Object.create(null), base)
  for (const key of Object.keys(over)) {
    const value = over[key]
    const below = merged[key]
    merged[key] = isTree(value) ? mergeTrees(isTree(below) ? below : Object.create(null), value) : value
  }
  return merged
}

/** The value at a path; undefined where there is none. */
export function readPath(tree: unknown, path: Path): unknown {
  let value = tree
  for (const step of path) {
    const holds = typeof value === 'object' && value !== null && Object.hasOwn(value, step)
    if (!holds) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}

/** The same tree without the key at a path. */
export function withoutPath(tree: Tree, path: readonly string[]): Tree {
  const [first, ...rest] = path
  const copy: Tree = Object.assign(Object.create(null), tree)
  if (first === undefined) return copy
  const child = copy[first]
  if (rest.length === 0) delete copy[first]
  else if (isTree(child)) copy[first] = withoutPath(child, rest)
  return copy
}

/** Every written value that is no mapping (an empty mapping counts as a value), with its path. */
export function* leavesOf(tree: Tree, path: readonly string[] = []): Generator<[readonly string[], unknown]> {
  for (const [key, value] of Object.entries(tree)) {
    if (isTree(value) && Object.keys(value).length > 0) yield* leavesOf(value, [...path, key])
    else yield [[...path, key], value]
  }
}

/** `energy.devices[1]`: a path as people write it. */
export function dotted(path: Path): string {
  return path
    .map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`))
    .join('')
}
