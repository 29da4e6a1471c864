// A file of the Python tool as an experiment or a campaign of llem.

import { basename, dirname, isAbsolute, join } from 'node:path'
import { fileLayer } from '../../config/config-file.js'
import type { Layer } from '../../config/layers.js'
import { CAMPAIGN_KEYS } from '../../config/schema-campaign.js'
import { dotted, isTree, mergeTrees, type Path, type Tree } from '../../config/tree.js'
import type { Imported, Origin, Surroundings } from '../reading.js'
import { Reader } from './read.js'
import { isOfPythonTool } from './recognise.js'
import { backendsOf, GridReader } from './sweep.js'

/** Keys that say which experiments there are. */
const GRID_KEYS: readonly string[] = ['sweep', 'grid', 'experiments', 'configs']
const STUDY_ONLY: readonly string[] = [
  ...GRID_KEYS,
  'study_name',
  'campaign_name',
  'execution',
  'study_execution',
]

/** Reads a file that was recognised. `path`: beside which `configs` are looked for. */
export function importPython(layer: Layer, path: string): Imported {
  const tree = merged(layer.tree)
  const isCampaign =
    STUDY_ONLY.some(
      (key) => isTree(tree[key]) || Array.isArray(tree[key]) || typeof tree[key] === 'string',
    ) ||
    ['num_cycles', 'n_cycles'].some((key) => typeof tree[key] === 'number' && tree[key] !== 1) ||
    (isTree(tree.schedule) && tree.schedule.enabled === true) ||
    Array.isArray(tree.model) ||
    Array.isArray(tree.backend) ||
    Array.isArray(tree.engine)
  const reader = new Reader((at, part) => layer.place(at, part))
  return isCampaign ? study(tree, reader, path) : experiment(tree, reader)
}

function experiment(tree: Tree, reader: Reader): Imported {
  const backends = onlyBackend(tree)
  const { num_cycles: _, n_cycles: __, ...rest } = tree
  const own = reader.read(named(rest, 'experiment_name', reader, []), [], [], { backends, isCampaign: false })
  const withBackend = own.backend === undefined ? mergeTrees({ backend: backends[0] }, own) : own
  return {
    what: 'an experiment of the Python tool',
    kind: 'experiment',
    tree: { ...nameOf(tree, 'experiment_name'), ...withBackend },
    ...gathered(reader),
  }
}

function study(tree: Tree, reader: Reader, path: string): Imported {
  const said = backendsOf(tree)
  const usual = said.length > 0 ? said : ['pytorch']
  refuseShapes(tree, reader)
  const list = Array.isArray(tree.experiments)
    ? tree.experiments.map((each) => (isTree(each) ? each : {}))
    : []
  const isAllSaid = list.length > 0 && list.every((each) => backendsOf(each).length > 0)
  const needsUsual = !isAllSaid || isTree(tree.sweep) || isTree(tree.grid)
  const backends = [...new Set([...(needsUsual ? usual : []), ...list.flatMap(backendsOf)])]
  const around: Surroundings = { backends, isCampaign: true }
  const shared = without(tree, [...GRID_KEYS, ...NAMES])
  const lists = new GridReader(reader, { backends: usual, isCampaign: true })
  for (const key of ['model', 'model_name', 'backend', 'engine'])
    if (Array.isArray(shared[key])) {
      lists.axis(key, shared[key], [key])
      delete shared[key]
    }
  const own = reader.read(shared, [], [], around)
  if (isTree(tree.sweep)) lists.axes(tree.sweep, ['sweep'])
  if (isTree(tree.grid)) readGrid(tree.grid, lists)
  const hasGrid = Object.keys(lists.grid).length > 0
  if (hasGrid && usual.length > 1) lists.grid.backends = usual
  const isOne = usual.length === 1 && backends.length <= 1
  const experiments = [
    ...list.map((each, index) => one(each, reader, index, isOne ? [] : usual)),
    ...fromConfigs(tree, reader, path, { own, before: list.length }),
  ]
  // With experiments that all name theirs it stands for what they share, such as a load.
  if (own.backend === undefined && usual.length === 1) own.backend = needsUsual ? usual[0] : backends[0]
  if (usual.length > 1) delete own.backend
  const campaign: Tree = {
    campaign_name: name(tree, path),
    ...own,
    ...(hasGrid ? { grid: lists.grid } : {}),
    ...(experiments.length > 0 ? { experiments } : hasGrid ? {} : { experiments: [{}] }),
  }
  const which = NAMES.find((key) => tree[key] !== undefined)
  if (which !== undefined) reader.note(['campaign_name'], [which], null)
  return { what: 'a study of the Python tool', kind: 'campaign', tree: campaign, ...gathered(reader) }
}

/** What says which experiments there are has to be what it should be: left away in silence it would be another study. */
function refuseShapes(tree: Tree, reader: Reader): void {
  const refuse = (path: Path, expected: string) => reader.refuse(path, `${dotted(path)} must be ${expected}`)
  for (const key of ['sweep', 'grid'])
    if (tree[key] !== undefined && tree[key] !== null && !isTree(tree[key]))
      refuse([key], 'a mapping of keys to lists')
  for (const key of ['experiments', 'configs'])
    if (tree[key] !== undefined && tree[key] !== null && !Array.isArray(tree[key])) refuse([key], 'a list')
  for (const [index, each] of [tree.experiments].flat().entries())
    if (Array.isArray(tree.experiments) && !isTree(each)) refuse(['experiments', index], 'a mapping of keys')
}

