import { LIMITS } from '../../core/limits.js'
import { type ModelFacts, unknownFacts } from '../facts.js'
import { type Blocks, number } from './blocks.js'
import { classDefaultsOf } from './defaults.js'
import { familyOf } from './families.js'

// What a Hugging Face config.json tells for a FLOPs estimate. Which weights a family of models has is in
// config-families.ts and config-decoder.ts; what counts as multiplying a token is what model-facts.ts says.

/** The content of a config.json. */
export type ModelConfig = Readonly<Record<string, unknown>>

/** Where models that do more keep the settings of their language model. */
const LANGUAGE_GROUPS = ['text_config', 'llm_config', 'language_config']

/** Model facts from a config.json; null with reasons where its architecture is not known to llem. */
export function configFacts(config: ModelConfig): ModelFacts {
  // Models that also see or hear have their language model's settings in a group of its own.
  const nested = LANGUAGE_GROUPS.map((key) => record(config[key])).find((group) => group !== null) ?? null
  const architecture = string(nested?.model_type) ?? string(config.model_type)
  const { text, assumed } = withDefaults(nested, config, architecture)
  const reasons: Record<string, string> = {}
  const family = architecture === null ? undefined : familyOf(architecture)
  if (architecture === null) reasons.architecture = 'config.json does not say model_type'
  if (family === undefined) {
    const known = `the weights of ${architecture ?? 'unnamed'} models are not known to llem`
    return unknownFacts(architecture, { ...reasons, parameters: known, attention: known })
  }
  // A layer is an entry of a list here, and a number in a file can claim as many as it likes.
  const claimed = Math.max(number(text.num_hidden_layers) ?? 0, number(text.n_layer) ?? 0)
  if (claimed > LIMITS.model_layers) {
    const why = `config.json claims ${claimed} layers`
    return unknownFacts(architecture, { parameters: why, attention: why })
  }
  const blocks = family(text, config)
  if (typeof blocks === 'string') return unknownFacts(architecture, { parameters: blocks, attention: blocks })
  const { hidden, vocab, positions, lookedUp = 0, tied, layers, experts, attention } = blocks
  const table = vocab * hidden
  if (nested !== null)
    reasons['parameters.total'] = 'config.json does not size what is not the language model'
  if (typeof attention === 'string') reasons.attention = attention
  return {
    architecture,
    parameters: {
      total: nested === null ? totalOf(blocks) : null,
      embedding: table + positions * hidden + lookedUp,
      non_embedding_active: layers.reduce((sum, { active }) => sum + active, table),
    },
    tied_embeddings: tied,
    experts,
    attention: typeof attention === 'string' ? null : attention,
    vocab_size: vocab,
    hidden_size: hidden,
    feed_forward_size: blocks.feedForward,
    context_length: blocks.contextLength,
    reasons,
    ...(assumed.length > 0 && { assumed }),
  }
}

/** The settings of the language model: a group of its own where the model also sees or hears. */
export function languageConfig(config: ModelConfig): ModelConfig {
  return LANGUAGE_GROUPS.map((key) => record(config[key])).find((group) => group !== null) ?? config
}

/** How many experts there are and how many run, by whichever name; null where that is not said. */
export function expertsIn(config: ModelConfig): ModelFacts['experts'] {
  const first = (...keys: string[]) =>
    keys.map((key) => number(config[key])).find((value) => value !== null) ?? 0
  const count = first('num_local_experts', 'n_routed_experts', 'num_experts', 'moe_num_experts')
  const used = first('num_experts_per_tok', 'num_experts_per_token', 'moe_topk', 'moe_k', 'top_k_experts')
  return count > 0 && used > 0 ? { count, used } : null
}

/**
 * The settings of the language model. Hugging Face leaves out of a nested group what is the class's own default, which
 * is filled in and told; a config that is not nested says everything.
 */
function withDefaults(
  nested: ModelConfig | null,
  config: ModelConfig,
  architecture: string | null,
): { text: ModelConfig; assumed: string[] } {
  if (nested === null) return { text: config, assumed: [] }
  const defaults = architecture === null ? {} : classDefaultsOf(architecture)
  const missing = Object.entries(defaults).filter(([key]) => nested[key] === undefined)
  const told = missing.map(([key, value]) => `${key} ${JSON.stringify(value)}`).join(', ')
  return {
    text: { ...Object.fromEntries(missing), ...nested },
    assumed: missing.length === 0 ? [] : [`not in config.json, so taken from ${architecture}: ${told}`],
  }
}

function totalOf({ hidden, vocab, positions, lookedUp = 0, tied, layers, finalNorm }: Blocks): number {
  const outside = (vocab * (tied ? 1 : 2) + positions) * hidden + lookedUp + finalNorm
  return layers.reduce((sum, { stored }) => sum + stored, outside)
}

function record(value: unknown): ModelConfig | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as ModelConfig) : null
}

function string(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
