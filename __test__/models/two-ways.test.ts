import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { attentionFlops } from '../../dist/models/attention-flops.js'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import type { ModelFacts } from '../../dist/models/facts.js'
import { factsOfLoadable, factsOfModelFolder } from '../../dist/models/folder.js'
import { GgufCursor } from '../../dist/models/gguf/cursor.js'
import { ggufFacts } from '../../dist/models/gguf/facts.js'
import { readGgufHeader } from '../../dist/models/gguf/header.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { type FakeTensor, ggufBytes } from './gguf-bytes.js'

// One model by its config.json, by a GGUF file and by its safetensors files has the same numbers.

type Shape = [name: string, dimensions: number[]]

const DEEPSEEK_V2_LITE = {
  model_type: 'deepseek_v2',
  ...{ hidden_size: 2048, intermediate_size: 10944, num_hidden_layers: 27, vocab_size: 102400 },
  ...{ num_attention_heads: 16, num_key_value_heads: 16, q_lora_rank: null, kv_lora_rank: 512 },
  ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128, moe_intermediate_size: 1408 },
  ...{ n_routed_experts: 64, n_shared_experts: 2, num_experts_per_tok: 6, first_k_dense_replace: 1 },
}
const GEMMA_4B = {
  model_type: 'gemma3',
  text_config: {
    ...{ hidden_size: 2560, intermediate_size: 10240, model_type: 'gemma3_text' },
    ...{ num_hidden_layers: 34, sliding_window: 1024 },
  },
  vision_config: { model_type: 'siglip_vision_model' },
}
const SCOUT = {
  model_type: 'llama4',
  text_config: {
    ...{
      model_type: 'llama4_text',
      hidden_size: 5120,
      intermediate_size: 8192,
      intermediate_size_mlp: 16384,
    },
    ...{ num_hidden_layers: 48, num_attention_heads: 40, num_key_value_heads: 8, head_dim: 128 },
    ...{ num_local_experts: 16, num_experts_per_tok: 1, interleave_moe_layer_step: 1, vocab_size: 202048 },
    ...{ attention_chunk_size: 8192, tie_word_embeddings: false },
  },
}
const GRANITE_TINY = {
  model_type: 'granitemoehybrid',
  ...{ hidden_size: 1536, intermediate_size: 512, shared_intermediate_size: 1024, num_hidden_layers: 40 },
  ...{ num_attention_heads: 12, num_key_value_heads: 4, vocab_size: 100352, num_local_experts: 64 },
  ...{ num_experts_per_tok: 6, mamba_n_heads: 48, mamba_d_head: 64, mamba_d_state: 128, mamba_n_groups: 1 },
  layer_types: Array.from({ length: 40 }, (_, index) => (index % 10 === 5 ? 'attention' : 'mamba')),
}

function factsOfGguf(
  architecture: string,
  settings: Record<string, number | number[]>,
  table: [hidden: number, vocab: number],
  block: (layer: number) => Shape[],
  layers: number,
  outside: Shape[] = [],
): ModelFacts {
  const metadata = Object.fromEntries(
    Object.entries({ block_count: layers, embedding_length: table[0], ...settings }).map(([key, value]) => [
      `${architecture}.${key}`,
      value,
    ]),
  )
  const tensors: FakeTensor[] = [
    { name: 'token_embd.weight', dimensions: table },
    ...Array.from({ length: layers }, (_, layer) =>
      block(layer).map(([name, dimensions]) => ({ name: `blk.${layer}.${name}.weight`, dimensions })),
    ).flat(),
    { name: 'output_norm.weight', dimensions: [table[0]] },
    ...outside.map(([name, dimensions]) => ({ name: `${name}.weight`, dimensions })),
  ]
  const bytes = ggufBytes({ 'general.architecture': architecture, ...metadata }, tensors)
  return ggufFacts(readGgufHeader(GgufCursor.ofBuffer(bytes)))
}

