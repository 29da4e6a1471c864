import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import { cachedModelFolder, factsOfModel, factsOfModelFolder } from '../../dist/models/folder.js'
import { GgufCursor } from '../../dist/models/gguf/cursor.js'
import { ggufFacts } from '../../dist/models/gguf/facts.js'
import { readGgufHeader } from '../../dist/models/gguf/header.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { llamaBytes } from './gguf-bytes.js'

// What the published config.json of each model says of its shape.

const LLAMA_8B = {
  model_type: 'llama',
  ...{ hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, vocab_size: 128256 },
  ...{ num_attention_heads: 32, num_key_value_heads: 8, max_position_embeddings: 131072 },
  ...{ tie_word_embeddings: false, attention_bias: false, mlp_bias: false },
}
const LLAMA_1B = {
  ...LLAMA_8B,
  ...{ hidden_size: 2048, intermediate_size: 8192, num_hidden_layers: 16, head_dim: 64 },
  tie_word_embeddings: true,
}
const QWEN_HALF_B = {
  model_type: 'qwen2',
  ...{ hidden_size: 896, intermediate_size: 4864, num_hidden_layers: 24, vocab_size: 151936 },
  ...{ num_attention_heads: 14, num_key_value_heads: 2, max_position_embeddings: 32768 },
  ...{ tie_word_embeddings: true, sliding_window: 32768, use_sliding_window: false, max_window_layers: 21 },
}
const MIXTRAL = {
  model_type: 'mixtral',
  ...{ hidden_size: 4096, intermediate_size: 14336, num_hidden_layers: 32, vocab_size: 32000 },
  ...{ num_attention_heads: 32, num_key_value_heads: 8, max_position_embeddings: 32768 },
  ...{ num_local_experts: 8, num_experts_per_tok: 2, tie_word_embeddings: false, sliding_window: null },
}
// It leaves out tie_word_embeddings and n_inner.
const GPT2 = {
  model_type: 'gpt2',
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  vocab_size: 50257,
}
// It leaves out tie_word_embeddings.
const GEMMA_2B = {
  model_type: 'gemma2',
  ...{ hidden_size: 2304, intermediate_size: 9216, num_hidden_layers: 26, vocab_size: 256000 },
  ...{ num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, max_position_embeddings: 8192 },
  sliding_window: 4096,
}
const QWEN_30B = {
  model_type: 'qwen3_moe',
  ...{ hidden_size: 2048, intermediate_size: 6144, num_hidden_layers: 48, vocab_size: 151936 },
  ...{ num_attention_heads: 32, num_key_value_heads: 4, head_dim: 128, max_position_embeddings: 40960 },
  ...{ num_experts: 128, num_experts_per_tok: 8, moe_intermediate_size: 768, decoder_sparse_step: 1 },
  ...{ mlp_only_layers: [], tie_word_embeddings: false },
}
const GPT_OSS_20B = {
  model_type: 'gpt_oss',
  ...{ hidden_size: 2880, intermediate_size: 2880, num_hidden_layers: 24, vocab_size: 201088 },
  ...{ num_attention_heads: 64, num_key_value_heads: 8, head_dim: 64, attention_bias: true },
  ...{ num_local_experts: 32, num_experts_per_tok: 4, sliding_window: 128, tie_word_embeddings: false },
}
const DEEPSEEK_V2_LITE = {
  model_type: 'deepseek_v2',
  ...{ hidden_size: 2048, intermediate_size: 10944, num_hidden_layers: 27, vocab_size: 102400 },
  ...{ num_attention_heads: 16, num_key_value_heads: 16, q_lora_rank: null, kv_lora_rank: 512 },
  ...{ qk_nope_head_dim: 128, qk_rope_head_dim: 64, v_head_dim: 128, moe_intermediate_size: 1408 },
  ...{ n_routed_experts: 64, n_shared_experts: 2, num_experts_per_tok: 6, first_k_dense_replace: 1 },
}

/** As the repository has it, and with the names that its class has now. */
const BLOOM_560M = {
  model_type: 'bloom',
  ...{ n_embed: 1024, n_layer: 24, num_attention_heads: 16, vocab_size: 250880 },
}

