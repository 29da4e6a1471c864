import type { Layer } from './layers.js'
import { isTree, mergeTrees, nest, readPath, type Tree, withoutPath } from './tree.js'

// The shape of the Python tool that llem re-creates: `sweep` with dotted axes, `n_cycles`, `cycle_order`.

const ORDERS: Readonly<Record<string, string>> = {
  sequential: 'grouped',
  grouped: 'grouped',
  interleaved: 'interleaved',
  shuffled: 'shuffled',
}

/** A campaign in today's keys, with a sentence for each key that was read as another. */
export function modernised(layer: Layer): { layer: Layer; notes: string[] } {
  const notes: string[] = []
  let tree = layer.tree
  const moved = new Map<string, readonly string[]>()
  const move = (from: readonly string[], to: readonly string[], value: unknown) => {
    tree = mergeTrees(withoutPath(tree, from), nest(to, value))
    moved.set(to.join('.'), from)
    notes.push(`\`${from.join('.')}\` was read as \`${to.join('.')}\``)
  }
  // A campaign's state lies beside its results: one folder to copy, and nothing that could be of another campaign.
  if (readPath(tree, ['io', 'state_dir']) !== undefined) {
    tree = withoutPath(tree, ['io', 'state_dir'])
    notes.push("`io.state_dir` is not needed: a campaign's state is in its folder below io.results_dir")
  }
  const { sweep } = tree
  if (isTree(sweep)) {
    const { model, backend, ...axes } = sweep
    const grid: Tree = {
      ...(model === undefined ? {} : { models: listOf(model) }),
      ...(backend === undefined ? {} : { backends: listOf(backend) }),
      ...(Object.keys(axes).length === 0 ? {} : { shared: axes }),
    }
    move(['sweep'], ['grid'], grid)
  }
  for (const holder of [[], ['execution']]) {
    const cycles = readPath(tree, [...holder, 'n_cycles'])
    if (cycles !== undefined) move([...holder, 'n_cycles'], ['execution', 'cycles'], cycles)
    const order = readPath(tree, [...holder, 'cycle_order'])
    if (order !== undefined)
      move([...holder, 'cycle_order'], ['execution', 'structure'], ORDERS[String(order)] ?? order)
  }
  const place: Layer['place'] = (path, part) => {
    for (let length = path.length; length > 0; length--) {
      const from = moved.get(path.slice(0, length).join('.'))
      if (from === undefined) continue
      // In the grid only what is below `shared` stood under `sweep`.
      const below = path.slice(length).filter((_, index) => !(from[0] === 'sweep' && index === 0))
      return layer.place([...from, ...below], part)
    }
    return layer.place(path, part)
  }
  return { layer: { ...layer, tree, place }, notes }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value]
}
