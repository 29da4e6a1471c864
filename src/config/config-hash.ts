import { contentHash } from '../core/identity.js'
import type { ExperimentConfig } from './schema.js'

/**
 * The identity of an experiment: equal for configs that measure the same, however they were written. Labels,
 * places and timeouts change nothing that is measured, nor does what its energy comes to in carbon and money.
 */
export function configHash(config: ExperimentConfig): string {
  const { output_dir, experiment_name, python, load_timeout_sec, request_timeout_sec, ...rest } = config
  const { carbon, price_per_kwh, ...measured } = rest
  return contentHash(measured)
}