/**
 * By hand: weights of one layer that multiply a token x layers + output projection = N; the stored total beside it is
 * the published one (the safetensors metadata of each model's repository).
 */
const BY_HAND: [string, ModelConfig, { active: number; embedding: number; total: number }][] = [
  [
    // q, k, v, o 4 * 1024^2; MLP 8 * 1024^2: 12582912 a layer. The table once.
    'BLOOM-560m, by the older names of its sizes',
    BLOOM_560M,
    {
      active: 24 * 12_582_912 + 1024 * 250_880,
      embedding: 1024 * 250_880,
      total: 559_214_592,
    },
  ],
  [
    // q, o 2 * 4096 * 4096; k, v 2 * 4096 * 1024; gate, up, down 3 * 4096 * 14336: 218103808 a layer.
    // Norms (2 * 32 + 1) * 4096 = 266240.
    'Llama-3.1-8B',
    LLAMA_8B,
    {
      active: 32 * 218_103_808 + 4096 * 128_256,
      embedding: 4096 * 128_256,
      total: 8_030_261_248,
    },
  ],
  [
    // q, o 2 * 2048 * 2048; k, v 2 * 2048 * 512; MLP 3 * 2048 * 8192: 60817408 a layer. The table once.
    'Llama-3.2-1B, whose output is tied',
    LLAMA_1B,
    { active: 16 * 60_817_408 + 2048 * 128_256, embedding: 2048 * 128_256, total: 1_235_814_400 },
  ],
  [
    // q, o 2 * 896 * 896; k, v 2 * 896 * 128; MLP 3 * 896 * 4864: 14909440 a layer.
    // Biases of q, k, v 24 * (896 + 256) = 27648; norms (2 * 24 + 1) * 896 = 43904.
    'Qwen2.5-0.5B, whose output is tied and whose projections have biases',
    QWEN_HALF_B,
    { active: 24 * 14_909_440 + 896 * 151_936, embedding: 896 * 151_936, total: 494_032_768 },
  ],
  [
    // Attention 41943040, router 4096 * 8 = 32768, two of eight experts 2 * 3 * 4096 * 14336 = 352321536.
    'Mixtral-8x7B, of which two experts run',
    MIXTRAL,
    {
      active: 32 * (41_943_040 + 32_768 + 352_321_536) + 4096 * 32_000,
      embedding: 4096 * 32_000,
      total: 46_702_792_704,
    },
  ],
  [
    // qkv 768 * 2304, output 768 * 768, up and down 2 * 768 * 3072: 7077888 a layer. Positions 1024 * 768.
    'GPT-2, whose positions are looked up',
    GPT2,
    { active: 12 * 7_077_888 + 768 * 50_257, embedding: 768 * (50_257 + 1024), total: 124_439_808 },
  ],
  [
    // Heads of 256 on a width of 2304: q, o 2 * 2304 * 2048; k, v 2 * 2304 * 1024; MLP 3 * 2304 * 9216: 77856768.
    'Gemma-2-2B, whose heads are wider than its width',
    GEMMA_2B,
    { active: 26 * 77_856_768 + 2304 * 256_000, embedding: 2304 * 256_000, total: 2_614_341_888 },
  ],
  [
    // q, o 2 * 2048 * 4096; k, v 2 * 2048 * 512: 18874368. Router 2048 * 128 = 262144. Eight experts
    // 8 * 3 * 2048 * 768 = 37748736.
    'Qwen3-30B-A3B, of which eight experts run',
    QWEN_30B,
    {
      active: 48 * (18_874_368 + 262_144 + 37_748_736) + 2048 * 151_936,
      embedding: 2048 * 151_936,
      total: 30_532_122_624,
    },
  ],
  [
    // q, o 2 * 2880 * 4096; k, v 2 * 2880 * 512: 26542080. Router 2880 * 32 = 92160. Four experts
    // 4 * 3 * 2880 * 2880 = 99532800.
    'GPT-OSS-20B, whose experts have biases and whose heads have sinks',
    GPT_OSS_20B,
    {
      active: 24 * (26_542_080 + 92_160 + 99_532_800) + 2880 * 201_088,
      embedding: 2880 * 201_088,
      total: 20_914_757_184,
    },
  ],
  [
    // Attention: q 2048 * 16 * 192; down 2048 * 576; up 512 * 16 * 256; o 2048 * 2048: 13762560. The first layer's MLP is
    // 3 * 2048 * 10944 = 67239936; of the others the router 2048 * 64 and 6 + 2 experts of 3 * 2048 * 1408: 69337088.
    'DeepSeek-V2-Lite, whose keys and values come from one vector',
    DEEPSEEK_V2_LITE,
    {
      active: 27 * 13_762_560 + 67_239_936 + 26 * 69_337_088 + 2048 * 102_400,
      embedding: 2048 * 102_400,
      total: 15_706_484_224,
    },
  ],
]

