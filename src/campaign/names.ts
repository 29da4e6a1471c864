import { basename } from 'node:path'
import type { ExperimentConfig } from '../config/schema.js'
import { leavesOf, type Tree } from '../config/tree.js'
import { redact } from '../core/redact.js'

const LONGEST = 80

type Named = { own: Tree } & Pick<ExperimentConfig, 'backend' | 'model' | 'experiment_name'>

/**
 * A name for each experiment, for people: its backend, its model and the keys in which it differs from what all share.
 * Unique, and safe as a folder's name; the identity is the hash, not the name.
 */
export function namesOf(experiments: readonly Named[]): string[] {
  const taken = new Map<string, number>()
  return experiments.map((experiment) => {
    const name = safe(redact(nameOf(experiment)))
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

function nameOf({ own, backend, model, experiment_name }: Named): string {
  if (experiment_name !== null) return experiment_name
  const differences = [...leavesOf(redact(own))]
    .filter(([[first]]) => first !== 'backend' && first !== 'model')
    .map(([path, value]) => `${path.at(-1)}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return [backend, basename(model).replace(/\.gguf$/i, ''), ...differences].join('_')
}

function safe(name: string): string {
  return (
    name
      .replace(/[^A-Za-z0-9._=-]+/g, '-')
      .replace(/^[.-]+|[.-]+$/g, '')
      .slice(0, LONGEST) || 'experiment'
  )
}