const gatedMlp = (hidden: number, width: number, suffix = ''): Shape[] => [
  [`ffn_gate${suffix}`, [hidden, width]],
  [`ffn_up${suffix}`, [hidden, width]],
  [`ffn_down${suffix}`, [width, hidden]],
]
const expertMlp = (hidden: number, width: number, count: number): Shape[] =>
  gatedMlp(hidden, width, '_exps').map(([name, dimensions]) => [name, [...dimensions, count]])

function deepseek(settings: Record<string, number>): ModelFacts {
  const attention: Shape[] = [
    ['attn_norm', [2048]],
    ['attn_q', [2048, 3072]],
    ['attn_kv_a_mqa', [2048, 576]],
    ['attn_kv_a_norm', [512]],
    ['attn_kv_b', [512, 4096]],
    ['attn_output', [2048, 2048]],
    ['ffn_norm', [2048]],
  ]
  const block = (layer: number) => [
    ...attention,
    ...(layer === 0
      ? gatedMlp(2048, 10944)
      : [
          ...expertMlp(2048, 1408, 64),
          ...gatedMlp(2048, 2816, '_shexp'),
          ['ffn_gate_inp', [2048, 64]] as Shape,
        ]),
  ]
  const experts = { expert_count: 64, expert_used_count: 6 }
  const heads = { 'attention.head_count': 16, feed_forward_length: 10944 }
  return factsOfGguf('deepseek2', { ...experts, ...heads, ...settings }, [2048, 102400], block, 27, [
    ['output', [2048, 102400]],
  ])
}

const gemma = () =>
  factsOfGguf(
    'gemma3',
    {
      ...{ 'attention.head_count': 8, 'attention.head_count_kv': 4, 'attention.key_length': 256 },
      ...{ 'attention.value_length': 256, 'attention.sliding_window': 1024, feed_forward_length: 10240 },
    },
    [2560, 262208],
    () => [
      ...['attn_norm', 'post_attention_norm', 'ffn_norm', 'post_ffw_norm'].map(
        (name): Shape => [name, [2560]],
      ),
      ['attn_q_norm', [256]],
      ['attn_k_norm', [256]],
      ['attn_q', [2560, 2048]],
      ['attn_k', [2560, 1024]],
      ['attn_v', [2560, 1024]],
      ['attn_output', [2048, 2560]],
      ...gatedMlp(2560, 10240),
    ],
    34,
  )

const scout = () =>
  factsOfGguf(
    'llama4',
    {
      ...{ 'attention.head_count': 40, 'attention.head_count_kv': 8, 'attention.key_length': 128 },
      ...{
        'attention.value_length': 128,
        expert_count: 16,
        expert_used_count: 1,
        feed_forward_length: 16384,
      },
    },
    [5120, 202048],
    () => [
      ['attn_norm', [5120]],
      ['ffn_norm', [5120]],
      ['attn_q', [5120, 5120]],
      ['attn_k', [5120, 1024]],
      ['attn_v', [5120, 1024]],
      ['attn_output', [5120, 5120]],
      ['ffn_gate_inp', [5120, 16]],
      ...expertMlp(5120, 8192, 16),
      ...gatedMlp(5120, 8192, '_shexp'),
    ],
    48,
    [['output', [5120, 202048]]],
  )

const granite = () =>
  factsOfGguf(
    'granitehybrid',
    {
      ...{ 'attention.head_count': 12, feed_forward_length: 512, expert_count: 64, expert_used_count: 6 },
      'attention.head_count_kv': Array.from({ length: 40 }, (_, layer) => (layer % 10 === 5 ? 4 : 0)),
      ...{ 'ssm.inner_size': 3072, 'ssm.state_size': 128, 'ssm.group_count': 1, 'ssm.conv_kernel': 4 },
    },
    [1536, 100352],
    (layer) => [
      ['attn_norm', [1536]],
      ['ffn_norm', [1536]],
      ...(layer % 10 === 5
        ? ([
            ['attn_q', [1536, 1536]],
            ['attn_k', [1536, 512]],
            ['attn_v', [1536, 512]],
            ['attn_output', [1536, 1536]],
          ] as Shape[])
        : ([
            ['ssm_in', [1536, 6448]],
            ['ssm_conv1d', [4, 3328]],
            ['ssm_a', [1, 48]],
            ['ssm_d', [1, 48]],
            ['ssm_norm', [3072, 1]],
            ['ssm_out', [3072, 1536]],
          ] as Shape[])),
      ['ffn_gate_inp', [1536, 64]],
      ...expertMlp(1536, 512, 64),
      ...gatedMlp(1536, 1024, '_shexp'),
    ],
    40,
  )

