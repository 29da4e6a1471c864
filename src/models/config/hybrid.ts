import { type Blocks, boolean, type Family, type Layer, lacking, number } from './blocks.js'
import { attentionOf, type Decoder } from './decoder.js'
import { type Experts, expertsOf, expertWeights, gated } from './experts.js'
import type { ModelConfig } from './facts.js'
import { gatedDelta, type Mixer, mamba1, mamba2, prefixedMamba2 } from './state.js'

// Models in which some layers attend and others keep a state, or each does both.

/** What of one layer there is. */
interface Parts {
  attends: boolean
  mixer: Mixer | null
  /** What comes behind attention or mixer. */
  feedForward: readonly Layer[]
  /** Numbers of its norms. */
  norms: number
}

interface Hybrid {
  tied: boolean
  attention: Decoder
  experts?: Experts
  /** The config's key of how wide the MLP is; absent: `intermediate_size`. */
  width?: string
  layers(config: ModelConfig, sizes: Sizes): Parts[] | string
}

interface Sizes {
  hidden: number
  count: number
  /** A gated MLP of the config's width. */
  mlp: Layer
  /** Router and experts; null where the model has none. */
  sparse: Layer | null
}

function hybrid(family: Hybrid): Family {
  return (config, whole): Blocks | string => {
    const hidden = number(config.hidden_size)
    const heads = number(config.num_attention_heads)
    const count = number(config.num_hidden_layers)
    const vocab = number(config.vocab_size)
    if (hidden === null || heads === null || count === null || vocab === null)
      return lacking(config, ['hidden_size', 'num_attention_heads', 'num_hidden_layers', 'vocab_size'])
    const feedForward = number(config[family.width ?? 'intermediate_size']) ?? 0
    const experts = family.experts === undefined ? null : expertsOf(config, family.experts)
    if (typeof experts === 'string') return experts
    const attention = attentionOf(config, family.attention, hidden, heads)
    if (typeof attention === 'string') return attention
    const hasExperts = experts !== null && experts.count > 1
    const parts = family.layers(config, {
      ...{ hidden, count, mlp: same(gated(hidden, feedForward)) },
      sparse: hasExperts ? expertWeights(hidden, experts) : null,
    })
    if (typeof parts === 'string') return parts
    const mixers = parts.flatMap(({ mixer }) => mixer ?? [])
    const attending = parts.filter(({ attends }) => attends).length
    return {
      ...{ hidden, vocab, positions: 0, finalNorm: hidden, feedForward },
      tied: boolean(config.tie_word_embeddings) ?? boolean(whole.tie_word_embeddings) ?? family.tied,
      layers: parts.map((part) => layerOf(part, attention)),
      experts: hasExperts ? { count: experts.count, used: experts.used } : null,
      attention: {
        n_layers: attending,
        n_heads: heads,
        n_kv_heads: attention.kvHeads,
        head_dim: attention.headDim,
        sliding: null,
        state: mixers[0] === undefined ? null : { layers: mixers.length, values: mixers[0].values },
      },
      contextLength: number(config.max_position_embeddings),
    }
  }
}

function layerOf({ attends, mixer, feedForward, norms }: Parts, attention: Layer): Layer {
  const all = [...(attends ? [attention] : []), ...(mixer === null ? [] : [mixer]), ...feedForward]
  return {
    stored: all.reduce((sum, { stored }) => sum + stored, norms),
    active: all.reduce((sum, { active }) => sum + active, 0),
  }
}

/** Weights that are all matrices. */
function same(weights: number): Layer {
  return { stored: weights, active: weights }
}

/** The kinds of the layers, as the config lists them under one of these keys; null where it does not. */
function kindsOf(config: ModelConfig, ...keys: string[]): string[] | null {
  const list = keys.map((key) => config[key]).find(Array.isArray)
  return list === undefined ? null : list.map(String)
}

const qwen3Next = hybrid({
  tied: false,
  attention: { kvHeads: 2, headDim: 256, qkNorm: 'head', gatedQueries: true, mayHaveBias: true },
  experts: {
    width: 'moe_intermediate_size',
    defaults: { count: 512, used: 10, width: 512 },
    shared: { width: 'shared_expert_intermediate_size', defaultWidth: 512, gated: true },
  },
  layers(config, { hidden, count, mlp, sparse }) {
    const every = number(config.full_attention_interval) ?? 4
    const kinds = kindsOf(config, 'layer_types')
    const mixer = gatedDelta(config, hidden)
    const dense = Array.isArray(config.mlp_only_layers) ? config.mlp_only_layers : []
    const step = number(config.decoder_sparse_step) ?? 1
    return Array.from({ length: count }, (_, index) => {
      const attends = kinds === null ? (index + 1) % every === 0 : kinds[index] === 'full_attention'
      const isSparse = !dense.includes(index) && (index + 1) % step === 0
      return {
        attends,
        mixer: attends ? null : mixer,
        feedForward: [isSparse && sparse !== null ? sparse : mlp],
        norms: 2 * hidden,
      }
    })
  },
})

