import { readFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { GgufCursor } from '../../dist/models/gguf/cursor.js'
import { ggufFacts, ggufWeightTypes } from '../../dist/models/gguf/facts.js'
import { readGgufHeader } from '../../dist/models/gguf/header.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { ggufBytes, llamaBytes } from './gguf-bytes.js'

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const factsOf = (bytes: Buffer) => ggufFacts(readGgufHeader(GgufCursor.ofBuffer(bytes)))
const typesOf = (bytes: Buffer) => ggufWeightTypes(readGgufHeader(GgufCursor.ofBuffer(bytes)))
const llama1b = { layers: 16, dim: 2048, heads: 32, kvHeads: 8, ff: 8192, vocab: 128256, tied: true }

describe('parameters of known shapes', () => {
  it('counts the tied output projection of Llama-3.2-1B', () => {
    // Block: q, o 2048 x 2048; k, v 2048 x 512; gate, up, down 2048 x 8192
    //   2 * 4194304 + 2 * 1048576 + 3 * 16777216 = 60817408, 16 of them 973078528.
    // Table 2048 x 128256 = 262668288, multiplied once per token as the output projection.
    // Norms (2 * 16 + 1) * 2048 = 67584. Published total: 1,235,814,400.
    const facts = factsOf(llamaBytes(llama1b))
    expect(facts.parameters).toEqual({
      total: 1_235_814_400,
      embedding: 262_668_288,
      non_embedding_active: 973_078_528 + 262_668_288,
    })
    expect(facts).toMatchObject({
      tied_embeddings: true,
      experts: null,
      attention: { n_layers: 16, n_heads: 32, n_kv_heads: 8, head_dim: 64 },
      vocab_size: 128256,
      hidden_size: 2048,
      context_length: 131072,
      reasons: {},
    })
  })

  it('counts the same for 4-bit weights, logically and not as packed', () => {
    const Q4_K = 12
    expect(factsOf(llamaBytes(llama1b, Q4_K))).toEqual(factsOf(llamaBytes(llama1b)))
  })

  it('counts two of the eight experts of Mixtral-8x7B', () => {
    // Block: q, o 4096 x 4096; k, v 4096 x 1024: 41943040. Router 4096 x 8 = 32768.
    // Expert 3 * 4096 * 14336 = 176160768, two of them 352321536. Output 4096 x 32000 = 131072000.
    //   N = 32 * (41943040 + 32768 + 352321536) + 131072000 = 12748587008. Published total: 46.7 B.
    const shape = { layers: 32, dim: 4096, heads: 32, kvHeads: 8, ff: 14336, vocab: 32000 }
    const facts = factsOf(llamaBytes({ ...shape, experts: 8, expertsUsed: 2 }))
    expect(facts.experts).toEqual({ count: 8, used: 2 })
    expect(facts.tied_embeddings).toBe(false)
    expect(facts.parameters).toEqual({
      total: 46_702_792_704,
      embedding: 131_072_000,
      non_embedding_active: 12_748_587_008,
    })
  })

  it('leaves out the positions of GPT-2, which are looked up, and counts its tied output', () => {
    // Block: qkv 768 x 2304, output 768 x 768, up and down 768 x 3072 = 7077888, 12 of them 84934656.
    // Table 768 x 50257 = 38597376, positions 768 x 1024 = 786432.
    // Vectors: 12 * (2304 + 768 + 3072 + 768 + 4 * 768) + 2 * 768 = 121344. Published total: 124,439,808.
    const block: Array<[string, number[]]> = [
      ['attn_qkv.weight', [768, 2304]],
      ['attn_qkv.bias', [2304]],
      ['attn_output.weight', [768, 768]],
      ['attn_output.bias', [768]],
      ['ffn_up.weight', [768, 3072]],
      ['ffn_up.bias', [3072]],
      ['ffn_down.weight', [3072, 768]],
      ['ffn_down.bias', [768]],
      ...['attn_norm.weight', 'attn_norm.bias', 'ffn_norm.weight', 'ffn_norm.bias'].map(
        (name): [string, number[]] => [name, [768]],
      ),
    ]
    const tensors = [
      { name: 'token_embd.weight', dimensions: [768, 50257] },
      { name: 'position_embd.weight', dimensions: [768, 1024] },
      ...Array.from({ length: 12 }, (_, layer) =>
        block.map(([name, dimensions]) => ({ name: `blk.${layer}.${name}`, dimensions })),
      ).flat(),
      { name: 'output_norm.weight', dimensions: [768] },
      { name: 'output_norm.bias', dimensions: [768] },
    ]
    const metadata = {
      'general.architecture': 'gpt2',
      'gpt2.block_count': 12,
      'gpt2.embedding_length': 768,
      'gpt2.feed_forward_length': 3072,
      'gpt2.context_length': 1024,
      'gpt2.attention.head_count': 12,
    }
    expect(factsOf(ggufBytes(metadata, tensors))).toMatchObject({
      parameters: {
        total: 124_439_808,
        embedding: 39_383_808,
        non_embedding_active: 84_934_656 + 38_597_376,
      },
      attention: { n_layers: 12, n_heads: 12, n_kv_heads: 12, head_dim: 64 },
    })
  })

  it.each([
    // Block 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 = 36864; output 64 * 323 = 20672; norms 5 * 64 = 320.
    ['dense', [], { total: 115_392, embedding: 20_672, non_embedding_active: 2 * 36_864 + 20_672 }],
    ['tied', ['--tied'], { total: 94_720, embedding: 20_672, non_embedding_active: 2 * 36_864 + 20_672 }],
    // Attention 12288, router 64 * 4, two of four experts of 24576.
    [
      'experts',
      ['--experts', '4'],
      { total: 263_360, embedding: 20_672, non_embedding_active: 2 * (12_288 + 256 + 49_152) + 20_672 },
    ],
  ])('is right for the tiny model on disk: %s', (name, args, parameters) => {
    const path = tinyModel(scratchFolder(), name, ...args)
    expect(factsOf(readFileSync(path)).parameters).toEqual(parameters)
  })
})

describe('what cannot be known', () => {
  it('is null with a reason, never 0', () => {
    const facts = factsOf(ggufBytes({ 'general.architecture': 'mamba', 'mamba.block_count': 2 }, []))
    expect(facts).toMatchObject({
      attention: null,
      vocab_size: null,
      hidden_size: null,
      tied_embeddings: null,
    })
    expect(facts.parameters.non_embedding_active).toBeNull()
    expect(facts.reasons).toMatchObject({
      attention: 'mamba.attention.head_count is absent',
      non_embedding_active: 'the file has no token_embd.weight',
    })
  })

  it('refuses to count experts when it is not said how many are used', () => {
    const { parameters, reasons } = factsOf(
      ggufBytes({ 'general.architecture': 'llama' }, [
        { name: 'token_embd.weight', dimensions: [8, 16] },
        { name: 'blk.0.ffn_up_exps.weight', dimensions: [8, 8, 4] },
      ]),
    )
    expect(parameters).toEqual({ total: 384, embedding: 128, non_embedding_active: null })
    expect(reasons.non_embedding_active).toContain('experts')
  })

  it('has no single N for an encoder-decoder', () => {
    const facts = factsOf(
      ggufBytes({ 'general.architecture': 't5' }, [
        { name: 'token_embd.weight', dimensions: [8, 16] },
        { name: 'enc.blk.0.attn_q.weight', dimensions: [8, 8] },
      ]),
    )
    expect(facts.parameters.non_embedding_active).toBeNull()
    expect(facts.reasons.non_embedding_active).toContain('encoder-decoder')
  })

  it('says that it is not known which layers have a window', () => {
    const metadata = {
      'general.architecture': 'martian',
      'martian.block_count': 2,
      'martian.embedding_length': 8,
      'martian.attention.head_count': 4,
      'martian.attention.sliding_window': 4096,
    }
    const { attention, reasons } = factsOf(ggufBytes(metadata, []))
    expect(attention).toEqual({ n_layers: 2, n_heads: 4, n_kv_heads: 4, head_dim: 2 })
    expect(factsOf(ggufBytes(ofFamily(metadata, 'gemma2'), [])).attention?.sliding).toEqual({
      window: 4096,
      layers: 1,
    })
    expect(reasons['attention.sliding']).toBe(
      'the file does not say which layers attend to the last 4096 tokens only',
    )
  })

  it('does not invent one head count for layers that differ', () => {
    const metadata = {
      'general.architecture': 'openelm',
      'openelm.block_count': 2,
      'openelm.embedding_length': 8,
      'openelm.attention.head_count': [4, 8],
    }
    expect(factsOf(ggufBytes(metadata, []))).toMatchObject({
      attention: null,
      reasons: { attention: 'openelm.attention.head_count is not one number' },
    })
  })
})

describe('weight types', () => {
  it.each([
    [
      'a quantisation by its name',
      { 'general.file_type': 15 },
      12,
      { dtype: 'Q4_K', quantisation: 'Q4_K_M' },
    ],
    ['plain halves as not quantised', { 'general.file_type': 1 }, 1, { dtype: 'F16', quantisation: null }],
    ['the tensors where the file does not say', {}, 8, { dtype: 'Q8_0', quantisation: 'Q8_0' }],
    ['nothing of a type newer than llem', {}, 9999, { dtype: null, quantisation: null }],
  ])('tell %s', (_, metadata, typeId, expected) => {
    expect(typesOf(ggufBytes(metadata, [{ name: 'a', dimensions: [256, 4], typeId }]))).toEqual(expected)
  })
})

/** The same settings under another architecture. */
function ofFamily(metadata: Record<string, string | number>, name: string) {
  const renamed = Object.entries(metadata).map(([key, value]) => [key.replace('martian', name), value])
  return { ...Object.fromEntries(renamed), 'general.architecture': name }
}
