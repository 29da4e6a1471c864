import { fileURLToPath } from 'node:url'
import type { WorkerCommand } from '../../workers/worker-process.js'

/**
 * A thousand streams allocate a megabyte every few milliseconds, of which little is alive at any moment. With young generations
 * of 16 MiB, node's default, each collection stops the reading of tokens for 3 to 8 ms; with 2 MiB, for .5 ms as a rule.
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