const granite = hybrid({
  tied: true,
  attention: { mayHaveBias: true },
  width: 'shared_intermediate_size',
  experts: {
    width: 'intermediate_size',
    defaults: { count: 8, used: 2, width: 0 },
    shared: { width: 'shared_intermediate_size', defaultWidth: 1024 },
  },
  layers(config, { hidden, count, mlp, sparse }) {
    const kinds = kindsOf(config, 'layers_block_type', 'layer_types')
    const inner = (number(config.mamba_expand) ?? 2) * hidden
    const mixer = prefixedMamba2(config, hidden, inner, true)
    return Array.from({ length: count }, (_, index) => {
      // Where none is listed, all are of Mamba.
      const attends = kinds !== null && /attention/.test(kinds[index] ?? '')
      return { attends, mixer: attends ? null : mixer, feedForward: [sparse ?? mlp], norms: 2 * hidden }
    })
  },
})

const falconH1 = hybrid({
  tied: false,
  attention: { kvHeads: 8, mayHaveBias: true },
  layers(config, { hidden, count, mlp }) {
    const inner = number(config.mamba_d_ssm) ?? (number(config.mamba_expand) ?? 2) * hidden
    const mixer = prefixedMamba2(config, hidden, inner, config.mamba_rms_norm === true)
    return Array.from({ length: count }, () => {
      return { attends: true, mixer, feedForward: [mlp], norms: 2 * hidden }
    })
  },
})

const jamba = hybrid({
  tied: false,
  attention: { kvHeads: 8 },
  experts: { width: 'intermediate_size', defaults: { count: 16, used: 2, width: 14336 } },
  layers(config, { hidden, count, mlp, sparse }) {
    const attendsAt = everyNth(config, 'attn_layer_period', 8, 'attn_layer_offset', 4)
    const isSparseAt = everyNth(config, 'expert_layer_period', 2, 'expert_layer_offset', 1)
    const mixer = mamba1({
      hidden,
      inner: (number(config.mamba_expand) ?? 2) * hidden,
      state: number(config.mamba_d_state) ?? 16,
      rank: number(config.mamba_dt_rank) ?? Math.ceil(hidden / 16),
      kernel: number(config.mamba_d_conv) ?? 4,
      biased: config.mamba_proj_bias === true,
      convBiased: config.mamba_conv_bias !== false,
      normed: true,
    })
    return Array.from({ length: count }, (_, index) => {
      const attends = attendsAt(index)
      const feedForward = [isSparseAt(index) && sparse !== null ? sparse : mlp]
      return { attends, mixer: attends ? null : mixer, feedForward, norms: 2 * hidden }
    })
  },
})

function everyNth(config: ModelConfig, period: string, each: number, offset: string, from: number) {
  const [every, first] = [number(config[period]) ?? each, number(config[offset]) ?? from]
  return (index: number) => index % every === first
}

const nemotronH = hybrid({
  tied: false,
  attention: { kvHeads: 8, headDim: 128, mayHaveBias: true },
  layers(config, { hidden, mlp }) {
    const pattern = config.hybrid_override_pattern
    const kinds = typeof pattern === 'string' ? [...pattern] : kindsOf(config, 'layers_block_type')
    if (kinds === null) return lacking(config, ['hybrid_override_pattern'])
    const odd = kinds.find((kind) => !NEMOTRON_KINDS.has(kind))
    if (odd !== undefined) return `config.json has layers of the kind ${odd}, which llem does not know`
    const mixer = mamba2({
      hidden,
      heads: number(config.mamba_num_heads) ?? 128,
      headDim: number(config.mamba_head_dim) ?? 64,
      groups: number(config.n_groups) ?? 8,
      state: number(config.ssm_state_size) ?? 128,
      kernel: number(config.conv_kernel) ?? 4,
      biased: config.use_bias === true || config.mamba_proj_bias === true,
      convBiased: config.use_conv_bias !== false,
      normed: true,
    })
    // Its MLP has no gate: up and down are two thirds of one that has.
    const plain = same((2 * mlp.active) / 3)
    return kinds.map((kind) => {
      const does = NEMOTRON_KINDS.get(kind)
      return {
        attends: does === 'attention',
        mixer: does === 'mamba' ? mixer : null,
        feedForward: does === 'mlp' ? [plain] : [],
        norms: hidden,
      }
    })
  },
})

const NEMOTRON_KINDS: ReadonlyMap<string, 'mamba' | 'attention' | 'mlp'> = new Map([
  ['M', 'mamba'],
  ['*', 'attention'],
  ['-', 'mlp'],
  ['mamba', 'mamba'],
  ['attention', 'attention'],
  ['mlp', 'mlp'],
] as const)

export const HYBRID_FAMILIES: Readonly<Record<string, Family>> = {
  qwen3_next: qwen3Next,
  granitemoehybrid: granite,
  falcon_h1: falconH1,
  jamba,
  nemotron_h: nemotronH,
}
