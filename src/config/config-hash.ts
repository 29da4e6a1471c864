import { contentHash } from '../core/identity.js'
import { type ExperimentConfig, INFERENCE_BACKENDS, isServerBackend } from './schema.js'

/**
 * The identity of an experiment: equal for configs that measure the same, however they were written. Labels,
 * places and timeouts change nothing that is measured, nor does what its energy comes to in carbon and money, nor
 * where a key may go, nor the options of backends that it does not use.
 */
export function configHash(config: ExperimentConfig): string {
  const { output_dir, experiment_name, python, load_timeout_sec, request_timeout_sec, ...rest } = config
  const { carbon, price_per_kwh, ...measured } = rest
  const { backend } = config
  const unused: string[] = INFERENCE_BACKENDS.filter((name) => name !== backend)
  if (!isServerBackend(backend)) unused.push('load')
  const server = isServerBackend(backend)
    ? { [backend]: { ...config[backend], api_key_hosts: undefined } }
    : {}
  return contentHash({
    ...measured,
    ...server,
    ...Object.fromEntries(unused.map((group) => [group, undefined])),
  })
}
