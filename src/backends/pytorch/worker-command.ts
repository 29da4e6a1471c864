import { fileURLToPath } from 'node:url'
import type { WorkerCommand } from '../../workers/worker-process.js'

/** How to start the worker with an interpreter. */
export function workerCommand(python: string, env: NodeJS.ProcessEnv = process.env): WorkerCommand {
  return {
    backend: 'pytorch',
    command: python,
    args: ['-u', fileURLToPath(import.meta.resolve('#pytorch-worker'))],
    env,
  }
}
