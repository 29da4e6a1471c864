import { type Blocks, boolean, type Layer, number } from './blocks.js'
import type { ModelConfig } from './facts.js'

// GPT-2, whose keys are its own: norms and matrices with biases, an MLP without a gate.

/** GPT-2: one matrix for query, key and value, biases and norms with biases, learned positions. */
export function gpt2(config: ModelConfig): Blocks | string {
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
    layers: plainLayers(count, hidden, feedForward),
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

/** Query, key, value, output, up and down, two norms with biases. */
function plainLayers(count: number, hidden: number, feedForward: number): Layer[] {
  const active = 4 * hidden * hidden + 2 * hidden * feedForward
  const biases = 4 * hidden + feedForward + hidden
  return Array.from({ length: count }, () => ({ stored: active + biases + 4 * hidden, active }))
}
