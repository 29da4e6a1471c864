import type { InferenceBackend } from '../backend.js'
import { ggufFacts } from '../gguf-facts.js'
import { readGgufModel } from '../gguf-file.js'
import { importsOf, openWorkerSession } from '../worker-session.js'
import { installLlamacpp } from './install.js'
import { findInstall, llamacppInstalls } from './installs.js'
import { parseLlamacppOptions } from './options.js'
import { workerCommand } from './worker-command.js'

/** GGUF models through node-llama-cpp in a Node worker; needs no Python. */
export const llamacpp: InferenceBackend = {
  name: 'llamacpp',

  async checkModel(model) {
    return ggufFacts(readGgufModel(model))
  },

  async check({ options, dataDir, env, ...how }) {
    const { gpu } = parseLlamacppOptions(options)
    const { path, version } = findInstall(dataDir, gpu)
    const imported = await importsOf('node-llama-cpp', workerCommand(path, env), {
      ...how,
      isOwn: false,
    })
    return { seen: [`llamacpp ${version} is installed`, ...imported], server: null }
  },

  async start({ model, options, dataDir, env, ...session }) {
    const { gpu } = parseLlamacppOptions(options)
    readGgufModel(model) // A wrong path is told before any process is started.
    const { path } = findInstall(dataDir, gpu)
    return openWorkerSession(workerCommand(path, env), { model, options, ...session })
  },

  install: installLlamacpp,

  installs: llamacppInstalls,
}