describe('a GGUF file and config.json', () => {
  it.each<[string, () => ModelFacts, ModelConfig]>([
    [
      'DeepSeek-V2-Lite, keys and values as they are multiplied',
      () =>
        deepseek({
          'attention.head_count_kv': 16,
          'attention.key_length': 192,
          'attention.value_length': 128,
        }),
      DEEPSEEK_V2_LITE,
    ],
    [
      'DeepSeek-V2-Lite, keys and values as they are cached',
      () =>
        deepseek({
          ...{ 'attention.head_count_kv': 1, 'attention.key_length': 576, 'attention.value_length': 512 },
          ...{ 'attention.key_length_mla': 192, 'attention.value_length_mla': 128 },
        }),
      DEEPSEEK_V2_LITE,
    ],
    ['Gemma 3 4B', gemma, GEMMA_4B],
    ['Llama 4 Scout', scout, SCOUT],
    ['Granite 4 tiny', granite, GRANITE_TINY],
  ])('agree on %s', (_, gguf, config) => {
    const [stored, said] = [gguf(), configFacts(config)]
    expect(stored.parameters.non_embedding_active).toBe(said.parameters.non_embedding_active)
    expect(stored.parameters.embedding).toBe(said.parameters.embedding)
    expect(stored.reasons['attention.sliding']).toBeUndefined()
    for (const tokens of [1, 100, 5000, 20_000])
      expect(attentionFlops(stored.attention as NonNullable<ModelFacts['attention']>, tokens)).toBe(
        attentionFlops(said.attention as NonNullable<ModelFacts['attention']>, tokens),
      )
  })

  it('of DeepSeek-V2-Lite have the attention of heads of 160', () => {
    // Keys of 192 and values of 128: 27 layers, 16 heads, 1 + 2 + ... + 100 contexts, two products of two operations.
    expect(attentionFlops(configFacts(DEEPSEEK_V2_LITE).attention as never, 100)).toBe(
      4 * 27 * 16 * 160 * 5050,
    )
  })

  it('of Gemma 3 4B have 3.880e9 weights, and what config.json leaves out is told', () => {
    const facts = configFacts(GEMMA_4B)
    expect(facts.parameters.non_embedding_active).toBeCloseTo(3.88e9, -7)
    expect(facts.assumed?.join()).toContain('vocab_size 262208')
    expect(facts.assumed?.join()).toContain('num_attention_heads 8')
  })
})

type Stored = [name: string, dtype: string, shape: number[]]

/** Saves tensors without their data, over as many files as there are lists, with the index that transformers writes. */
function saved(config: object, ...files: Stored[][]): string {
  const folder = join(scratchFolder(), 'model')
  mkdirSync(folder)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
  const nameOf = (index: number) =>
    files.length === 1 ? 'model.safetensors' : `model-0000${index + 1}-of-0000${files.length}.safetensors`
  for (const [index, tensors] of files.entries()) {
    const head = Object.fromEntries(
      tensors.map(([name, dtype, shape]) => [name, { dtype, shape, data_offsets: [0, 0] }]),
    )
    const text = Buffer.from(JSON.stringify({ __metadata__: { format: 'pt' }, ...head }))
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    writeFileSync(join(folder, nameOf(index)), Buffer.concat([length, text]))
  }
  const map = Object.fromEntries(
    files.flatMap((tensors, index) => tensors.map(([name]) => [name, nameOf(index)])),
  )
  if (files.length > 1)
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  return folder
}

