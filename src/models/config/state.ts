import { boolean, type Layer, number } from './blocks.js'
import type { ModelConfig } from './facts.js'

// What mixes tokens without attending to each of them: a state of fixed size for each layer, which a token is written into
// and read from. As in a GGUF file, whatever has two dimensions or more multiplies a token, convolutions too.

/** One such mixer: its weights, and the numbers in its state. */
export interface Mixer extends Layer {
  values: number
}

/** The sizes of a Mamba 2 mixer. */
export interface Mamba2 {
  hidden: number
  heads: number
  headDim: number
  groups: number
  state: number
  kernel: number
  /** Biases of the projections, of the convolution. */
  biased: boolean
  outputBiased?: boolean
  convBiased: boolean
  /** A norm before the output. */
  normed: boolean
}

/** Mamba 2: one projection makes everything, a convolution, a state for each head. */
export function mamba2({ hidden, heads, headDim, groups, state, kernel, ...has }: Mamba2): Mixer {
  const inner = heads * headDim
  const convolved = inner + 2 * groups * state
  const projected = inner + convolved + heads
  const active = hidden * projected + convolved * kernel + inner * hidden
  const vectors =
    (has.biased ? projected : 0) +
    ((has.outputBiased ?? has.biased) ? hidden : 0) +
    (has.convBiased ? convolved : 0) +
    (has.normed ? inner : 0) +
    3 * heads
  return { stored: active + vectors, active, values: inner * state }
}

/** The sizes of a Mamba mixer of the first kind. */
export interface Mamba1 {
  hidden: number
  inner: number
  state: number
  rank: number
  kernel: number
  biased: boolean
  convBiased: boolean
  /** Norms of the time step and of what is written and read, as Jamba has them. */
  normed: boolean
}

/** Mamba: the time step and what is written and read come from the token through a small projection. */
export function mamba1({ hidden, inner, state, rank, kernel, ...has }: Mamba1): Mixer {
  const active =
    2 * hidden * inner + // in
    inner * kernel +
    inner * (rank + 2 * state) +
    rank * inner +
    inner * state + // decay, a matrix
    inner * hidden // out
  const vectors =
    (has.biased ? 2 * inner + hidden : 0) +
    (has.convBiased ? inner : 0) +
    (has.normed ? rank + 2 * state : 0) +
    2 * inner // bias of the time step, skip
  return { stored: active + vectors, active, values: inner * state }
}

/** Gated delta rule (Qwen3-Next): queries and keys of one number of heads, values of another. A sentence where it lacks. */
export function gatedDelta(config: ModelConfig, hidden: number): Mixer {
  const keyHeads = number(config.linear_num_key_heads) ?? 16
  const valueHeads = number(config.linear_num_value_heads) ?? 32
  const keyDim = number(config.linear_key_head_dim) ?? 128
  const valueDim = number(config.linear_value_head_dim) ?? 128
  const kernel = number(config.linear_conv_kernel_dim) ?? 4
  const [keys, values] = [keyHeads * keyDim, valueHeads * valueDim]
  const active =
    hidden * (2 * keys + 2 * values) +
    hidden * 2 * valueHeads +
    (2 * keys + values) * kernel +
    values * hidden
  return { stored: active + 2 * valueHeads + valueDim, active, values: valueHeads * keyDim * valueDim }
}

/** The Mamba 2 mixer that Bamba, Granite 4 and Falcon-H1 write with the prefix `mamba_`. */
export function prefixedMamba2(config: ModelConfig, hidden: number, inner: number, normed: boolean): Mixer {
  const heads = number(config.mamba_n_heads) ?? 128
  const headDim = number(config.mamba_d_head)
  return mamba2({
    hidden,
    heads,
    headDim: headDim ?? Math.floor(inner / heads),
    groups: number(config.mamba_n_groups) ?? 1,
    state: number(config.mamba_d_state) ?? 256,
    kernel: number(config.mamba_d_conv) ?? 4,
    biased: boolean(config.mamba_proj_bias) ?? false,
    outputBiased: boolean(config.projectors_bias) ?? boolean(config.mamba_proj_bias) ?? false,
    convBiased: boolean(config.mamba_conv_bias) ?? true,
    normed,
  })
}
