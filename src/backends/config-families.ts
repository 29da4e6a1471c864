import type { ModelConfig } from './config-facts.js'
import type { ModelFacts } from './model-facts.js'

// Families of decoders, as transformers builds them (src/transformers/models/*/modeling_*.py). A config.json leaves out
// what is the family's default (configuration_*.py), so defaults are part of what a family is.

/** A model's weights by block. */
export interface Blocks {
  hidden: number
  vocab: number
  /** Learned positions, which are looked up. */
  positions: number
  tied: boolean
  layers: Layer[]
  /** Vectors after the last layer. */
  finalNorm: number
  experts: ModelFacts['experts']
  attention: ModelFacts['attention']
  feedForward: number
  contextLength: number | null
}

/** Weights of one layer. */
interface Layer {
  /** All of them, vectors too. */
  stored: number
  /** Those that multiply each token. */
  active: number
}

/** Reads the weights off a config; a sentence where it lacks what is needed. `whole`: the config with its other parts. */
type Family = (config: ModelConfig, whole: ModelConfig) => Blocks | string

interface Decoder {
  /** Whether the output projection is the embedding table where the config does not say. */
  tied?: boolean
  /** Where the config does not say; absent: hidden size / heads. */
  headDim?: number
  /** Where the config does not say; absent: as many as heads. */
  kvHeads?: number
  /** Norm vectors in a layer. */
  norms?: number
  /** Norms of queries and keys: over each head, or over all heads at once. */
  qkNorm?: 'head' | 'all'
  /** Biases of query, key and value; a text is the config's key for it with the default. */
  qkvBias?: boolean
  /** The config may switch on biases of the whole attention with `attention_bias`, of the MLP with `mlp_bias`. */
  mayHaveBias?: boolean
  /** Every so many layers one sees the whole context, the others a window; 0: none, where there is a window. */
  fullEvery?: number
  /** A window counts only with `use_sliding_window`. */
  windowOnlyIfUsed?: boolean
  experts?: Experts
}

interface Experts {
  /** The config's key of how wide each is. */
  width: string
  defaults: { count: number; used: number; width: number }
  /** Experts that always run: the config's key of their width, and a gate in front of them. */
  shared?: { width: string; default: number }
  /** `decoder_sparse_step` and `mlp_only_layers` make some layers dense. */
  mayBeDense?: boolean
}

const LLAMA: Decoder = { mayHaveBias: true }
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: decoder(LLAMA),
  granite: decoder({ ...LLAMA, tied: true }),
  mistral: decoder({ kvHeads: 8, fullEvery: 0 }),
  phi3: decoder({ fullEvery: 0 }),
  qwen2: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  qwen3: decoder({ kvHeads: 32, headDim: 128, qkNorm: 'head', mayHaveBias: true, windowOnlyIfUsed: true }),
  olmo2: decoder({ qkNorm: 'all', mayHaveBias: true }),
  gemma: decoder({ tied: true, headDim: 256, kvHeads: 16, mayHaveBias: true }),
  gemma2: decoder({ tied: true, headDim: 256, kvHeads: 4, norms: 4, mayHaveBias: true, fullEvery: 2 }),
  gemma3_text: decoder({
    ...{ tied: true, headDim: 256, kvHeads: 4, norms: 4, qkNorm: 'head', mayHaveBias: true },
    fullEvery: 6,
  }),
  mixtral: decoder({
    kvHeads: 8,
    fullEvery: 0,
    experts: {
      width: 'intermediate_size',
      defaults: { count: 8, used: 2, width: 14336 },
    },
  }),
  olmoe: decoder({
    qkNorm: 'all',
    mayHaveBias: true,
    experts: {
      width: 'intermediate_size',
      defaults: { count: 64, used: 8, width: 2048 },
    },
  }),
  qwen2_moe: decoder({
    kvHeads: 16,
    qkvBias: true,
    windowOnlyIfUsed: true,
    experts: {
      width: 'moe_intermediate_size',
      defaults: { count: 60, used: 4, width: 1408 },
      shared: { width: 'shared_expert_intermediate_size', default: 5632 },
      mayBeDense: true,
    },
  }),
  qwen3_moe: decoder({
    kvHeads: 4,
    qkNorm: 'head',
    mayHaveBias: true,
    windowOnlyIfUsed: true,
    experts: {
      width: 'moe_intermediate_size',
      defaults: { count: 128, used: 8, width: 768 },
      mayBeDense: true,
    },
  }),
  gpt2,
  gpt_neox: gptNeox,
}

/** The family of a `model_type`; undefined where llem does not know it. */
export function familyOf(modelType: string): Family | undefined {
  return Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined
}