const LLAMA = {
  model_type: 'llama',
  ...{ hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2, vocab_size: 500 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, tie_word_embeddings: false },
}
const llamaLayer = (layer: number, dtype = 'BF16'): Stored[] =>
  (
    [
      ['self_attn.q_proj', [64, 64]],
      ['self_attn.k_proj', [32, 64]],
      ['self_attn.v_proj', [32, 64]],
      ['self_attn.o_proj', [64, 64]],
      ['mlp.gate_proj', [128, 64]],
      ['mlp.up_proj', [128, 64]],
      ['mlp.down_proj', [64, 128]],
      ['input_layernorm', [64]],
      ['post_attention_layernorm', [64]],
    ] as [string, number[]][]
  ).map(([name, shape]) => [`model.layers.${layer}.${name}.weight`, dtype, shape])
const AROUND: Stored[] = [
  ['model.embed_tokens.weight', 'BF16', [500, 64]],
  ['model.norm.weight', 'BF16', [64]],
  ['lm_head.weight', 'BF16', [500, 64]],
]

describe('safetensors files', () => {
  it('of a model that is known agree with its config.json, in one file and in several', () => {
    for (const files of [
      [[...llamaLayer(0), ...llamaLayer(1), ...AROUND]],
      [[...llamaLayer(0), ...AROUND], llamaLayer(1)],
    ])
      expect(factsOfModelFolder(saved(LLAMA, ...files))).toEqual(configFacts(LLAMA))
  })

  it('that have fewer layers than config.json says are not counted, and that is told', () => {
    const facts = factsOfModelFolder(saved(LLAMA, [...llamaLayer(0), ...AROUND]))
    expect(facts.parameters).toEqual(configFacts(LLAMA).parameters)
    expect(facts.assumed?.join()).toContain('has 2 layers where the weights on disk have 1')
  })

  it('of which a part is missing or short are no model to load', () => {
    const folder = saved(LLAMA, [...llamaLayer(0), ...AROUND], llamaLayer(1))
    expect(factsOfLoadable(folder)?.architecture).toBe('llama')
    const second = join(folder, 'model-00002-of-00002.safetensors')
    const head = readFileSync(second)
    const text = head.subarray(8).toString().replace('"data_offsets":[0,0]', '"data_offsets":[0,9]')
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(text.length))
    writeFileSync(second, Buffer.concat([length, Buffer.from(text)]))
    const bytes = 8 + text.length
    expect(() => factsOfLoadable(folder)).toThrow(
      `cannot be loaded because model-00002-of-00002.safetensors has ${bytes} bytes of the ${bytes + 9}`,
    )
    rmSync(second)
    expect(() => factsOfLoadable(folder)).toThrow(
      'because model-00002-of-00002.safetensors is not there, of 2 files',
    )
    const empty = saved(LLAMA, [...llamaLayer(0)])
    rmSync(join(empty, 'model.safetensors'))
    expect(() => factsOfLoadable(empty)).toThrow('because it has no weights')
  })

  it('do not count keys and values that the last layers take from earlier ones', () => {
    const files = [...llamaLayer(0), ...llamaLayer(1), ...AROUND]
    const active = (more: object) =>
      factsOfModelFolder(saved({ ...LLAMA, ...more }, files)).parameters.non_embedding_active ?? 0
    expect(active({}) - active({ num_kv_shared_layers: 1 })).toBe(2 * 32 * 64)
    const gguf = (shared: object) =>
      factsOfGguf(
        'gemma3n',
        { 'attention.head_count': 4, ...shared },
        [64, 500],
        () => [
          ['attn_q', [64, 64]],
          ['attn_k', [64, 32]],
          ['attn_v', [64, 32]],
          ['attn_output', [64, 64]],
        ],
        4,
      ).parameters.non_embedding_active ?? 0
    expect(gguf({}) - gguf({ 'attention.shared_kv_layers': 2 })).toBe(2 * 2 * 64 * 32)
  })

  it('count what config.json cannot: an unknown family', () => {
    const config = { ...LLAMA, model_type: 'martian' }
    const facts = factsOfModelFolder(saved(config, [...llamaLayer(0), ...llamaLayer(1), ...AROUND]))
    expect(facts.parameters).toEqual(configFacts(LLAMA).parameters)
    expect(facts.attention).toBeNull()
    expect(facts.reasons.attention).toContain('martian')
  })

  it('count experts as far as they run, and what sees not at all', () => {
    const config = {
      model_type: 'seer',
      text_config: { ...LLAMA, model_type: 'x', num_experts: 8, num_experts_per_tok: 2 },
    }
    const experts: Stored[] = [
      ['model.language_model.layers.0.mlp.experts.gate_up_proj', 'BF16', [8, 64, 96]],
      ['model.language_model.layers.0.mlp.experts.down_proj', 'BF16', [8, 48, 64]],
      ['model.language_model.layers.0.mlp.gate.weight', 'BF16', [8, 64]],
      ['model.visual.blocks.0.attn.qkv.weight', 'BF16', [96, 32]],
      ['model.language_model.layers.2.mlp.up_proj.weight', 'BF16', [64, 64]],
      ['model.language_model.embed_tokens.weight', 'BF16', [500, 64]],
      ['lm_head.weight', 'BF16', [500, 64]],
    ]
    const routed = 8 * 64 * 96 + 8 * 48 * 64
    const { parameters } = factsOfModelFolder(saved(config, experts))
    expect(parameters.total).toBe(routed + 512 + 96 * 32 + 64 * 64 + 2 * 500 * 64)
    expect(parameters.non_embedding_active).toBe(routed / 4 + 512 + 500 * 64)
  })

  it.each<[string, object, (stored: Stored) => Stored[]]>([
    [
      'GPTQ',
      { quant_method: 'gptq', bits: 4 },
      ([name, , [rows = 0, columns = 0]]) => [
        [name.replace('weight', 'qweight'), 'I32', [columns / 8, rows]],
        [name.replace('weight', 'scales'), 'F16', [1, rows]],
        [name.replace('weight', 'qzeros'), 'I32', [1, rows / 8]],
        [name.replace('weight', 'g_idx'), 'I32', [columns]],
      ],
    ],
    [
      'bitsandbytes',
      { quant_method: 'bitsandbytes', load_in_4bit: true },
      ([name, , [rows = 0, columns = 0]]) => [
        [name, 'U8', [(rows * columns) / 2, 1]],
        [`${name}.absmax`, 'F32', [rows]],
        [`${name}.quant_state.bitsandbytes__nf4`, 'U8', [80]],
      ],
    ],
    [
      'FP8',
      { quant_method: 'fp8' },
      ([name, , shape]) => [
        [name, 'F8_E4M3', shape],
        [`${name}_scale_inv`, 'F32', [1, 1]],
      ],
    ],
  ])('packed by %s count as what they stand for', (_, quantization_config, pack) => {
    const packed = [...llamaLayer(0), ...llamaLayer(1)].flatMap((stored) =>
      stored[2].length > 1 ? pack(stored) : [stored],
    )
    const facts = factsOfModelFolder(saved({ ...LLAMA, quantization_config }, [...packed, ...AROUND]))
    expect(facts.parameters).toEqual(configFacts(LLAMA).parameters)
    expect(facts.assumed).toBeUndefined()
  })

  it('packed in an unknown way leave it to config.json, and that is told', () => {
    const facts = factsOfModelFolder(
      saved(LLAMA, [['model.layers.0.mlp.up_proj.weight', 'U8', [9, 9]], ...AROUND]),
    )
    expect(facts.parameters).toEqual(configFacts(LLAMA).parameters)
    expect(facts.assumed?.join()).toContain('it is not known how model.layers.0.mlp.up_proj.weight is packed')
  })

  it.each([
    ['one of several is missing', { weight_map: { a: 'model-00001-of-00002.safetensors' } }, 'is not there'],
    ['the index leads out of the folder', { weight_map: { a: '../model.safetensors' } }, 'names no file'],
    ['the index is none', {}, 'has no weight_map'],
  ])('are left to config.json where %s', (_, index, why) => {
    const folder = saved(LLAMA, [...llamaLayer(0), ...AROUND])
    writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index))
    const facts = factsOfModelFolder(folder)
    expect(facts.parameters).toEqual(configFacts(LLAMA).parameters)
    expect(facts.assumed?.join()).toContain(why)
  })
})
