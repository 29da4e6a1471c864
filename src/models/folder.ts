import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { limitedJson } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import { configFacts, expertsIn, languageConfig, type ModelConfig } from './config/facts.js'
import type { ModelFacts } from './facts.js'
import { CachedRepository } from './hub-cache.js'
import { layersIn, storedParameters } from './safetensors/facts.js'
import { brokenWeights, type StoredTensor, storedTensors } from './safetensors/header.js'

// Hugging Face models on this machine: a folder, or an id that was downloaded before. Nothing here asks the network.

/**
 * What is known of a model folder: weights as they are stored, where they are there, else as its config.json says; how
 * its layers attend from config.json. Throws MODEL_NOT_FOUND or MODEL_UNREADABLE.
 */
export function factsOfModelFolder(path: string): ModelFacts {
  const config = readModelConfig(path)
  const said = configFacts(config)
  try {
    const tensors = storedTensors(path)
    return tensors === null ? said : withStored(said, config, tensors)
  } catch (error) {
    const why = `the weights on disk are not counted, because ${messageOf(error)}`
    return { ...said, assumed: [...(said.assumed ?? []), why] }
  }
}

/** Facts of a config.json with the parameters that were counted on disk, where they could be. */
function withStored(said: ModelFacts, config: ModelConfig, tensors: readonly StoredTensor[]): ModelFacts {
  const language = languageConfig(config)
  const experts = said.experts ?? expertsIn(language)
  const written = language.tie_word_embeddings ?? config.tie_word_embeddings
  const tied = typeof written === 'boolean' ? written : said.tied_embeddings
  const counted = storedParameters(tensors, language, { experts, tied })
  const { parameters: _, 'parameters.total': __, ...others } = said.reasons
  if (counted.parameters.non_embedding_active === null && said.parameters.non_embedding_active !== null) {
    const why = Object.values(counted.reasons).join('; ')
    return { ...said, assumed: [...(said.assumed ?? []), `counted by config.json, because ${why}`] }
  }
  const layers = layersIn(tensors)
  if (
    layers !== null &&
    typeof language.num_hidden_layers === 'number' &&
    layers < language.num_hidden_layers
  ) {
    const why = `counted by config.json, which has ${language.num_hidden_layers} layers where the weights on disk have ${layers}`
    return { ...said, assumed: [...(said.assumed ?? []), why] }
  }
  return {
    ...said,
    parameters: counted.parameters,
    tied_embeddings: counted.tied,
    experts,
    reasons: { ...others, ...counted.reasons },
  }
}

/**
 * What is known of a model without loading it: of a folder, or of an id that is in the Hugging Face cache; null for an
 * id that is not. Throws MODEL_NOT_FOUND or MODEL_UNREADABLE for a path.
 */
export function factsOfModel(
  model: string,
  revision: string | null = null,
  env: NodeJS.ProcessEnv = process.env,
): ModelFacts | null {
  if (isModelPath(model)) return factsOfModelFolder(model)
  const folder = cachedModelFolder(model, revision, env)
  return folder === null ? null : factsOfModelFolder(folder)
}

/**
 * What is known of a model that is to be loaded from this machine, as factsOfModel; throws MODEL_UNREADABLE also where its
 * weights are not whole.
 */
export function factsOfLoadable(model: string, revision: string | null = null): ModelFacts | null {
  const facts = factsOfModel(model, revision)
  const folder = isModelPath(model) ? model : cachedModelFolder(model, revision)
  const broken = folder === null ? null : brokenWeights(folder)
  if (broken === null) return facts
  throw new LlemError(`the model ${model} cannot be loaded because ${broken}`, {
    code: 'MODEL_UNREADABLE',
    hint: 'Download it again: a part of its weights is missing.',
    kind: 'usage',
  })
}

/** Whether a model is meant as a path: it is there, or no id looks like that (an id is NAME or OWNER/NAME). */
export function isModelPath(model: string): boolean {
  return existsSync(model) || /^[./~]/.test(model) || model.split('/').length > 2 || model.endsWith('.gguf')
}

/**
 * The folder of an id in the Hugging Face cache, null where it is not there
 * (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
 */
export function cachedModelFolder(
  id: string,
  revision: string | null = null,
  env: NodeJS.ProcessEnv = process.env,
): string | null {
  if (!/^[\w.-]+(\/[\w.-]+)?$/.test(id)) return null
  const cached = new CachedRepository(id, env)
  const commit = cached.commitOf(revision ?? 'main')
  if (commit === null) return null
  const folder = cached.snapshot(commit)
  return existsSync(join(folder, 'config.json')) ? folder : null
}

function readModelConfig(path: string): ModelConfig {
  const file = join(path, 'config.json')
  if (!existsSync(path)) {
    throw new LlemError(`there is no model folder ${path}`, {
      code: 'MODEL_NOT_FOUND',
      hint: 'Give a folder with a config.json, or the id of a model.',
      kind: 'usage',
    })
  }
  if (!statSync(path).isDirectory()) {
    throw new LlemError(`the model ${path} is a file`, {
      code: 'MODEL_UNREADABLE',
      hint: 'This backend takes the folder of a Hugging Face model; GGUF files are for llamacpp.',
      kind: 'usage',
    })
  }
  try {
    const stat = statSync(file)
    if (!stat.isFile()) throw new Error('its config.json is no file')
    if (stat.size > LIMITS.model_config_bytes)
      throw new Error(`its config.json has ${stat.size} bytes, more than ${LIMITS.model_config_bytes}`)
    const config: unknown = limitedJson(readFileSync(file, 'utf8'))
    if (typeof config === 'object' && config !== null && !Array.isArray(config)) return config as ModelConfig
    throw new Error('it is no JSON object')
  } catch (cause) {
    const why = existsSync(file) ? messageOf(cause) : 'it has no config.json'
    throw new LlemError(`the model ${path} cannot be read because ${why}`, {
      code: 'MODEL_UNREADABLE',
      hint: 'Download it again, or give another folder.',
      kind: 'usage',
      cause,
    })
  }
}
