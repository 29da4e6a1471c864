import { type Blocks, boolean, type Family, lacking, number } from './blocks.js'
import type { ModelConfig } from './facts.js'

// Decoders whose MLP has no gate: norms and matrices mostly with biases. What differs is in a few switches, so that one
// count serves all of them.

interface Plain {
  /** The config's keys; absent: those of most models. */
  keys?: Partial<Record<'hidden' | 'heads' | 'kvHeads' | 'layers' | 'feedForward' | 'context', string>>
  /** As many key and value heads where the config does not say; absent: as many as heads. */
  kvHeads?: number
  tied: boolean
  /** Norms in a layer, and vectors of each: two where they also add. */
  norms: number
  normVectors: 1 | 2
  /** Biases of query, key and value, of the output, and of the MLP. */
  biases: (config: ModelConfig) => { qkv: boolean; output: boolean; mlp: boolean }
  /** Rows of the table of learned positions. */
  positions?: (config: ModelConfig) => number
  /** Vectors beside the layers, without the final norm. */
  outside?: (config: ModelConfig, hidden: number, vocab: number) => number
  /** Norms of queries and keys over each head. */
  qkNorm?: boolean
  /** All layers see a window where the config has one. */
  windowed?: boolean
}

const KEYS = {
  hidden: 'hidden_size',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  layers: 'num_hidden_layers',
  feedForward: 'intermediate_size',
  context: 'max_position_embeddings',
}

const ALL = { qkv: true, output: true, mlp: true }
const NONE = { qkv: false, output: false, mlp: false }

/** A family whose settings have other names too, which go before. */
function alsoNamed(others: Readonly<Record<string, string>>, family: Family): Family {
  return (config, whole) => {
    const told = Object.entries(others).flatMap(([name, other]) =>
      config[other] === undefined ? [] : [[name, config[other]] as const],
    )
    return family({ ...config, ...Object.fromEntries(told) }, whole)
  }
}

/** A family of that kind. */
export function plain(family: Plain): Family {
  return (config): Blocks | string => {
    const keys = { ...KEYS, ...family.keys }
    const hidden = number(config[keys.hidden])
    const heads = number(config[keys.heads])
    const count = number(config[keys.layers])
    const vocab = number(config.vocab_size)
    if (hidden === null || heads === null || count === null || vocab === null)
      return lacking(config, [keys.hidden, keys.heads, keys.layers, 'vocab_size'])
    // OPT-350m alone, whose layers have their norms elsewhere too.
    const embedded = number(config.word_embed_proj_dim) ?? hidden
    if (embedded !== hidden) return `its embeddings are ${embedded} wide and its layers ${hidden}`
    const feedForward = number(config[keys.feedForward]) ?? 4 * hidden
    const kvHeads = number(config[keys.kvHeads]) ?? family.kvHeads ?? heads
    const headDim = number(config.head_dim) ?? Math.floor(hidden / heads)
    const [queries, keyValues] = [heads * headDim, kvHeads * headDim]
    const biases = family.biases(config)
    const active = 2 * hidden * queries + 2 * hidden * keyValues + 2 * hidden * feedForward
    const vectors =
      (biases.qkv ? queries + 2 * keyValues : 0) +
      (biases.output ? hidden : 0) +
      (biases.mlp ? feedForward + hidden : 0) +
      (family.qkNorm === true ? 2 * headDim : 0) +
      family.norms * family.normVectors * hidden
    const window = family.windowed === true ? number(config.sliding_window) : null
    return {
      hidden,
      vocab,
      positions: family.positions?.(config) ?? 0,
      tied: boolean(config.tie_word_embeddings) ?? family.tied,
      layers: Array.from({ length: count }, () => ({ stored: active + vectors, active })),
      finalNorm: family.normVectors * hidden + (family.outside?.(config, hidden, vocab) ?? 0),
      experts: null,
      attention: {
        n_layers: count,
        n_heads: heads,
        n_kv_heads: kvHeads,
        head_dim: headDim,
        sliding: window === null || window === 0 ? null : { window, layers: count },
      },
      feedForward,
      contextLength: number(config[keys.context]),
    }
  }
}

export const PLAIN_FAMILIES: Readonly<Record<string, Family>> = {
  gpt_neox: plain({
    tied: false,
    norms: 2,
    normVectors: 2,
    biases: (config) => ({
      ...ALL,
      qkv: config.attention_bias !== false,
      output: config.attention_bias !== false,
    }),
  }),
  gptj: plain({
    keys: {
      hidden: 'n_embd',
      heads: 'n_head',
      layers: 'n_layer',
      feedForward: 'n_inner',
      context: 'n_positions',
    },
    tied: false,
    norms: 1,
    normVectors: 2,
    biases: () => ({ ...NONE, mlp: true }),
    // The output projection adds a vector.
    outside: (_, __, vocab) => vocab,
  }),
  phi: plain({
    tied: false,
    norms: 1,
    normVectors: 2,
    biases: () => ALL,
    outside: (_, __, vocab) => vocab,
  }),
  opt: plain({
    keys: { feedForward: 'ffn_dim' },
    tied: true,
    norms: 2,
    normVectors: 2,
    biases: (config) => (config.enable_bias === false ? NONE : ALL),
    // The first two rows are for padding.
    positions: (config) => (number(config.max_position_embeddings) ?? 2048) + 2,
  }),
  // transformers reads the older names as well, of which n_embed goes before the newer one (configuration_bloom.py).
  bloom: alsoNamed(
    { hidden_size: 'n_embed', num_attention_heads: 'n_head', num_hidden_layers: 'n_layer' },
    plain({
      keys: { feedForward: 'n_inner', context: 'seq_length' },
      tied: true,
      norms: 2,
      normVectors: 2,
      biases: () => ALL,
      // A norm of the embeddings.
      outside: (_, hidden) => 2 * hidden,
    }),
  ),
  starcoder2: plain({
    kvHeads: 2,
    tied: true,
    norms: 2,
    normVectors: 2,
    biases: (config) => (config.use_bias === false ? NONE : ALL),
    windowed: true,
  }),
  nemotron: plain({
    tied: false,
    norms: 2,
    normVectors: 2,
    biases: (config) => ({
      qkv: config.attention_bias === true,
      output: config.attention_bias === true,
      mlp: config.mlp_bias === true,
    }),
  }),
}
