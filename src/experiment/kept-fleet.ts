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

  /** Nothing is kept now. */
  get isEmpty(): boolean {
    return this.#kept === null
  }

  /**
   * The workers that this experiment can use, if they live still: a gap is long, and the kernel ends what is large first.
   * Others are ended first, so that their memory is free.
   */
  async take(
    config: ExperimentConfig,
    deviceUuids: readonly string[],
    service: Service | null,
  ): Promise<Fleet | null> {
    const kept = this.#kept
    this.#kept = null
    if (kept === null) return null
    if (kept.key === keyOf(config, deviceUuids, service) && (await isAlive(kept.fleet))) return kept.fleet
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

async function isAlive({ members }: Fleet): Promise<boolean> {
  const answers = await Promise.allSettled(members.map(({ session }) => session.memory()))
  return answers.every(({ status }) => status === 'fulfilled')
}

/** All that a loaded worker depends on. Its limit for a request is part of it: a server's worker keeps it itself. */
function keyOf(config: ExperimentConfig, deviceUuids: readonly string[], service: Service | null): string {
  const { backend, model, processes, python, request_timeout_sec } = config
  const options = config[backend]
  const asked = { backend, model, processes, python, options, request_timeout_sec }
  return contentHash({ ...asked, deviceUuids, service })
}
