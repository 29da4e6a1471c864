import { type Blocks, boolean, lacking, number } from './blocks.js'
import type { ModelConfig } from './facts.js'
import { type Mixer, mamba1, mamba2 } from './state.js'

// Models in which no layer attends.

/** Mamba 2 alone: no layer attends. */
export function pureMamba2(config: ModelConfig): Blocks | string {
  const needed = ['hidden_size', 'num_hidden_layers', 'vocab_size', 'num_heads', 'head_dim', 'state_size']
  const [hidden, count, vocab, heads, headDim, state] = needed.map((key) => number(config[key]) ?? 0)
  if (!hidden || !count || !vocab || !heads || !headDim || !state) return lacking(config, needed)
  const mixer = mamba2({
    ...{ hidden, heads, headDim, state },
    groups: number(config.n_groups) ?? 8,
    kernel: number(config.conv_kernel) ?? 4,
    biased: config.use_bias === true,
    convBiased: config.use_conv_bias !== false,
    normed: true,
  })
  return stateOnly(config, { hidden, count, vocab, tied: false }, mixer)
}

/** The first Mamba alone. */
export function pureMamba(config: ModelConfig): Blocks | string {
  const needed = ['hidden_size', 'num_hidden_layers', 'vocab_size', 'state_size']
  const [hidden, count, vocab, state] = needed.map((key) => number(config[key]) ?? 0)
  if (!hidden || !count || !vocab || !state) return lacking(config, needed)
  const mixer = mamba1({
    ...{ hidden, state },
    inner: number(config.intermediate_size) ?? (number(config.expand) ?? 2) * hidden,
    rank: number(config.time_step_rank) ?? Math.ceil(hidden / 16),
    kernel: number(config.conv_kernel) ?? 4,
    biased: config.use_bias === true,
    convBiased: config.use_conv_bias !== false,
    normed: false,
  })
  return stateOnly(config, { hidden, count, vocab, tied: true }, mixer)
}

function stateOnly(
  config: ModelConfig,
  { hidden, count, vocab, tied }: { hidden: number; count: number; vocab: number; tied: boolean },
  { stored, active, values }: Mixer,
): Blocks {
  return {
    ...{ hidden, vocab, positions: 0, finalNorm: hidden, experts: null, feedForward: 0, contextLength: null },
    tied: boolean(config.tie_word_embeddings) ?? tied,
    layers: Array.from({ length: count }, () => ({ stored: stored + hidden, active })),
    attention: {
      ...{ n_layers: 0, n_heads: 0, n_kv_heads: 0, head_dim: 0, sliding: null },
      state: { layers: count, values },
    },
  }
}
