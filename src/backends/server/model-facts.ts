import { statSync } from 'node:fs'
import { type ModelFacts, unknownFacts } from '../../models/facts.js'
import { factsOfModel } from '../../models/folder.js'
import { ggufFacts, ggufWeightTypes } from '../../models/gguf/facts.js'
import { readGgufModel } from '../../models/gguf/file.js'

export interface ServedModelFacts {
  facts: ModelFacts
  dtype: string | null
  quantisation: string | null
}

/**
 * What a FLOPs estimate needs, of a model that lies on this machine: a GGUF file, a folder of Hugging Face, or an id that
 * is in its cache. A server tells nothing of it.
 */
export function factsOf(model: string): ServedModelFacts {
  const unknown = { dtype: null, quantisation: null }
  try {
    // Ollama's have no ending.
    if (statSync(model, { throwIfNoEntry: false })?.isFile()) {
      const header = readGgufModel(model)
      return { facts: ggufFacts(header), ...ggufWeightTypes(header) }
    }
    const facts = factsOfModel(model)
    if (facts !== null) return { facts, ...unknown }
  } catch {
    // The server reads it, not llem, and says what is wrong with it.
  }
  return { facts: nothingTold(), ...unknown }
}

function nothingTold(): ModelFacts {
  const reason =
    'the server does not tell it, and the model is neither a GGUF file nor a Hugging Face model on this machine'
  return unknownFacts(null, {
    architecture: reason,
    parameters: reason,
    'parameters.non_embedding_active': reason,
  })
}