describe('parameters from a config.json', () => {
  it.each(BY_HAND)('are right for %s', (_, config, { active, embedding, total }) => {
    expect(configFacts(config).parameters).toEqual({ total, embedding, non_embedding_active: active })
    expect(configFacts(config).reasons).toEqual({})
  })

  it('say the shape of the attention, for which config.json leaves out the size of a head', () => {
    const { attention } = configFacts(LLAMA_8B)
    expect(attention).toEqual({ n_layers: 32, n_heads: 32, n_kv_heads: 8, head_dim: 128, sliding: null })
  })

  it.each([
    ['every second layer of Gemma 2', GEMMA_2B, { window: 4096, layers: 13 }],
    ['no layer where it is not used', QWEN_HALF_B, null],
    [
      'the last layers of a Qwen2 that uses it',
      { ...QWEN_HALF_B, use_sliding_window: true },
      { window: 32768, layers: 3 },
    ],
    [
      'the layers that are listed',
      {
        ...LLAMA_8B,
        model_type: 'mistral',
        sliding_window: 512,
        layer_types: ['sliding_attention', 'full_attention'],
      },
      { window: 512, layers: 1 },
    ],
    [
      'every layer of the first Mistral',
      { ...LLAMA_8B, model_type: 'mistral', sliding_window: 4096 },
      { window: 4096, layers: 32 },
    ],
  ])('know that a window holds for %s', (_, config, sliding) => {
    expect(configFacts(config).attention?.sliding).toEqual(sliding)
  })

  it('are those of the language model where a model also sees', () => {
    const seeing = {
      model_type: 'gemma3',
      text_config: { ...GEMMA_2B, model_type: 'gemma3_text' },
      vision_config: {},
    }
    const facts = configFacts(seeing)
    expect(facts.parameters.non_embedding_active).toBe(26 * 77_856_768 + 2304 * 256_000)
    expect(facts.parameters.total).toBeNull()
    expect(facts.reasons['parameters.total']).toMatch(/not the language model/)
  })

  it.each([
    ['of an unknown architecture', { model_type: 'martian', hidden_size: 64 }, 'martian'],
    ['of no architecture', { hidden_size: 64 }, 'unnamed'],
    ['without a width', { ...LLAMA_8B, hidden_size: undefined }, 'hidden_size'],
    [
      'whose embeddings are narrower than its layers',
      {
        ...{ model_type: 'opt', hidden_size: 1024, ffn_dim: 4096, num_hidden_layers: 24, vocab_size: 50272 },
        ...{ num_attention_heads: 16, word_embed_proj_dim: 512, do_layer_norm_before: false },
      },
      '512 wide',
    ],
    [
      'with layers of a kind that llem does not know',
      {
        ...{ model_type: 'nemotron_h', hidden_size: 64, intermediate_size: 128, num_hidden_layers: 3 },
        ...{ num_attention_heads: 4, vocab_size: 500, hybrid_override_pattern: 'MEM' },
      },
      'the kind E',
    ],
    ['without the size of its latent vectors', { ...DEEPSEEK_V2_LITE, kv_lora_rank: null }, 'kv_lora_rank'],
  ])('are null with a reason for a config %s', (_, config, named) => {
    const { parameters, attention, reasons } = configFacts(config)
    expect(parameters).toEqual({ total: null, embedding: null, non_embedding_active: null })
    expect(attention).toBeNull()
    expect(reasons.parameters).toContain(named)
  })
})

