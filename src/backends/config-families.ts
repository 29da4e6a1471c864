import { type Family, number } from './config-blocks.js'
import { type Decoder, decoder } from './config-decoder.js'
import type { ModelConfig } from './config-facts.js'
import { gpt2, gptNeox } from './config-gpt.js'

// Families of decoders, as transformers builds them (src/transformers/models/*/modeling_*.py). A config.json leaves out
// what is the family's default (configuration_*.py), so defaults are part of what a family is.

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
      shared: { width: 'shared_expert_intermediate_size', defaultWidth: 5632, gated: true },
      isSparse: isSparseInQwen,
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
      isSparse: isSparseInQwen,
    },
  }),
  gpt_oss: decoder({
    ...{ headDim: 64, kvHeads: 8, sinks: true, mayHaveBias: true, hasBias: true, fullEvery: 2 },
    experts: {
      width: 'intermediate_size',
      defaults: { count: 128, used: 4, width: 2880 },
      biased: true,
    },
  }),
  deepseek_v2: decoder({
    ...{ latent: true, mayHaveBias: true },
    experts: {
      width: 'moe_intermediate_size',
      defaults: { count: 64, used: null, width: 1407 },
      shared: {
        ...{ width: 'moe_intermediate_size', defaultWidth: 1407 },
        count: { key: 'n_shared_experts', default: 2 },
      },
      isSparse: sparseAfter(0),
    },
  }),
  deepseek_v3: decoder({
    ...{ latent: true, mayHaveBias: true },
    experts: {
      width: 'moe_intermediate_size',
      defaults: { count: 256, used: 8, width: 2048 },
      shared: {
        ...{ width: 'moe_intermediate_size', defaultWidth: 2048 },
        count: { key: 'n_shared_experts', default: 1 },
      },
      isSparse: sparseAfter(3),
    },
  }),
  llama4_text: decoder({
    ...{ headDim: 128, kvHeads: 8, mayHaveBias: true, chunked: true, denseWidth: 'intermediate_size_mlp' },
    experts: {
      width: 'intermediate_size',
      defaults: { count: 16, used: 1, width: 8192 },
      shared: { width: 'intermediate_size', defaultWidth: 8192 },
      isSparse: isSparseInLlama,
    },
  }),
  gpt2,
  gpt_neox: gptNeox,
}

/** The family of a `model_type`; undefined where llem does not know it. */
export function familyOf(modelType: string): Family | undefined {
  return Object.hasOwn(FAMILIES, modelType) ? FAMILIES[modelType] : undefined
}

/** Qwen's rule: dense where listed, and but for every `decoder_sparse_step`-th layer. */
function isSparseInQwen(config: ModelConfig, index: number): boolean {
  const listed = Array.isArray(config.mlp_only_layers) && config.mlp_only_layers.includes(index)
  return !listed && (index + 1) % (number(config.decoder_sparse_step) ?? 1) === 0
}

/** DeepSeek's: the first layers are dense. */
function sparseAfter(byDefault: number) {
  return (config: ModelConfig, index: number) => index >= (number(config.first_k_dense_replace) ?? byDefault)
}

/** Llama 4's: sparse where listed, or every `interleave_moe_layer_step`-th layer. */
function isSparseInLlama(config: ModelConfig, index: number): boolean {
  if (Array.isArray(config.moe_layers)) return config.moe_layers.includes(index)
  return (index + 1) % (number(config.interleave_moe_layer_step) ?? 1) === 0
}
