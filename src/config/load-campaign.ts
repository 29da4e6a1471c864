// campaign file -> its own keys + what all experiments share -> experiments of the list, the files and the grid, or
// all problems. A point of the grid that the schema refuses is filtered, with its reason: that is what a grid is for.

import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import type { KnownJson } from '../core/identity.js'
import { type FileLayer, fileLayer, textLayer } from './config-file.js'
import { configHash, sameHash } from './config-hash.js'
import { suggestCampaignKey } from './did-you-mean.js'
import { gridFindings, gridPoints } from './grid.js'
import { GroupwiseParser } from './groupwise.js'
import { experimentJsonSchema, type SchemaNode } from './json-schema.js'
import type { Layer } from './layers.js'
import { checkExperiment } from './load.js'
import { modernised } from './older-campaigns.js'
import { type Finding, type Problem, toProblems } from './problems.js'
import type { ExperimentConfig } from './schema.js'
import { experimentConfigSchema } from './schema.js'
import { CAMPAIGN_KEYS, type CampaignKeys, campaignKeysSchema, executionProblems } from './schema-campaign.js'
import { daemonProblems } from './schema-daemon.js'
import { slurmProblems } from './schema-slurm.js'
import { ServedNames } from './served-names.js'
import { mergeTrees, type Path, type Tree } from './tree.js'
import { findingOf, refusalsOf } from './validate.js'

/** One experiment of a campaign, without its configuration: of a hundred thousand that would be a gigabyte. */
export interface CampaignExperiment
  extends Pick<ExperimentConfig, 'backend' | 'model' | 'experiment_name' | 'processes'> {
  /** What was written for it beyond what all share. */
  own: Tree
  /** The identity: SHA-256 of its resolved configuration. */
  hash: string
  /** Equal for those that would be the same here, as of two paths to one model. */
  same: string
  /** "grid", "experiments[2]" or the path of a file. */
  origin: string
}

/** A point of the grid that no experiment can be. */
export interface FilteredPoint {
  own: Tree
  reason: string
}

export type LoadedCampaign =
  | {
      ok: true
      keys: CampaignKeys
      shared: Tree
      experiments: CampaignExperiment[]
      filtered: FilteredPoint[]
      /** How the keys of another tool were read. */
      notes: string[]
    }
  | { ok: false; problems: Problem[] }

/** Reads a campaign. `text` instead of the file's content, for tests and programs; then `path` is its name. `file`: read already. */
export function loadCampaign({
  path,
  text,
  file: read = text === undefined ? fileLayer(path) : textLayer(text, path),
}: {
  path: string
  text?: string
  file?: FileLayer
}): LoadedCampaign {
  const { layer: file } = read
  const findings = [...read.findings]
  if (file === null) return { ok: false, problems: toProblems(findings) }
  const { layer, notes } = modernised(file)
  const [own, shared] = split(layer.tree)
  const keys = readKeys(own, layer, findings)
  findings.push(...unknownKeys(layer))
  const sharedLayer: Layer = { ...layer, tree: shared }
  findings.push(...checkShared(shared, sharedLayer))
  if (keys === null) return { ok: false, problems: toProblems(findings) }
  if (keys.configs === undefined && keys.grid === undefined && keys.experiments === undefined) {
    const message = "At least one of 'configs', 'grid', or 'experiments' must be provided"
    findings.push({ place: layer.place([], 'value'), key: null, message, suggestion: null })
  }
  for (const { key, message } of daemonProblems(keys.daemon)) {
    const place = layer.place(['daemon', key], 'value')
    findings.push({ place, key: `daemon.${key}`, message, suggestion: null })
  }
  for (const { key, message } of slurmProblems(keys.slurm)) {
    const place = layer.place(['slurm', key], 'value')
    findings.push({ place, key: `slurm.${key}`, message, suggestion: null })
  }
  for (const { key, message } of executionProblems(keys)) {
    const place = layer.place(['execution', key], 'value')
    findings.push({ place, key: `execution.${key}`, message, suggestion: null })
  }
  if (keys.grid !== undefined) findings.push(...gridFindings(keys.grid, [layer]))
  // What nobody knows was told above, and is not wrong once more in each experiment.
  const known = knownKeys(shared)
  const found: CampaignExperiment[] = [
    ...fromFiles(keys, path, known, findings),
    ...fromList(keys, layer, known, findings),
  ]
  // Every point would be refused for the same problem.
  if (findings.length > 0) return { ok: false, problems: toProblems(findings) }
  const { kept, filtered } = fromGrid(keys, shared)
  return { ok: true, keys, shared, experiments: [...found, ...kept], filtered, notes }
}

/** The campaign's own keys, and the rest. */
function split(tree: Tree): [own: Tree, shared: Tree] {
  const entries = Object.entries(tree)
  const pick = (isOwn: boolean): Tree =>
    Object.assign(
      Object.create(null),
      Object.fromEntries(entries.filter(([key]) => CAMPAIGN_KEYS.includes(key) === isOwn)),
    )
  return [pick(true), pick(false)]
}

