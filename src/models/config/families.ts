import { type Family, number } from './blocks.js'
import { type Decoder, decoder } from './decoder.js'
import type { Experts } from './experts.js'
import type { ModelConfig } from './facts.js'
import { gemma3n } from './gemma3n.js'
import { gpt2 } from './gpt.js'
import { HYBRID_FAMILIES } from './hybrid.js'
import { pureMamba, pureMamba2 } from './mamba.js'
import { PLAIN_FAMILIES } from './plain.js'

// Families of decoders, as transformers builds them (src/transformers/models/*/modeling_*.py). A config.json leaves out
// what is the family's default (configuration_*.py), so defaults are part of what a family is.

const LLAMA: Decoder = { mayHaveBias: true }
const QWEN3: Decoder = {
  kvHeads: 32,
  headDim: 128,
  qkNorm: 'head',
  mayHaveBias: true,
  windowOnlyIfUsed: true,
}
const QWEN3_MOE: Decoder = {
  kvHeads: 4,
  qkNorm: 'head',
  mayHaveBias: true,
  windowOnlyIfUsed: true,
  experts: {
    width: 'moe_intermediate_size',
    defaults: { count: 128, used: 8, width: 768 },
    isSparse: isSparseInQwen,
  },
}
const DEEPSEEK_V3: Decoder = {
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
}
const GRANITE_MOE: Experts = { width: 'intermediate_size', defaults: { count: 8, used: 2, width: 512 } }
const FAMILIES: Readonly<Record<string, Family>> = {
  llama: decoder(LLAMA),
  granite: decoder({ ...LLAMA, tied: true }),
  mistral: decoder({ kvHeads: 8, fullEvery: 0 }),
  phi3: decoder({ fullEvery: 0 }),
  qwen2: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  qwen3: decoder(QWEN3),
  // Within models that also see.
  qwen3_vl_text: decoder(QWEN3),
  qwen2_vl: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  qwen2_vl_text: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  qwen2_5_vl: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  qwen2_5_vl_text: decoder({ kvHeads: 32, qkvBias: true, windowOnlyIfUsed: true }),
  smollm3: decoder({ tied: true, kvHeads: 4, mayHaveBias: true, windowOnlyIfUsed: true }),
  seed_oss: decoder({
    kvHeads: 8,
    headDim: 128,
    mayHaveBias: true,
    hasBias: true,
    outputBiasIf: 'attention_out_bias',
  }),
  hunyuan_v1_dense: decoder({ qkNorm: 'head', mayHaveBias: true }),
  ernie4_5: decoder({ kvHeads: 2, headDim: 128, tied: true }),
  exaone4: decoder({ kvHeads: 32, qkNorm: 'head', fullEvery: 4 }),
  cohere: decoder({ tied: true, norms: 1, mayHaveBias: true }),
  cohere2: decoder({ tied: true, norms: 1, mayHaveBias: true, fullEvery: 4 }),
  glm: decoder({ kvHeads: 2, headDim: 128, mayHaveBias: true, outputBiasIf: null }),
  glm4: decoder({ kvHeads: 2, headDim: 128, norms: 4, mayHaveBias: true, outputBiasIf: null }),
  olmo2: decoder({ qkNorm: 'all', mayHaveBias: true }),
  olmo3: decoder({ qkNorm: 'all', mayHaveBias: true, fullEvery: 4 }),
  gemma3n_text: gemma3n,
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
  qwen3_moe: decoder(QWEN3_MOE),
  qwen3_vl_moe_text: decoder(QWEN3_MOE),
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
  deepseek_v3: decoder(DEEPSEEK_V3),
  // Kimi K2 is DeepSeek V3 by another name.
  kimi_k2: decoder(DEEPSEEK_V3),
  glm4_moe: decoder({
    ...{ kvHeads: 8, mayHaveBias: true, outputBiasIf: null, qkNorm: 'head', qkNormIf: 'use_qk_norm' },
    experts: {
      width: 'moe_intermediate_size',
      defaults: { count: 128, used: 8, width: 1408 },
      shared: {
        ...{ width: 'moe_intermediate_size', defaultWidth: 1408 },
        count: { key: 'n_shared_experts', default: 1 },
      },
      isSparse: sparseAfter(1),
    },
  }),
  granitemoe: decoder({ tied: true, mayHaveBias: true, experts: GRANITE_MOE }),
  phimoe: decoder({
    ...{ kvHeads: 8, normVectors: 2, mayHaveBias: true, outputBias: true, fullEvery: 0 },
    experts: { width: 'intermediate_size', defaults: { count: 16, used: 2, width: 6400 } },
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
  ...PLAIN_FAMILIES,
  ...HYBRID_FAMILIES,
  mamba: pureMamba,
  mamba2: pureMamba2,
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