/** Llama and its like: RMS norms, query, key, value and output projections, a gated MLP or experts of that kind. */
function decoder(family: Decoder): Family {
  return (config, whole) => {
    const hidden = number(config.hidden_size)
    const heads = number(config.num_attention_heads)
    const count = number(config.num_hidden_layers)
    const vocab = number(config.vocab_size)
    if (hidden === null || heads === null || count === null || vocab === null) return lacking(config)
    const feedForward = number(config.intermediate_size)
    if (feedForward === null) return 'config.json does not say intermediate_size'
    const kvHeads = number(config.num_key_value_heads) ?? family.kvHeads ?? heads
    // Some write null for what is to be computed.
    const headDim = number(config.head_dim) ?? family.headDim ?? Math.floor(hidden / heads)
    const experts = family.experts === undefined ? null : expertsOf(config, family.experts)
    const attention = attentionWeights(config, family, { hidden, heads, kvHeads, headDim })
    const norms = (family.norms ?? 2) * hidden
    const mlpBias = family.mayHaveBias === true && config.mlp_bias === true ? 2 * feedForward + hidden : 0
    const dense = gated(hidden, feedForward)
    const layers = Array.from({ length: count }, (_, index): Layer => {
      const around = { stored: attention.stored + norms, active: attention.active }
      if (experts === null || family.experts === undefined || !isSparse(config, family.experts, index))
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
      finalNorm: hidden,
      experts: experts === null ? null : { count: experts.count, used: experts.used },
      attention: {
        n_layers: count,
        n_heads: heads,
        n_kv_heads: kvHeads,
        head_dim: headDim,
        sliding: slidingOf(config, family, count),
      },
      feedForward,
      contextLength: number(config.max_position_embeddings),
    }
  }
}

function attentionWeights(
  config: ModelConfig,
  family: Decoder,
  { hidden, heads, kvHeads, headDim }: { hidden: number; heads: number; kvHeads: number; headDim: number },
): Layer {
  const queries = heads * headDim
  const keys = kvHeads * headDim
  const matrices = hidden * queries + 2 * hidden * keys + queries * hidden
  const isBiased = family.mayHaveBias === true && config.attention_bias === true
  const hasQkvBias = isBiased || (family.qkvBias === true && config.qkv_bias !== false)
  const biases = (hasQkvBias ? queries + 2 * keys : 0) + (isBiased ? hidden : 0)
  const norms = family.qkNorm === 'head' ? 2 * headDim : family.qkNorm === 'all' ? queries + keys : 0
  return { stored: matrices + biases + norms, active: matrices }
}

interface ExpertShape {
  count: number
  used: number
  width: number
  sharedWidth: number
}

function expertsOf(config: ModelConfig, { width, defaults, shared }: Experts): ExpertShape {
  return {
    // One or the other, by family and by the release of transformers that saved it.
    count: number(config.num_local_experts) ?? number(config.num_experts) ?? defaults.count,
    used: number(config.num_experts_per_tok) ?? defaults.used,
    width: number(config[width]) ?? defaults.width,
    sharedWidth: shared === undefined ? 0 : (number(config[shared.width]) ?? shared.default),
  }
}

function expertWeights(hidden: number, { count, used, width, sharedWidth }: ExpertShape): Layer {
  const router = hidden * count
  const always = router + (sharedWidth > 0 ? gated(hidden, sharedWidth) + hidden : 0)
  const each = gated(hidden, width)
  return { stored: always + count * each, active: always + used * each }
}

/** Qwen's rule: dense where listed, and but for every `decoder_sparse_step`-th layer. */
function isSparse(config: ModelConfig, { mayBeDense }: Experts, index: number): boolean {
  if (mayBeDense !== true) return true
  const listed = Array.isArray(config.mlp_only_layers) && config.mlp_only_layers.includes(index)
  return !listed && (index + 1) % (number(config.decoder_sparse_step) ?? 1) === 0
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

function gated(hidden: number, width: number): number {
  return 3 * hidden * width
}

/** GPT-2: one matrix for query, key and value, biases and norms with biases, learned positions. */
function gpt2(config: ModelConfig): Blocks | string {
  const hidden = number(config.n_embd) ?? 768
  const heads = number(config.n_head) ?? 12
  const count = number(config.n_layer) ?? 12
  const vocab = number(config.vocab_size) ?? 50257
  const positions = number(config.n_positions) ?? 1024
  const feedForward = number(config.n_inner) ?? 4 * hidden
  return {
    hidden,
    vocab,
    positions,
    tied: boolean(config.tie_word_embeddings) ?? true,
    layers: plainLayers(count, hidden, feedForward, true),
    finalNorm: 2 * hidden,
    experts: null,
    attention: {
      n_layers: count,
      n_heads: heads,
      n_kv_heads: heads,
      head_dim: Math.floor(hidden / heads),
      sliding: null,
    },
    feedForward,
    contextLength: positions,
  }
}

/** GPT-NeoX and Pythia: as GPT-2, with rotary positions and an output projection of its own. */
function gptNeox(config: ModelConfig): Blocks | string {
  const hidden = number(config.hidden_size)
  const heads = number(config.num_attention_heads)
  const count = number(config.num_hidden_layers)
  const vocab = number(config.vocab_size)
  const feedForward = number(config.intermediate_size)
  if (hidden === null || heads === null || count === null || vocab === null || feedForward === null)
    return lacking(config)
  return {
    hidden,
    vocab,
    positions: 0,
    tied: boolean(config.tie_word_embeddings) ?? false,
    layers: plainLayers(count, hidden, feedForward, config.attention_bias !== false),
    finalNorm: 2 * hidden,
    experts: null,
    attention: {
      n_layers: count,
      n_heads: heads,
      n_kv_heads: heads,
      head_dim: Math.floor(hidden / heads),
      sliding: null,
    },
    feedForward,
    contextLength: number(config.max_position_embeddings) ?? 2048,
  }
}

/** Query, key, value, output, up and down, two norms with biases. */
function plainLayers(count: number, hidden: number, feedForward: number, attentionBias: boolean): Layer[] {
  const active = 4 * hidden * hidden + 2 * hidden * feedForward
  const biases = (attentionBias ? 4 * hidden : 0) + feedForward + hidden
  return Array.from({ length: count }, () => ({ stored: active + biases + 4 * hidden, active }))
}

function lacking(config: ModelConfig): string {
  const needed = [
    'hidden_size',
    'num_attention_heads',
    'num_hidden_layers',
    'vocab_size',
    'intermediate_size',
  ]
  const missing = needed.filter((key) => number(config[key]) === null)
  return `config.json does not say ${missing.join(', ')}`
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null
}

function boolean(value: unknown): boolean | null {
  return typeof value === 'boolean' ? value : null
}