function readKeys(own: Tree, layer: Layer, findings: Finding[]): CampaignKeys | null {
  const parsed = campaignKeysSchema.safeParse(own)
  if (parsed.success) return parsed.data
  const root = campaignJsonSchema()
  findings.push(
    ...refusalsOf(parsed.error.issues, own).map((refusal) => findingOf(refusal, own, [layer], root)),
  )
  return null
}

let cached: SchemaNode | undefined

/** The JSON schema of a campaign as it is written, for editors: its own keys, and what its experiments share. */
export function campaignFileJsonSchema(): SchemaNode {
  const own = campaignJsonSchema()
  const experiment = experimentJsonSchema()
  const { required: _, $schema: __, ...part } = experiment as SchemaNode & { $schema?: string }
  const experiments = { ...own.properties?.experiments, items: part }
  return { ...own, properties: { ...own.properties, experiments, ...experiment.properties } }
}

/** The JSON schema of the campaign's own keys. */
export function campaignJsonSchema(): SchemaNode {
  cached ??= z.toJSONSchema(campaignKeysSchema, { io: 'input' }) as SchemaNode
  return cached
}

/** A mistyped key of the campaign looks like a key of its experiments that nobody knows. */
function unknownKeys({ tree, place }: Layer): Finding[] {
  const known = [...CAMPAIGN_KEYS, ...Object.keys(experimentConfigSchema.in.shape)]
  return Object.keys(tree).flatMap((key) => {
    if (known.includes(key)) return []
    const suggestion = suggestCampaignKey(key, known)
    return [{ place: place([key], 'key'), key, message: `unknown key \`${key}\``, suggestion }]
  })
}

/** What is wrong in what all share; a model may be left to the grid. */
function checkShared(shared: Tree, layer: Layer): Finding[] {
  const tree = mergeTrees(Object.assign(Object.create(null), { model: 'any' }), knownKeys(shared))
  return checkExperiment(tree, [layer]).findings
}

/** Without the keys that no experiment has. */
function knownKeys(shared: Tree): Tree {
  const known = Object.entries(shared).filter(([key]) => key in experimentConfigSchema.in.shape)
  return Object.assign(Object.create(null), Object.fromEntries(known))
}

function fromList(
  { experiments = [] }: CampaignKeys,
  layer: Layer,
  shared: Tree,
  findings: Finding[],
): CampaignExperiment[] {
  return experiments.flatMap((item, index) => {
    const own = item as Tree
    const at: Path = ['experiments', index]
    const itemLayer: Layer = {
      ...layer,
      tree: own,
      place: (path, part) => layer.place([...at, ...path], part),
    }
    const checked = checkExperiment(mergeTrees(shared, own), [{ ...layer, tree: shared }, itemLayer])
    findings.push(...checked.findings)
    return checked.config === null ? [] : [experimentOf(checked.config, own, `experiments[${index}]`)]
  })
}

function fromFiles(
  { configs = [], io }: CampaignKeys,
  campaignPath: string,
  shared: Tree,
  findings: Finding[],
): CampaignExperiment[] {
  const folder =
    io.configs_dir === null ? dirname(campaignPath) : resolve(dirname(campaignPath), io.configs_dir)
  return configs.flatMap((name) => {
    const path = resolve(folder, name)
    const read = fileLayer(path)
    findings.push(...read.findings)
    if (read.layer === null) return []
    const own = read.layer.tree
    const sharedLayer: Layer = { source: 'file', tree: shared, place: read.layer.place }
    const checked = checkExperiment(mergeTrees(shared, own), [sharedLayer, read.layer])
    findings.push(...checked.findings)
    return checked.config === null ? [] : [experimentOf(checked.config, own, name)]
  })
}

function fromGrid(
  { grid }: CampaignKeys,
  shared: Tree,
): { kept: CampaignExperiment[]; filtered: FilteredPoint[] } {
  const kept: CampaignExperiment[] = []
  const filtered: FilteredPoint[] = []
  if (grid === undefined) return { kept, filtered }
  const nowhere = { where: 'grid', order: 0 }
  const parser = new GroupwiseParser()
  const known: KnownJson = new WeakMap()
  const names = new ServedNames()
  for (const own of gridPoints(grid, shared.backend)) {
    const written = mergeTrees(shared, own)
    const layer: Layer = { source: 'file', tree: written, place: () => nowhere }
    const { config, findings } = checkExperiment(written, [layer], parser)
    if (config === null) filtered.push({ own, reason: findings.map(({ message }) => message).join('; ') })
    else {
      kept.push(experimentOf(config, own, 'grid', known))
      names.add(config)
    }
  }
  const [others, all] = names.split(kept)
  return { kept: all, filtered: [...filtered, ...others] }
}

function experimentOf(
  config: ExperimentConfig,
  own: Tree,
  origin: string,
  known?: KnownJson,
): CampaignExperiment {
  const { backend, model, experiment_name, processes } = config
  const hash = configHash(config, known)
  const same = sameHash(config, hash, known)
  return { own, hash, same, origin, backend, model, experiment_name, processes }
}
