import { type Blocks, lacking, number } from './blocks.js'
import { gated } from './experts.js'
import type { ModelConfig } from './facts.js'

/**
 * Gemma 3n: four streams that are predicted and corrected around each layer (AltUp), a low-rank path beside attention
 * (LAuReL), and a small embedding of each token for each layer, which is looked up.
 */
export function gemma3n(config: ModelConfig): Blocks | string {
  const hidden = number(config.hidden_size)
  const count = number(config.num_hidden_layers)
  const vocab = number(config.vocab_size)
  const heads = number(config.num_attention_heads)
  if (hidden === null || count === null || vocab === null || heads === null)
    return lacking(config, ['hidden_size', 'num_hidden_layers', 'vocab_size', 'num_attention_heads'])
  const kvHeads = number(config.num_key_value_heads) ?? 2
  const headDim = number(config.head_dim) ?? 256
  const streams = number(config.altup_num_inputs) ?? 4
  const rank = number(config.laurel_rank) ?? 64
  const perLayer = number(config.hidden_size_per_layer_input) ?? 256
  const perLayerVocab = number(config.vocab_size_per_layer_input) ?? 262144
  const widths = Array.isArray(config.intermediate_size) ? config.intermediate_size : null
  const widthOf = (index: number) => number(widths === null ? config.intermediate_size : widths[index])
  if (widthOf(0) === null) return lacking(config, ['intermediate_size'])
  // The last layers take keys and values of earlier ones.
  const withOwnKeys = count - (number(config.num_kv_shared_layers) ?? 15)
  const altup = streams ** 3 + streams ** 2 + hidden * streams
  const laurel = 2 * hidden * rank
  const perToken = 2 * hidden * perLayer
  // Four norms of the layer, those of LAuReL and the small embedding, of AltUp's router, its scale; heads' norms.
  const vectors = 8 * hidden + headDim
  const layers = Array.from({ length: count }, (_, index) => {
    const hasKeys = index < withOwnKeys
    const attention = hidden * headDim * (2 * heads + (hasKeys ? 2 * kvHeads : 0))
    const active = attention + altup + laurel + perToken + gated(hidden, widthOf(index) ?? 0)
    return { stored: active + vectors + (hasKeys ? headDim : 0), active }
  })
  // Streams are made of the embedding and made one again; the small embeddings come from the hidden state too.
  const around = 2 * (streams - 1) * hidden * hidden + hidden * count * perLayer
  const every = 5
  const window = number(config.sliding_window)
  const sliding = Array.isArray(config.layer_types)
    ? config.layer_types.filter((kind) => kind === 'sliding_attention').length
    : count - Math.floor(count / every)
  return {
    ...{ hidden, vocab, tied: true, experts: null },
    positions: 0,
    lookedUp: perLayerVocab * count * perLayer,
    layers: [...layers, { stored: around + perLayer, active: around }],
    finalNorm: hidden,
    attention: {
      ...{ n_layers: count, n_heads: heads, n_kv_heads: kvHeads, head_dim: headDim },
      sliding: window === null || sliding === 0 ? null : { window, layers: sliding },
    },
    feedForward: widthOf(0) ?? 0,
    contextLength: number(config.max_position_embeddings),
  }
}
