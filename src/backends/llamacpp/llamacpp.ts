import { ggufFacts } from '../../models/gguf/facts.js'
import { readGgufModel } from '../../models/gguf/file.js'
import type { InferenceBackend } from '../backend.js'
import { parseOptions } from '../options.js'
import { importsOf, openWorkerSession } from '../worker-session.js'
import { installLlamacpp } from './install.js'
import { findInstall, llamacppInstalls } from './installs.js'
import { llamacpp as schema } from './options.js'
import { workerCommand } from './worker-command.js'

/** GGUF models through node-llama-cpp in a Node worker; needs no Python. */
export const llamacpp: InferenceBackend = {
  name: 'llamacpp',

  takes: 'gguf',

  async checkModel(model) {
    return ggufFacts(readGgufModel(model))
  },

  async check({ options, dataDir, env, ...how }) {
    const { gpu } = parseOptions('llamacpp', schema, options)
    const { path, version } = findInstall(dataDir, gpu)
    const imported = await importsOf('node-llama-cpp', workerCommand(path, env), {
      ...how,
      isOwn: false,
    })
    return { seen: [`llamacpp ${version} is installed`, ...imported], server: null }
  },

  async start({ model, options, dataDir, env, ...session }) {
    const { gpu } = parseOptions('llamacpp', schema, options)
    readGgufModel(model) // A wrong path is told before any process is started.
    const { path } = findInstall(dataDir, gpu)
    return openWorkerSession(workerCommand(path, env), { model, options, ...session })
  },

  install: installLlamacpp,

  installs: llamacppInstalls,
}
