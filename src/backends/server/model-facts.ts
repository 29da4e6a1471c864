import { existsSync } from 'node:fs'
import { ggufFacts, ggufWeightTypes } from '../gguf-facts.js'
import { readGgufModel } from '../gguf-file.js'
import type { ModelFacts } from '../model-facts.js'

export interface ServedModelFacts {
  facts: ModelFacts
  dtype: string | null
  quantisation: string | null
}

/**
 * What a FLOPs estimate needs, of a model that lies on this machine; a server tells nothing of it. Today that is a
 * GGUF file. What reads other kinds of model is to be asked here too.
 */
export function factsOf(model: string): ServedModelFacts {
  if (model.endsWith('.gguf') && existsSync(model)) {
    try {
      const header = readGgufModel(model)
      return { facts: ggufFacts(header), ...ggufWeightTypes(header) }
    } catch {
      // The server reads it, not llem, and says what is wrong with it.
    }
  }
  return { facts: unknownFacts(), dtype: null, quantisation: null }
}

function unknownFacts(): ModelFacts {
  const reason = 'the server does not tell it, and the model is no GGUF file on this machine'
  return {
    architecture: null,
    parameters: { total: null, embedding: null, non_embedding_active: null },
    tied_embeddings: null,
    experts: null,
    attention: null,
    vocab_size: null,
    hidden_size: null,
    feed_forward_size: null,
    context_length: null,
    reasons: { architecture: reason, parameters: reason, 'parameters.non_embedding_active': reason },
  }
}
