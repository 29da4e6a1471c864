// Its sweeps and grids -> a grid of llem. A list of values is an axis; where one value sets several keys, or where a list
// holds mappings, it is a group of alternatives.

import { isTree, leavesOf, type Path, type Tree } from '../../config/tree.js'
import { canonicalJson } from '../../core/identity.js'
import type { Surroundings } from '../reading.js'
import { backendOf } from './keys.js'
import { plainPath, type Reader } from './read.js'

type Axes = Record<string, unknown>

/** A grid of llem as it grows. */
export interface Grid {
  backends?: unknown[]
  models?: unknown[]
  shared?: Axes
  backend_overrides?: Record<string, Axes>
  groups?: Record<string, Axes[]>
}

const BACKENDS: readonly string[] = ['pytorch', 'vllm', 'tensorrt']

/** The backends that a study names, in its sweep or besides; empty where it names none. */
export function backendsOf(tree: Tree): string[] {
  const grid = isTree(tree.grid) ? tree.grid : {}
  const sweep = isTree(tree.sweep) ? tree.sweep : {}
  const said = [tree.backend, tree.engine, sweep.backend, sweep.engine, grid.backends, grid.engines].flat()
  const names = said
    .filter((name) => name !== undefined && name !== null)
    .map((name) => String(backendOf(name)))
  if (names.length > 0) return [...new Set(names)]
  // An axis of a backend stands for the backend.
  const scoped = [...Object.keys(sweep), ...Object.keys(tree)].map(
    (key) => plainPath(key.split('.'))[0] ?? '',
  )
  return [...new Set(scoped)].filter((name) => BACKENDS.includes(name))
}

export class GridReader {
  readonly grid: Grid = {}
  constructor(
    private readonly reader: Reader,
    private readonly around: Surroundings,
  ) {}

  /** `sweep`, `grid.shared`, `grid.axes`: dotted keys or nested ones with lists. */
  axes(tree: Tree, at: Path): void {
    for (const [key, value] of Object.entries(tree)) {
      const inner: [readonly string[], unknown][] = isTree(value) ? [...leavesOf(value)] : [[[], value]]
      for (const [below, values] of inner)
        this.axis([key, ...below].join('.'), values, [...at, key, ...below])
    }
  }

  /** One key with its values. */
  axis(key: string, written: unknown, at: Path): void {
    const values = Array.isArray(written) ? written : [written]
    const plain = plainPath(key.split('.')).join('.')
    if (plain === 'backend' || plain === 'engine') this.list('backends', values.map(backendOf), at)
    else if (plain === 'model' || plain === 'model_name') this.list('models', values, at)
    else if (values.some(isTree)) {
      if (!values.every(isTree))
        this.reader.refuse(at, `${key} mixes mappings and values; write each as a mapping, and {} for none`)
      this.group(
        key,
        values.flatMap((each, index) => (isTree(each) ? this.alternatives(each, [...at, index]) : [])),
        at,
      )
    } else this.values(key, values, at)
  }

  private values(key: string, values: readonly unknown[], at: Path): void {
    const read = values.map((value) => this.reader.readAxis(key, value, at, this.around))
    const taken = distinct(
      read.filter((each) => each.isWhole || Object.keys(each.taken).length > 0).map((each) => each.taken),
    )
    const [name, another] = new Set(taken.flatMap((each) => Object.keys(each)))
    if (name === undefined) return
    const isAxis = another === undefined && taken.every((each) => name in each)
    if (isAxis)
      this.put(
        name,
        taken.map((each) => each[name]),
        at,
      )
    else this.group(key, taken, at)
  }

  /** `grid.backend_overrides`: keys with or without the backend's name before them. */
  overrides(backend: string, tree: Tree, at: Path): void {
    for (const [path, values] of leavesOf(tree)) {
      const key = path.join('.')
      const isScoped = plainPath(key.split('.'))[0] === backendOf(backend)
      const isGeneral = /^(decoder|dataset|precision|fp_precision|max_|n$|num_input|batching)/.test(key)
      this.axis(isScoped || isGeneral ? key : `${backend}.${key}`, values, [...at, ...path])
    }
  }

  /** A mapping of dotted keys, in which a list stands for as many alternatives. */
  private alternatives(tree: Tree, at: Path): Axes[] {
    let all: { taken: Axes; isWhole: boolean }[] = [{ taken: {}, isWhole: true }]
    for (const [path, written] of leavesOf(tree)) {
      const values = Array.isArray(written) ? written : [written]
      const read = values.map((value) =>
        this.reader.readAxis(path.join('.'), value, [...at, ...path], this.around),
      )
      all = all.flatMap((before) =>
        read.map(({ taken, isWhole }) => ({
          taken: { ...before.taken, ...taken },
          isWhole: before.isWhole && isWhole,
        })),
      )
    }
    // Half of what only goes together is another experiment than the one that was meant.
    return all.filter(({ isWhole }) => isWhole).map(({ taken }) => taken)
  }

  private group(key: string, alternatives: Axes[], at: Path): void {
    const kept = distinct(alternatives)
    if (kept.every((each) => Object.keys(each).length === 0)) return
    const name = key.replaceAll('.', '_')
    this.grid.groups = { ...this.grid.groups, [name]: kept }
    this.reader.note(['grid', 'groups', name], at, null)
  }

  private put(key: string, values: unknown[], at: Path): void {
    const [first = ''] = key.split('.')
    const isOne = BACKENDS.includes(first)
    if (isOne) {
      const all = this.grid.backend_overrides ?? {}
      this.grid.backend_overrides = { ...all, [first]: { ...all[first], [key]: values } }
    } else this.grid.shared = { ...this.grid.shared, [key]: values }
    this.reader.note(isOne ? ['grid', 'backend_overrides', first, key] : ['grid', 'shared', key], at, null)
  }

  private list(key: 'backends' | 'models', values: unknown[], at: Path): void {
    this.grid[key] = [...new Set(values)]
    this.reader.note(['grid', key], at, null)
  }
}

function distinct(all: Axes[]): Axes[] {
  const seen = new Map(all.map((each) => [canonicalJson(each), each]))
  return [...seen.values()]
}
