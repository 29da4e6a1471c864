import { LlemError } from '../core/errors.js'
import type { InferenceBackend } from './backend.js'
import { llamacpp } from './llamacpp/llamacpp.js'
import { pytorch } from './pytorch/pytorch.js'
import { serverBackends } from './server/servers.js'

/** Every inference backend llem knows. */
export const inferenceBackends: readonly InferenceBackend[] = [llamacpp, pytorch, ...serverBackends]

/** The backend of this name. Throws BACKEND_UNKNOWN, which lists the valid names. */
export function findBackend(name: string): InferenceBackend {
  const backend = inferenceBackends.find((candidate) => candidate.name === name)
  if (backend) return backend
  throw new LlemError(`there is no inference backend ${JSON.stringify(name)}`, {
    code: 'BACKEND_UNKNOWN',
    hint: `Valid names: ${inferenceBackends.map((candidate) => candidate.name).join(', ')}.`,
    kind: 'usage',
  })
}
