import type { ModelFacts } from '../facts.js'
import type { GgufArray, GgufHeader, GgufValue } from './header.js'

// How the layers of a GGUF model attend. The file has the sizes; which layers have a window is in llama.cpp's code for
// each architecture (src/llama-model.cpp), and which attend at all is seen by their tensors.

type Attention = NonNullable<ModelFacts['attention']>

/** Every so many layers one sees the whole context, the others a window; 1: none does. */
const FULL_EVERY: Readonly<Record<string, number>> = {
  gemma2: 2,
  gemma3: 6,
  gemma3n: 5,
  cohere2: 4,
  'gpt-oss': 2,
  olmo2: 4,
  exaone4: 4,
  phi3: 0,
}
/** Llama 4: layers with positions see their own chunk. */
const CHUNKED_EVERY: Readonly<Record<string, number>> = { llama4: 4 }
const CHUNK_TOKENS = 8192
const LAYER = /^blk\.(\d+)\.(attn_output|ssm_)/

/** The shape of the attention, or null and why in `reasons`. */
export function ggufAttention(header: GgufHeader, reasons: Record<string, string>): ModelFacts['attention'] {
  const architecture = header.metadata.get('general.architecture')
  const of = (key: string) => header.metadata.get(`${String(architecture)}.${key}`)
  const missing = (key: string) => {
    const value = of(key)
    reasons.attention = `${String(architecture)}.${key} is ${value === undefined ? 'absent' : 'not one number'}`
    return null
  }
  const blocks = numberIn(of('block_count'))
  if (blocks === null) return missing('block_count')
  const { attending, withState } = layersOf(header, blocks - (numberIn(of('nextn_predict_layers')) ?? 0))
  const values = (numberIn(of('ssm.inner_size')) ?? 0) * (numberIn(of('ssm.state_size')) ?? 0)
  const state = withState > 0 && values > 0 ? { layers: withState, values } : null
  if (attending === 0 && state !== null)
    return { ...{ n_layers: 0, n_heads: 0, n_kv_heads: 0, head_dim: 0, sliding: null }, state }
  const heads = uniform(of('attention.head_count'))
  if (heads === null) return missing('attention.head_count')
  if (heads === 0) {
    reasons.attention = 'the model has no attention heads'
    return null
  }
  const sizes = headSizes(of, heads)
  if (typeof sizes === 'string') {
    reasons.attention = sizes
    return null
  }
  return {
    ...{ n_layers: attending, n_heads: heads, ...sizes },
    ...windowOf(String(architecture), of, attending, reasons),
    ...(state !== null && { state }),
  }
}

/** Layers that attend, and layers that keep a state, by what they have. */
function layersOf({ tensors }: GgufHeader, run: number): { attending: number; withState: number } {
  const [attending, withState] = [new Set<string>(), new Set<string>()]
  for (const { name } of tensors) {
    const [, block, kind] = LAYER.exec(name) ?? []
    if (block === undefined || Number(block) >= run) continue
    if (kind === 'ssm_') withState.add(block)
    else attending.add(block)
  }
  const known = attending.size + withState.size > 0
  return { attending: known ? attending.size : run, withState: withState.size }
}

type Setting = (key: string) => GgufValue | undefined

/** How many key and value heads there are, and how large a head is; a sentence where that differs by layer. */
function headSizes(of: Setting, heads: number): Pick<Attention, 'n_kv_heads' | 'head_dim'> | string {
  // Keys and values from one latent vector: the file has their sizes as they are cached, and as they are multiplied.
  const latent = [numberIn(of('attention.key_length_mla')), numberIn(of('attention.value_length_mla'))]
  const [keyMla = null, valueMla = null] = latent
  if (keyMla !== null && valueMla !== null)
    return { n_kv_heads: heads, head_dim: Math.floor((keyMla + valueMla) / 2) }
  const written = of('attention.head_count_kv')
  const kvHeads = written === undefined ? heads : uniform(written)
  if (kvHeads === null) return 'key and value heads differ by layer'
  const hidden = numberIn(of('embedding_length'))
  const key = numberIn(of('attention.key_length'))
  const value = numberIn(of('attention.value_length')) ?? key
  if (key !== null && value !== null) return { n_kv_heads: kvHeads, head_dim: Math.floor((key + value) / 2) }
  if (hidden === null) return 'the head size is unknown'
  return { n_kv_heads: kvHeads, head_dim: Math.floor(hidden / heads) }
}

/** Layers that see less than the whole context. */
function windowOf(
  architecture: string,
  of: Setting,
  layers: number,
  reasons: Record<string, string>,
): Pick<Attention, 'sliding' | 'chunked'> {
  const chunkedEvery = CHUNKED_EVERY[architecture]
  if (chunkedEvery !== undefined) {
    const size = numberIn(of('attention.chunk_size')) ?? CHUNK_TOKENS
    return { chunked: { size, layers: layers - Math.floor(layers / chunkedEvery) } }
  }
  const window = numberIn(of('attention.sliding_window'))
  if (window === null || window === 0) return {}
  const pattern = of('attention.sliding_window_pattern')
  const listed = numbersIn(pattern)
  if (listed !== null) return { sliding: { window, layers: listed.filter((has) => has !== 0).length } }
  const every = numberIn(pattern) ?? FULL_EVERY[architecture]
  if (every === undefined) {
    reasons['attention.sliding'] =
      `the file does not say which layers attend to the last ${window} tokens only`
    return {}
  }
  return { sliding: { window, layers: every === 0 ? layers : layers - Math.floor(layers / every) } }
}

function numberIn(value: GgufValue | undefined): number | null {
  return typeof value === 'number' ? value : null
}

function numbersIn(value: GgufValue | undefined): readonly number[] | null {
  return isArray(value) ? value.numbers : null
}

/** A number, or the one number that layers repeat; 0 is a layer that does not attend. */
function uniform(value: GgufValue | undefined): number | null {
  if (typeof value === 'number') return value
  const numbers = numbersIn(value)?.filter((number) => number !== 0)
  const [first] = numbers ?? []
  return first !== undefined && numbers?.every((number) => number === first) ? first : null
}

function isArray(value: GgufValue | undefined): value is GgufArray {
  return typeof value === 'object'
}
