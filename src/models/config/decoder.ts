import { boolean, type Family, type Layer, lacking, number } from './blocks.js'
import { type Experts, expertsOf, expertWeights, gated } from './experts.js'
import type { ModelConfig } from './facts.js'

// Llama and its like: RMS norms, attention with four projections or through latent vectors, a gated MLP or experts of
// that kind.

export interface Decoder {
  /** Whether the output projection is the embedding table where the config does not say. */
  tied?: boolean
  /** Where the config does not say; absent: hidden size / heads. */
  headDim?: number
  /** Where the config does not say; absent: as many as heads. */
  kvHeads?: number
  /** Keys and values come from one small vector per token (DeepSeek's multi-head latent attention). */
  latent?: boolean
  /** Norms in a layer. */
  norms?: number
  /** Vectors of a norm: two where it also adds; none. */
  normVectors?: 0 | 1 | 2
  /** The output projection adds a vector. */
  outputBias?: boolean
  /** The MLP has no gate: up and down alone. */
  plainMlp?: boolean
  /** Norms of queries and keys: over each head, or over all heads at once. */
  qkNorm?: 'head' | 'all'
  /** The config's key that switches those norms on. */
  qkNormIf?: string
  /** A learned number for each head, to which attention may go instead of to a token. */
  sinks?: boolean
  /** Biases of query, key and value, unless the config's `qkv_bias` is false. */
  qkvBias?: boolean
  /** `attention_bias` is of query, key and value alone; the output has one where this key says so, if any does. */
  outputBiasIf?: string | null
  /** Queries come with a gate of their size. */
  gatedQueries?: boolean
  /** The config may switch on biases of the whole attention with `attention_bias`, of the MLP with `mlp_bias`. */
  mayHaveBias?: boolean
  /** `attention_bias` where the config does not say. */
  hasBias?: boolean
  /** Every so many layers one sees the whole context, the others a window; 0: none, where there is a window. */
  fullEvery?: number
  /** A window counts only with `use_sliding_window`. */
  windowOnlyIfUsed?: boolean
  /** The layers that are not listed as without positions see the tokens of their own chunk of the context only. */
  chunked?: boolean
  /** The config's key of how wide the MLP of a layer without experts is; absent: `intermediate_size`. */
  denseWidth?: string
  experts?: Experts
}

/** A family of that kind. */
export function decoder(family: Decoder): Family {
  return (config, whole) => {
    const hidden = number(config.hidden_size)
    const heads = number(config.num_attention_heads)
    const count = number(config.num_hidden_layers)
    const vocab = number(config.vocab_size)
    if (hidden === null || heads === null || count === null || vocab === null) return lacking(config)
    const feedForward = number(config.intermediate_size)
    if (feedForward === null) return lacking(config)
    const experts = family.experts === undefined ? null : expertsOf(config, family.experts)
    if (typeof experts === 'string') return experts
    const attention = attentionOf(config, family, hidden, heads)
    if (typeof attention === 'string') return attention
    const normVectors = family.normVectors ?? 1
    const norms = (family.norms ?? 2) * normVectors * hidden
    const denseWidth =
      family.denseWidth === undefined ? feedForward : (number(config[family.denseWidth]) ?? feedForward)
    const mlpBias = family.mayHaveBias === true && config.mlp_bias === true ? 2 * denseWidth + hidden : 0
    const dense = family.plainMlp === true ? 2 * hidden * denseWidth : gated(hidden, denseWidth)
    const layers = Array.from({ length: count }, (_, index): Layer => {
      const around = { stored: attention.stored + norms, active: attention.active }
      if (experts === null || family.experts?.isSparse?.(config, index) === false)
        return { stored: around.stored + dense + mlpBias, active: around.active + dense }
      const mlp = expertWeights(hidden, experts)
      return { stored: around.stored + mlp.stored, active: around.active + mlp.active }
    })
    return {
      hidden,
      vocab,
      positions: 0,
      tied: boolean(config.tie_word_embeddings) ?? boolean(whole.tie_word_embeddings) ?? family.tied ?? false,
      layers,
      finalNorm: normVectors * hidden + (family.outputBias === true ? vocab : 0),
      experts: experts === null ? null : { count: experts.count, used: experts.used },
      attention: {
        n_layers: count,
        n_heads: heads,
        n_kv_heads: attention.kvHeads,
        head_dim: attention.headDim,
        sliding: slidingOf(config, family, count),
        ...(family.chunked === true && { chunked: chunkedOf(config, count) }),
      },
      feedForward,
      contextLength: number(config.max_position_embeddings),
    }
  }
}

export interface Attention extends Layer {
  kvHeads: number
  headDim: number
}

