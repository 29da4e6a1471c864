import { factsOfLoadable } from '../../models/folder.js'
import type { InferenceBackend } from '../backend.js'
import { parseOptions } from '../options.js'
import { importsOf, openWorkerSession } from '../worker-session.js'
import { installPytorch } from './install.js'
import { findPython, pytorchInstalls } from './installs.js'
import { pytorch as schema } from './options.js'
import { workerCommand, workerInService } from './worker-command.js'

/** Hugging Face models through PyTorch and transformers, in a Python worker (python/pytorch_worker.py). */
export const pytorch: InferenceBackend = {
  name: 'pytorch',

  takes: 'folder',

  async checkModel(model) {
    return factsOfLoadable(model)
  },

  async check({ options, dataDir, python = null, env, service = null, ...how }) {
    parseOptions('pytorch', schema, options)
    if (service !== null) return { seen: [`pytorch runs in service ${service.name}`], server: null }
    const interpreter = findPython(python, dataDir)
    const imported = await importsOf('pytorch', workerCommand(interpreter, env), {
      ...how,
      isOwn: python !== null,
    })
    return { seen: [`pytorch uses ${interpreter}`, ...imported], server: null }
  },

  async start({ model, options, dataDir, python = null, env, service = null, ...session }) {
    const checked = parseOptions('pytorch', schema, options)
    factsOfLoadable(model) // A wrong path, or half a model, is told before any process is started.
    const command =
      service === null ? workerCommand(findPython(python, dataDir), env) : workerInService(service, env)
    return openWorkerSession(command, {
      model,
      options: checked,
      ...session,
    })
  },

  install: installPytorch,

  installs: pytorchInstalls,
}