function readGrid(grid: Tree, lists: GridReader): void {
  for (const [key, value] of Object.entries(grid)) {
    if (key === 'backends' || key === 'engines') lists.axis('backend', value, ['grid', key])
    else if (key === 'models') lists.axis('model', value, ['grid', key])
    else if ((key === 'shared' || key === 'axes') && isTree(value)) lists.axes(value, ['grid', key])
    else if (key === 'backend_overrides' && isTree(value)) {
      for (const [backend, axes] of Object.entries(value))
        if (isTree(axes)) lists.overrides(backend, axes, ['grid', key, backend])
    } else lists.axis(key, value, ['grid', key])
  }
}

/** One of a list, with its own backend where it names one. `usual`: what it has otherwise, where that is not said for all. */
function one(each: Tree, reader: Reader, index: number, usual: readonly string[]): Tree {
  const own = backendsOf(each)
  const backends = own.length > 0 ? own : usual.length > 0 ? usual.slice(0, 1) : ['pytorch']
  const around = { backends, isCampaign: false }
  const read = reader.read(without(each, NAMES), ['experiments', index], ['experiments', index], around)
  const isSaid = own.length > 0 || usual.length > 0
  return { ...nameOf(each, 'experiment_name'), ...(isSaid ? { backend: backends[0] } : {}), ...read }
}

/** The files of a campaign, each in full, theirs and llem's own alike. What the campaign says has the last word, as there. */
function fromConfigs(
  { configs }: Tree,
  reader: Reader,
  path: string,
  { own, before }: { own: Tree; before: number },
): Tree[] {
  if (!Array.isArray(configs)) return []
  const { backend: _, ...said } = without(own, CAMPAIGN_KEYS)
  const ofCampaign = reader.origins.filter((origin) => String(origin.path[0]) in said)
  return configs.flatMap((file, index) => {
    const at = isAbsolute(String(file)) ? String(file) : join(dirname(path), String(file))
    const { layer, findings } = fileLayer(at)
    reader.findings.push(...findings)
    if (layer === null) return []
    const base: Path = ['experiments', before + index]
    if (!isOfPythonTool(layer.tree)) return [mergeTrees(layer.tree, said)]
    const inner = new Reader((each, part) => layer.place(each, part))
    const each = experiment(merged(layer.tree), inner)
    reader.findings.push(...inner.findings)
    reader.lost.push(...inner.lost)
    const isOver = (origin: Origin) =>
      ofCampaign.some((over) => over.path.join('.') === origin.path.join('.'))
    for (const origin of [...each.origins.filter((its) => !isOver(its)), ...ofCampaign])
      reader.origins.push({ ...origin, path: [...base, ...origin.path] })
    return [mergeTrees(each.tree, said)]
  })
}

const NAMES: readonly string[] = ['study_name', 'campaign_name', 'config_name', 'name', 'experiment_name']

function named(tree: Tree, to: string, reader: Reader, base: Path): Tree {
  const which = NAMES.find((key) => tree[key] !== undefined)
  if (which !== undefined) reader.note([...base, to], [which], null)
  return without(tree, NAMES)
}

function nameOf(tree: Tree, to: string): Tree {
  const which = NAMES.find((key) => tree[key] !== undefined)
  return which === undefined ? {} : { [to]: plainName(tree[which]) }
}

function name(tree: Tree, path: string): unknown {
  const which = NAMES.find((key) => tree[key] !== undefined && tree[key] !== null)
  return plainName(which === undefined ? basename(path).replace(/\.\w+$/, '') : tree[which])
}

/** A name of llem is part of a folder's. */
function plainName(value: unknown): unknown {
  if (typeof value === 'string') return value.replaceAll('/', '-').slice(0, 100)
  return typeof value === 'number' ? String(value) : value
}

function onlyBackend(tree: Tree): string[] {
  const [backend = 'pytorch'] = backendsOf(tree)
  return [backend]
}

function without(tree: Tree, keys: readonly string[]): Tree {
  return Object.fromEntries(Object.entries(tree).filter(([key]) => !keys.includes(key)))
}

function gathered({ lost, findings, origins }: Reader): Pick<Imported, 'lost' | 'findings' | 'origins'> {
  return { lost, findings, origins }
}

/** YAML of Python lays `<<` below the mapping that it stands in. */
function merged(value: Tree): Tree {
  const inner = (each: unknown): unknown =>
    Array.isArray(each) ? each.map(inner) : isTree(each) ? merged(each) : each
  const { '<<': below, ...rest } = value
  const own = Object.fromEntries(Object.entries(rest).map(([key, each]) => [key, inner(each)]))
  const bases = [below].flat().filter(isTree).map(merged)
  // The first of several has the last word.
  return Object.assign({}, ...bases.reverse(), own)
}
