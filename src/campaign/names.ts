import { basename } from 'node:path'
import type { ExperimentConfig } from '../config/schema.js'
import type { Tree } from '../config/tree.js'
import { contentHash } from '../core/identity.js'
import { redact } from '../core/redact.js'
import { Differences } from './differences.js'

const LONGEST = 80
/** Of the hash that tells apart what is too long to be told in words. */
const HASH_CHARS = 8

type Named = { own: Tree } & Pick<ExperimentConfig, 'backend' | 'model' | 'experiment_name'>

/**
 * A name for each experiment, for people: its backend, its model and the keys in which it differs from what all share.
 * Where that is too long, only what differs between the experiments is said, and of long values the part that differs.
 * Unique, and safe as a folder's name; the identity is the hash, not the name.
 */
export function namesOf(experiments: readonly Named[]): string[] {
  const taken = new Map<string, number>()
  const differences = new Differences(experiments.map(({ own }) => redact(own)))
  const models = modelLabels(experiments)
  return experiments.map((experiment, index) => {
    const name = nameOf(experiment, index, { differences, models })
    const before = taken.get(name.toLowerCase()) ?? 0
    taken.set(name.toLowerCase(), before + 1)
    if (before === 0) return name
    // A number of its own may be somebody's name as well.
    let candidate = `${name}-${before + 1}`
    while (taken.has(candidate.toLowerCase())) candidate += '-again'
    taken.set(candidate.toLowerCase(), 1)
    return candidate
  })
}

interface Labels {
  differences: Differences
  models: ReadonlyMap<string, string>
}

function nameOf(
  { own, backend, model, experiment_name }: Named,
  index: number,
  { differences, models }: Labels,
): string {
  if (experiment_name !== null) return cut(safe(redact(experiment_name)), own)
  const label = models.get(model) ?? model
  const whole = safe([backend, redact(label), ...differences.whole(index)].join('_'))
  if (whole.length <= LONGEST) return whole
  return cut(safe([backend, redact(label), ...differences.short(index)].join('_')), own)
}

/** The last part of a model's name or path, and more of it where two models end alike. */
function modelLabels(experiments: readonly Named[]): Map<string, string> {
  const models = [...new Set(experiments.map(({ model }) => model))]
  const bare = (model: string) => basename(model).replace(/\.gguf$/i, '')
  const uses = new Map<string, number>()
  for (const model of models) uses.set(bare(model), (uses.get(bare(model)) ?? 0) + 1)
  return new Map(
    models.map((model) => [
      model,
      uses.get(bare(model)) === 1
        ? bare(model)
        : model
            .replace(/\.gguf$/i, '')
            .split('/')
            .slice(-2)
            .join('-'),
    ]),
  )
}

/** Too long even so: the beginning, and a hash of what was written, so that no two names are cut to the same. */
function cut(name: string, own: Tree): string {
  if (name.length <= LONGEST) return name || 'experiment'
  const hash = contentHash(redact(own)).slice(0, HASH_CHARS)
  return `${name.slice(0, LONGEST - HASH_CHARS - 1).replace(/[.-]+$/, '')}-${hash}`
}

function safe(name: string): string {
  return name.replace(/[^A-Za-z0-9._=-]+/g, '-').replace(/^[.-]+|[.-]+$/g, '') || 'experiment'
}
