import { fileURLToPath } from 'node:url'
import type { WorkerCommand } from '../../workers/worker-process.js'

/** How to start the worker with the library from an installation's folder. */
export function workerCommand(installPath: string, env: NodeJS.ProcessEnv = process.env): WorkerCommand {
  // Settings of the library's own that would print to stdout, build from source or pick another device.
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('NODE_LLAMA_CPP_')),
  )
  return {
    backend: 'llamacpp',
    command: process.execPath,
    args: [fileURLToPath(import.meta.resolve('#llamacpp-worker')), installPath],
    env: clean,
  }
}
