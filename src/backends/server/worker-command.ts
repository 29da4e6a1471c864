import { fileURLToPath } from 'node:url'
import type { WorkerCommand } from '../../workers/worker-process.js'

/**
 * A thousand streams allocate a megabyte every few milliseconds, of which little is alive at any moment. With young generations
 * of 16 MiB, node's default, a collection stops the reading of tokens for .9 ms, 1.9 ms at p90; with 2 MiB for .4 and .6 ms.
 * At p99 llem then adds .8 to 1.5 ms to the times between tokens, where it would be 2 to 6 ms (docs/guide/model.md).
 */
export const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=2']

/** How to start the process that sends the requests and reads the answers. */
export function workerCommand(backend: string, env: NodeJS.ProcessEnv): WorkerCommand {
  return {
    backend,
    command: process.execPath,
    args: [...WORKER_FLAGS, fileURLToPath(import.meta.resolve('#server-worker'))],
    env,
  }
}
