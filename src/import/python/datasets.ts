// Data sets by the names that the Python tool gave them.

import { closest, didYouMean } from '../../config/did-you-mean.js'
import { PROMPT_FILE } from '../../config/schema-workload.js'
import { isTree, type Tree } from '../../config/tree.js'
import { entryOf, type Reading, type Rule, to } from '../reading.js'

/** Its aliases, as sets of the hub. */
const SETS: Readonly<Record<string, string>> = {
  alpaca: 'hf:tatsu-lab/alpaca',
  sharegpt: 'hf:anon8231489123/ShareGPT_Vicuna_unfiltered',
  gsm8k: 'hf:openai/gsm8k:main',
  mmlu: 'hf:cais/mmlu:all:test',
  ai_energy_score: 'hf:AIEnergyScore/text_generation',
  aienergyscore: 'hf:AIEnergyScore/text_generation',
}

/** A data set by its name alone. */
export const named: Rule = (value) =>
  typeof value === 'string' ? [source(value, {})] : to('prompts')(value, NOWHERE)

const NOWHERE = { backends: [], isCampaign: false }

/** `dataset: { name, sample_size, split, column, ... }`, `prompts: { type, dataset, path, ... }`: what is told by several keys at once. */
export function sourceOf(group: Tree): Reading[] {
  const { type, path, file } = group
  const name = group.name ?? group.source ?? group.dataset ?? path ?? file
  if (typeof name === 'string') return [source(name, group)]
  return type === undefined && name === undefined ? [] : [{ why: `it names no data set`, matters: true }]
}

/** Keys of such a group that `sourceOf` reads. */
export const SOURCE_KEYS: readonly string[] = [
  ...['name', 'source', 'dataset', 'path', 'file', 'type', 'split', 'subset', 'input_len', 'output_len'],
]

function source(name: string, { split, subset, input_len, output_len, seed }: Tree): Reading {
  if (name === 'synthetic') {
    const lengths = Object.entries({ input_len, output_len, seed }).filter(([, value]) => value !== undefined)
    return { to: 'prompts', value: { synthetic: Object.fromEntries(lengths) } }
  }
  if (name === 'builtin' || PROMPT_FILE.test(name)) return { to: 'prompts', value: name }
  const known = entryOf(SETS, name.toLowerCase())
  const isHub = /^[\w.-]+\/[\w.-]+$/.test(name)
  if (known === undefined && !isHub) {
    const meant = closest(name, [...Object.keys(SETS), 'synthetic'])
    const hint = meant === null ? 'write owner/name of the hub, or a file of prompts' : didYouMean(meant)
    return { why: `there is no data set ${JSON.stringify(name)}; ${hint}`, matters: true }
  }
  const [hf, owner, config, ownSplit] =
    /^(hf):([^:]+)(?::([^:]*))?(?::([^:]*))?$/.exec(known ?? `hf:${name}`)?.slice(1) ?? []
  const parts = [hf, owner, text(subset) ?? config ?? '', text(split) ?? ownSplit ?? '']
  const value = parts.join(':').replace(/:+$/, '')
  return { to: 'prompts', value, ...(known === undefined ? {} : { how: `${name} is this set of the hub` }) }
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Prompts that are made have their lengths themselves: limits beside them would change nothing, and are refused. */
export function settleLengths(tree: Tree, moved: (from: string[], to: string[]) => void): Tree {
  const { prompts, generation, dataset } = tree
  if (!isTree(prompts) || !isTree(prompts.synthetic)) return tree
  const synthetic: Tree = { ...prompts.synthetic }
  const settled: Tree = { ...tree, prompts: { synthetic } }
  const keep = (key: string, rest: Tree) => {
    if (Object.keys(rest).length > 0) settled[key] = rest
    else delete settled[key]
  }
  if (isTree(generation) && generation.max_tokens !== undefined) {
    const { max_tokens, ...rest } = generation
    synthetic.output_len ??= max_tokens
    keep('generation', rest)
    moved(['generation', 'max_tokens'], ['prompts', 'synthetic', 'output_len'])
  }
  if (isTree(dataset) && typeof dataset.max_input_tokens === 'number') {
    const { max_input_tokens, ...rest } = dataset
    synthetic.input_len ??= max_input_tokens
    keep('dataset', rest)
    moved(['dataset', 'max_input_tokens'], ['prompts', 'synthetic', 'input_len'])
  }
  return settled
}
