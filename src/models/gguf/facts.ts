import type { ModelFacts } from '../facts.js'
import { ggufAttention } from './attention.js'
import type { GgufHeader, GgufTensor, GgufValue } from './header.js'
import { fileTypeName, ggmlType } from './types.js'

// Tensor names are llama.cpp's (gguf-py/gguf/constants.py). What multiplies a token is told by shape and name:
// tensors of two or more dimensions are matrices, unless they are looked up.

/** Looked up by token or position, never multiplied. */
const LOOKED_UP = /^(token_embd|position_embd|token_types|per_layer_token_embd)\.weight$/
/** Constants that llama.cpp stores as tensors; no parameters. */
const CONSTANT = /(^|\.)rope_(freqs|factors_long|factors_short)\.weight$/
/** One tensor with all experts, or, in older files, one tensor per expert. Shared experts (`_shexp`) always run. */
const EXPERT = /\.ffn_\w+_exps\.|\.ffn_(gate|up|down)\.\d+\./
const NORM = /norm\.weight$/
const KEYS = /\.attn_(k|v)\./
const BLOCK = /^blk\.(\d+)\./
const ENCODER_DECODER = /^(enc|dec)\./

/** What a GGUF header tells for a FLOPs estimate. */
export function ggufFacts(header: GgufHeader): ModelFacts {
  const reasons: Record<string, string> = {}
  const architecture = text(header.metadata.get('general.architecture'))
  if (architecture === null) reasons.architecture = 'the file does not say general.architecture'
  /** A number under the architecture's own prefix; null with a reason where it is absent or differs by layer. */
  const setting = (key: string, field: string): number | null => {
    const value = header.metadata.get(`${architecture}.${key}`)
    const number = value === undefined ? null : one(value)
    if (number === null) {
      reasons[field] = `${architecture}.${key} is ${value === undefined ? 'absent' : 'not one number'}`
    }
    return number
  }
  const tensors = header.tensors.filter(({ name }) => !CONSTANT.test(name))
  const table = tensors.find(({ name }) => name === 'token_embd.weight')
  const tied = table === undefined ? null : !tensors.some(({ name }) => name === 'output.weight')
  if (tied === null) reasons.tied_embeddings = 'the file has no token_embd.weight'
  const experts = expertsOf(header, architecture)
  return {
    architecture,
    parameters: {
      total: sum(tensors),
      embedding: sum(tensors.filter(({ name }) => LOOKED_UP.test(name))),
      non_embedding_active: activeParameters(
        header,
        { tensors, table, tied, experts, architecture },
        reasons,
      ),
    },
    tied_embeddings: tied,
    experts,
    attention: ggufAttention(header, reasons),
    vocab_size: table?.dimensions[1] ?? setting('vocab_size', 'vocab_size'),
    hidden_size: setting('embedding_length', 'hidden_size'),
    feed_forward_size: setting('feed_forward_length', 'feed_forward_size'),
    context_length: setting('context_length', 'context_length'),
    reasons,
  }
}

/** The type of most weights, and the name of the quantisation, null where the weights are not quantised. */
export function ggufWeightTypes(header: GgufHeader): { dtype: string | null; quantisation: string | null } {
  const elements = new Map<number, number>()
  for (const tensor of header.tensors) {
    elements.set(tensor.typeId, (elements.get(tensor.typeId) ?? 0) + tensor.elements)
  }
  const [most] = [...elements].sort((a, b) => b[1] - a[1])
  const dtype = most === undefined ? null : (ggmlType(most[0])?.name ?? null)
  const fileType = header.metadata.get('general.file_type')
  const named = typeof fileType === 'number' ? fileTypeName(fileType) : null
  const scheme = named ?? dtype
  return { dtype, quantisation: scheme !== null && /^B?F(16|32|64)$/.test(scheme) ? null : scheme }
}

interface Weights {
  tensors: readonly GgufTensor[]
  table: GgufTensor | undefined
  tied: boolean | null
  experts: ModelFacts['experts']
  architecture: string | null
}

function activeParameters(
  header: GgufHeader,
  weights: Weights,
  reasons: Record<string, string>,
): number | null {
  const { tensors, table, tied, experts, architecture } = weights
  const refuse = (why: string) => {
    reasons.non_embedding_active = why
    return null
  }
  if (table === undefined) return refuse('the file has no token_embd.weight')
  if (tensors.some(({ name }) => ENCODER_DECODER.test(name))) {
    return refuse('in an encoder-decoder, prompt and answer run through different weights')
  }
  const hasExperts = tensors.some(({ name }) => EXPERT.test(name))
  if (hasExperts && experts === null) return refuse('it has experts, but does not say how many are used')
  // Blocks that only predict further tokens ahead (DeepSeek's MTP) are stored last and not run.
  const blocks = number(header.metadata.get(`${architecture}.block_count`))
  const ahead = number(header.metadata.get(`${architecture}.nextn_predict_layers`)) ?? 0
  // The last blocks of Gemma 3n take keys and values of earlier ones; their own are stored and not run.
  const shared = number(header.metadata.get(`${architecture}.attention.shared_kv_layers`)) ?? 0
  const runs = (name: string) => {
    const block = BLOCK.exec(name)?.[1]
    if (block === undefined || blocks === null) return true
    const last = blocks - ahead - (KEYS.test(name) ? shared : 0)
    return Number(block) < last
  }
  let active = tied ? table.elements : 0
  for (const { name, dimensions, elements } of tensors) {
    // A norm of several groups, or a number for each head, has a second dimension and is no matrix.
    const isMatrix = dimensions.filter((size) => size > 1).length > 1 && !NORM.test(name)
    if (!isMatrix || LOOKED_UP.test(name) || !runs(name)) continue
    active += experts !== null && EXPERT.test(name) ? (elements * experts.used) / experts.count : elements
  }
  return Math.round(active)
}

function expertsOf(header: GgufHeader, architecture: string | null): ModelFacts['experts'] {
  const count = number(header.metadata.get(`${architecture}.expert_count`))
  const used = number(header.metadata.get(`${architecture}.expert_used_count`))
  return count !== null && used !== null && count > 0 && used > 0 ? { count, used } : null
}

function sum(tensors: readonly GgufTensor[]): number {
  return tensors.reduce((total, { elements }) => total + elements, 0)
}

function text(value: GgufValue | undefined): string | null {
  return typeof value === 'string' ? value : null
}

function number(value: GgufValue | undefined): number | null {
  return typeof value === 'number' ? value : null
}

/** A number, or the one number that a per-layer array repeats. */
function one(value: GgufValue): number | null {
  if (typeof value === 'number') return value
  if (typeof value !== 'object' || value.numbers === null) return null
  const [first] = value.numbers
  return first !== undefined && value.numbers.every((item) => item === first) ? first : null
}
