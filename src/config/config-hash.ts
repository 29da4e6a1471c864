import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { contentHash, type KnownJson } from '../core/identity.js'
import { type ExperimentConfig, INFERENCE_BACKENDS, isServerBackend } from './schema.js'

/** Labels, places, timeouts, and what is reckoned from what was measured: carbon, money, goodput. */
const UNMEASURED: readonly string[] = [
  ...['output_dir', 'experiment_name', 'python', 'load_timeout_sec', 'request_timeout_sec'],
  ...['carbon', 'price_per_kwh', 'slo'],
]

/**
 * The identity of an experiment: equal for configs that measure the same, however they were written. Labels,
 * places and timeouts change nothing that is measured, nor does what its energy comes to in carbon and money, nor
 * where a key may go, nor how an address or the default load is written, nor the options of backends that it does not use. `known` is for many configs that share their groups.
 */
export function configHash(config: ExperimentConfig, known?: KnownJson): string {
  const { backend } = config
  const unused: string[] = INFERENCE_BACKENDS.filter((name) => name !== backend)
  if (!isServerBackend(backend)) unused.push('load')
  const content: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config))
    if (!UNMEASURED.includes(key) && !unused.includes(key)) content[key] = value
  // What is measured beside the GPUs changes nothing of them.
  content.energy = { ...config.energy, external: undefined, nodes: nodesOf(config) }
  if (isServerBackend(backend)) {
    const { base_url } = config[backend]
    content[backend] = { ...config[backend], base_url: plainAddress(base_url), api_key_hosts: undefined }
    const { concurrency, request_rate } = config.load
    // One request after the other is what null means where nothing else says when they are sent.
    if (concurrency === 1 && request_rate === null) content.load = { ...config.load, concurrency: null }
  }
  return contentHash(content, known)
}

/** Of the nodes, what is measured of them; how their meters are started is a matter of the place. */
function nodesOf({ energy: { nodes } }: ExperimentConfig) {
  return nodes === null ? undefined : { count: nodes.count, roles: nodes.roles }
}

/** OpenAI's API is below /v1, whether or not that is written. */
export function plainAddress(address: string | null): string | null {
  return address === null || /[?#]/.test(address) ? address : address.replace(/\/+$/, '').replace(/\/v1$/, '')
}

/** `hash` of the config, or one that is equal also for two ways to one model on this machine: `p/x`, `./p/x` and its absolute path. */
export function sameHash(config: ExperimentConfig, hash: string, known?: KnownJson): string {
  const { model } = config
  const path = resolve(model)
  return path !== model && existsSync(path) ? configHash({ ...config, model: path }, known) : hash
}
