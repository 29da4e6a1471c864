import { contentHash } from '../core/identity.js'
import type { ExperimentConfig } from './schema.js'

/**
 * The identity of an experiment: equal for configs that measure the same, however they were written. Labels,
 * places and timeouts change nothing that is measured.
 */
export function configHash(config: ExperimentConfig): string {
  const { output_dir, experiment_name, load_timeout_sec, request_timeout_sec, ...measured } = config
  return contentHash(measured)
}
