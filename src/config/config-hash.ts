import { contentHash, type KnownJson } from '../core/identity.js'
import { type ExperimentConfig, INFERENCE_BACKENDS, isServerBackend } from './schema.js'

/** Labels, places, timeouts, and what the energy comes to in carbon and money. */
const UNMEASURED: readonly string[] = [
  ...['output_dir', 'experiment_name', 'python', 'load_timeout_sec', 'request_timeout_sec'],
  ...['carbon', 'price_per_kwh'],
]

/**
 * The identity of an experiment: equal for configs that measure the same, however they were written. Labels,
 * places and timeouts change nothing that is measured, nor does what its energy comes to in carbon and money, nor
 * where a key may go, nor the options of backends that it does not use. `known` is for many configs that share their groups.
 */
export function configHash(config: ExperimentConfig, known?: KnownJson): string {
  const { backend } = config
  const unused: string[] = INFERENCE_BACKENDS.filter((name) => name !== backend)
  if (!isServerBackend(backend)) unused.push('load')
  const content: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(config))
    if (!UNMEASURED.includes(key) && !unused.includes(key)) content[key] = value
  if (isServerBackend(backend)) content[backend] = { ...config[backend], api_key_hosts: undefined }
  return contentHash(content, known)
}