/** The weights of a layer's attention; a sentence where the config lacks something. */
export function attentionOf(
  config: ModelConfig,
  family: Decoder,
  hidden: number,
  heads: number,
): Attention | string {
  const isBiased = family.mayHaveBias === true && (boolean(config.attention_bias) ?? family.hasBias ?? false)
  if (family.latent === true) return latentAttention(config, { hidden, heads, isBiased })
  const kvHeads = number(config.num_key_value_heads) ?? family.kvHeads ?? heads
  // Some write null for what is to be computed.
  const headDim = number(config.head_dim) ?? family.headDim ?? Math.floor(hidden / heads)
  const queries = heads * headDim
  const keys = kvHeads * headDim
  const asked = (family.gatedQueries === true ? 2 : 1) * queries
  const active = hidden * asked + 2 * hidden * keys + queries * hidden
  const hasQkvBias = isBiased || (family.qkvBias === true && config.qkv_bias !== false)
  const { outputBiasIf } = family
  const hasOutputBias =
    outputBiasIf === undefined ? isBiased : outputBiasIf !== null && config[outputBiasIf] === true
  const biases = (hasQkvBias ? asked + 2 * keys : 0) + (hasOutputBias ? hidden : 0)
  const isNormed = family.qkNormIf === undefined || config[family.qkNormIf] === true
  const norms = !isNormed
    ? 0
    : family.qkNorm === 'head'
      ? 2 * headDim
      : family.qkNorm === 'all'
        ? queries + keys
        : 0
  const sinks = family.sinks === true ? heads : 0
  return { stored: active + biases + norms + sinks, active, kvHeads, headDim }
}

/** Queries, keys and values through small vectors, the position apart from the rest of a key. */
function latentAttention(
  config: ModelConfig,
  { hidden, heads, isBiased }: { hidden: number; heads: number; isBiased: boolean },
): Attention | string {
  const kvRank = number(config.kv_lora_rank)
  const plain = number(config.qk_nope_head_dim)
  const rotated = number(config.qk_rope_head_dim)
  const value = number(config.v_head_dim)
  if (kvRank === null || plain === null || rotated === null || value === null)
    return lacking(config, ['kv_lora_rank', 'qk_nope_head_dim', 'qk_rope_head_dim', 'v_head_dim'])
  const query = plain + rotated
  // The smaller DeepSeek V2 makes its queries directly, and says so with null.
  const queryRank = number(config.q_lora_rank)
  const queries = queryRank === null ? hidden * heads * query : hidden * queryRank + queryRank * heads * query
  const active =
    queries + hidden * (kvRank + rotated) + kvRank * heads * (plain + value) + heads * value * hidden
  const norms = kvRank + (queryRank ?? 0)
  const biases = isBiased ? (queryRank ?? 0) + kvRank + rotated + hidden : 0
  return {
    stored: active + norms + biases,
    active,
    kvHeads: number(config.num_key_value_heads) ?? heads,
    headDim: Math.floor((query + value) / 2),
  }
}

/** Llama 4's rule: chunks, but for every fourth layer, which has no positions; or as the config lists them. */
function chunkedOf(config: ModelConfig, count: number): { size: number; layers: number } | null {
  const size = number(config.attention_chunk_size) ?? 8192
  const every = number(config.no_rope_layer_interval) ?? 4
  const isListed = Array.isArray(config.no_rope_layers) && config.no_rope_layers.length > 0
  const layers = Array.isArray(config.layer_types)
    ? config.layer_types.filter((kind) => kind === 'chunked_attention').length
    : isListed
      ? (config.no_rope_layers as unknown[]).filter((has) => has === 1).length
      : count - Math.floor(count / every)
  return size === 0 || layers === 0 ? null : { size, layers }
}

/** Layers that see a window only, as the config lists them or as the family has them. */
function slidingOf(config: ModelConfig, family: Decoder, count: number) {
  const window = number(config.sliding_window)
  if (window === null || window === 0) return null
  if (family.windowOnlyIfUsed === true && config.use_sliding_window !== true) return null
  if (Array.isArray(config.layer_types)) {
    const layers = config.layer_types.filter((kind) => kind === 'sliding_attention').length
    return layers === 0 ? null : { window, layers }
  }
  if (family.windowOnlyIfUsed === true) {
    const layers = Math.max(0, count - (number(config.max_window_layers) ?? 28))
    return layers === 0 ? null : { window, layers }
  }
  if (family.fullEvery === undefined) return null
  const every = number(config.sliding_window_pattern) ?? family.fullEvery
  return { window, layers: every === 0 ? count : count - Math.floor(count / every) }
}
