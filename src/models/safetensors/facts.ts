import type { ModelConfig } from '../config/facts.js'
import type { ModelFacts } from '../facts.js'
import type { StoredTensor } from './header.js'

// Weights counted from what is on disk, by the names that transformers gives them, as GGUF files are counted by those of
// llama.cpp: what has two dimensions or more multiplies a token, unless it is looked up.

const TOKEN_TABLE = /(^|\.)(embed_tokens|wte|word_embeddings|embeddings|tok_embeddings|embed_in)\.weight$/
const LOOKED_UP =
  /(^|\.)(embed_tokens|wte|wpe|word_embeddings|embeddings|tok_embeddings|embed_in|embed_positions|embed_tokens_per_layer|position_embeddings)\.weight$/
const OUTPUT = /(^|\.)(lm_head|embed_out)\.(weight|qweight)$|^output\.weight$/
const EXPERT = /\.experts\.|\.block_sparse_moe\.(input|output)_linear\./
/** Parts that see or hear. */
const OTHER_SENSES =
  /(^|\.)(vision_\w+|visual|image_\w+|audio_\w+|embed_vision|embed_audio|multi_modal_projector|mm_projector|multi_modal_\w+)\./
/** Predicts further tokens ahead, and is not run. */
const AHEAD = /(^|\.)mtp\./
const LAYER = /(?:^|\.)layers\.(\d+)\./
const KEYS = /\.self_attn\.(k|v)_proj\./
/** Constants that were saved with the weights. */
const CONSTANT =
  /\.(inv_freq|rotary_emb\.\w+|masked_bias|e_score_correction_bias|position_ids)$|\.(attn|attention)\.bias$/
/** What belongs to packed weights: scales, zeros, orders. */
const PACKING =
  /(\.(scales|qzeros|g_idx|SCB|weight_format|absmax|quant_map|nested_\w+|quant_state\.\w+|weight_scale\w*|weight_zero_point|weight_shape|weight_g_idx|weight_global_scale|input_scale|input_global_scale|k_scale|v_scale|weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\.\w+))|_scales)$/
const NORM = /norm[\w]*\.weight$/

interface Counted {
  total: number
  embedding: number
  active: number
}

/** The parameters of a model by its stored tensors; null fields have their reasons beside them. */
export function storedParameters(
  tensors: readonly StoredTensor[],
  config: ModelConfig,
  { experts, tied }: Pick<ModelFacts, 'experts'> & { tied: boolean | null },
): { parameters: ModelFacts['parameters']; tied: boolean; reasons: Record<string, string> } {
  const names = new Set(tensors.map(({ name }) => name))
  const own = tensors.filter(({ name }) => !CONSTANT.test(name) && !PACKING.test(name))
  const hasOutput = own.some(({ name }) => OUTPUT.test(name))
  const isTied = tied ?? !hasOutput
  const counted: Counted = { total: 0, embedding: 0, active: 0 }
  let routed = 0
  for (const tensor of own) {
    const weights = logicalWeights(tensor, config, names)
    if (weights === null) return unknown(isTied, `it is not known how ${tensor.name} is packed`)
    // Some save the output projection beside the table that it is.
    if (isTied && OUTPUT.test(tensor.name)) continue
    counted.total += weights
    if (OTHER_SENSES.test(tensor.name) || !isRun(tensor.name, config)) continue
    if (LOOKED_UP.test(tensor.name)) {
      counted.embedding += weights
      if (isTied && TOKEN_TABLE.test(tensor.name)) counted.active += weights
    } else if (isMatrix(tensor)) {
      if (EXPERT.test(tensor.name)) routed += weights
      else counted.active += weights
    }
  }
  const { total, embedding } = counted
  if (routed > 0 && experts === null)
    return {
      parameters: { total, embedding, non_embedding_active: null },
      tied: isTied,
      reasons: { non_embedding_active: 'it has experts, but does not say how many are used' },
    }
  const used = experts === null ? 0 : (routed * experts.used) / experts.count
  const non_embedding_active = counted.active + Math.round(used)
  return { parameters: { total, embedding, non_embedding_active }, tied: isTied, reasons: {} }
}

function unknown(tied: boolean, reason: string) {
  return {
    parameters: { total: null, embedding: null, non_embedding_active: null },
    tied,
    reasons: { parameters: reason },
  }
}

/** How many layers are stored, of those that run; null where their names have no numbers. */
export function layersIn(tensors: readonly StoredTensor[]): number | null {
  const found = new Set(
    tensors.flatMap(({ name }) => (AHEAD.test(name) ? [] : (LAYER.exec(name)?.[1] ?? []))),
  )
  return found.size === 0 ? null : found.size
}

function isRun(name: string, config: ModelConfig): boolean {
  if (AHEAD.test(name)) return false
  const layer = LAYER.exec(name)?.[1]
  const { num_hidden_layers: count, num_kv_shared_layers: shared } = config
  if (layer === undefined || typeof count !== 'number') return true
  // The last layers of Gemma 3n take keys and values of earlier ones; their own are stored and not run.
  const withoutKeys = KEYS.test(name) && typeof shared === 'number' ? shared : 0
  return Number(layer) < count - withoutKeys
}

/** Biases of experts, and norms of several groups, have two dimensions and are no matrices. */
function isMatrix({ name, shape }: StoredTensor): boolean {
  return shape.length > 1 && !/bias$/.test(name) && !NORM.test(name)
}

/** How many weights a tensor has, packed ones as many as they stand for; null where it is not known. */
function logicalWeights(
  { name, dtype, shape }: StoredTensor,
  config: ModelConfig,
  names: ReadonlySet<string>,
): number | null {
  const elements = shape.reduce((product, size) => product * size, 1)
  if (dtype !== 'U8' && dtype !== 'I32') return elements
  if (/\.qweight$|\.weight_packed$/.test(name) && dtype === 'I32') {
    const bits = packedBits(config)
    return bits === null ? null : (elements * 32) / bits
  }
  const isFourBit =
    /_blocks$|\.weight_packed$/.test(name) ||
    [`${name}.absmax`, `${name}_scale`, `${name.replace(/weight$/, 'weight_scale')}`].some((each) =>
      names.has(each),
    )
  return dtype === 'U8' && isFourBit ? 2 * elements : null
}

/** Bits of a packed weight, as AWQ, GPTQ and compressed-tensors say. */
function packedBits(config: ModelConfig): number | null {
  const quantised = (config.quantization_config ?? {}) as Record<string, unknown>
  const groups = Object.values(
    (quantised.config_groups ?? {}) as Record<string, { weights?: { num_bits?: unknown } }>,
  )
  const bits = [quantised.bits, quantised.w_bit, ...groups.map(({ weights }) => weights?.num_bits)]
  return bits.find((each): each is number => typeof each === 'number' && each > 0 && each <= 16) ?? null
}
