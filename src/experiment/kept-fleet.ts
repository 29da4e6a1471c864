import type { ExperimentConfig } from '../config/schema.js'
import { contentHash } from '../core/identity.js'
import type { Service } from '../workers/service.js'
import type { Fleet } from './fleet.js'

/**
 * Keeps the loaded workers of one experiment for the next that has the same backend, model and options. Whoever makes
 * one must `close` it.
 */
export class KeptFleet {
  #kept: { key: string; fleet: Fleet } | null = null

  /** The workers that this experiment can use; others are ended first, so that their memory is free. */
  async take(
    config: ExperimentConfig,
    deviceUuids: readonly string[],
    service: Service | null,
  ): Promise<Fleet | null> {
    const kept = this.#kept
    this.#kept = null
    if (kept === null) return null
    if (kept.key === keyOf(config, deviceUuids, service)) return kept.fleet
    await kept.fleet.close()
    return null
  }

  /** Keeps the workers of an experiment that went well. */
  keep(
    config: ExperimentConfig,
    deviceUuids: readonly string[],
    service: Service | null,
    fleet: Fleet,
  ): void {
    this.#kept = { key: keyOf(config, deviceUuids, service), fleet }
  }

  /** Ends what is kept. */
  async close(): Promise<void> {
    const kept = this.#kept
    this.#kept = null
    await kept?.fleet.close()
  }
}

/** All that a loaded worker depends on. */
function keyOf(config: ExperimentConfig, deviceUuids: readonly string[], service: Service | null): string {
  const { backend, model, processes, python } = config
  return contentHash({ backend, model, processes, python, options: config[backend], deviceUuids, service })
}