describe('a GGUF file of the same model', () => {
  const shape = (config: typeof LLAMA_8B) => ({
    layers: config.num_hidden_layers,
    dim: config.hidden_size,
    heads: config.num_attention_heads,
    kvHeads: config.num_key_value_heads,
    ff: config.intermediate_size,
    vocab: config.vocab_size,
  })
  it.each([
    ['Llama-3.1-8B', LLAMA_8B, shape(LLAMA_8B)],
    ['Llama-3.2-1B', LLAMA_1B, { ...shape(LLAMA_1B), tied: true }],
    ['Mixtral-8x7B', MIXTRAL, { ...shape({ ...LLAMA_8B, ...MIXTRAL }), experts: 8, expertsUsed: 2 }],
  ])('gives the same parameters for %s', (_, config, gguf) => {
    const facts = ggufFacts(readGgufHeader(GgufCursor.ofBuffer(llamaBytes(gguf))))
    const { parameters, experts, tied_embeddings } = configFacts(config)
    expect({ parameters, experts, tied_embeddings }).toEqual({
      parameters: facts.parameters,
      experts: facts.experts,
      tied_embeddings: facts.tied_embeddings,
    })
  })
})

describe('a model on this machine', () => {
  const folder = scratchFolder()

  function saveConfig(path: string, config: object): string {
    mkdirSync(path, { recursive: true })
    writeFileSync(join(path, 'config.json'), JSON.stringify(config))
    return path
  }

  it('is found by its folder', () => {
    const path = saveConfig(join(folder, 'gpt2'), GPT2)
    expect(factsOfModelFolder(path).parameters.total).toBe(124_439_808)
    expect(factsOfModel(path)?.architecture).toBe('gpt2')
  })

  it.each([
    ['HF_HUB_CACHE', ''],
    ['HF_HOME', 'hub'],
    ['XDG_CACHE_HOME', 'huggingface/hub'],
  ])('is found by its id below %s', (variable, below) => {
    const cache = scratchFolder()
    const place = join(cache, below, 'models--meta-llama--Llama-3.1-8B')
    saveConfig(join(place, 'snapshots', 'abc123'), LLAMA_8B)
    saveConfig(join(place, 'snapshots', 'def456'), LLAMA_1B)
    mkdirSync(join(place, 'refs'))
    writeFileSync(join(place, 'refs', 'main'), 'abc123\n')
    const env = { [variable]: cache }
    expect(cachedModelFolder('meta-llama/Llama-3.1-8B', null, env)).toBe(join(place, 'snapshots', 'abc123'))
    expect(factsOfModel('meta-llama/Llama-3.1-8B', null, env)?.parameters.total).toBe(8_030_261_248)
    expect(factsOfModel('meta-llama/Llama-3.1-8B', 'def456', env)?.parameters.total).toBe(1_235_814_400)
    expect(factsOfModel('meta-llama/Llama-3.1-8B', 'v2', env)).toBeNull()
  })

  it('is null for an id that was not downloaded, and for one that leaves the cache', () => {
    const env = { HF_HOME: scratchFolder() }
    expect(factsOfModel('owner/nobody', null, env)).toBeNull()
    expect(cachedModelFolder('../etc', null, env)).toBeNull()
  })

  it.each([
    ['a folder that is not there', () => join(folder, 'none'), 'MODEL_NOT_FOUND'],
    ['a folder without a config.json', () => scratchFolder(), 'MODEL_UNREADABLE'],
    ['a GGUF file', () => saveFile('model.gguf', 'GGUF'), 'MODEL_UNREADABLE'],
    ['a folder whose config.json is cut off', () => broken(), 'MODEL_UNREADABLE'],
  ] as const)('is refused where it is %s', (_, path, code) => {
    expect(() => factsOfModel(path())).toThrow(expect.objectContaining({ code, kind: 'usage' }))
  })

  function saveFile(name: string, text: string): string {
    const path = join(folder, name)
    writeFileSync(path, text)
    return path
  }

  function broken(): string {
    const path = scratchFolder()
    writeFileSync(join(path, 'config.json'), '{"model_type": "lla')
    return path
  }
})
