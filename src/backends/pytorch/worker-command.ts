import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inService, type Service } from '../../workers/service.js'
import type { WorkerCommand } from '../../workers/worker-process.js'

/** How to start the worker with an interpreter. */
export function workerCommand(python: string, env: NodeJS.ProcessEnv = process.env): WorkerCommand {
  return {
    backend: 'pytorch',
    command: python,
    args: ['-u', WORKER],
    env,
  }
}

/** How to start it in a container: piped in, so that the image needs torch and transformers and nothing of llem. */
export function workerInService(service: Service, env: NodeJS.ProcessEnv = process.env): WorkerCommand {
  const run = { script: readFileSync(WORKER, 'utf8') }
  return inService(service, { backend: 'pytorch', run, stdin: 'relay', from: env })
}

const WORKER = fileURLToPath(import.meta.resolve('#pytorch-worker'))
