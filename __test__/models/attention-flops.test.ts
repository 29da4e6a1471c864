import { describe, expect, it } from 'vitest'
import { AttentionFlops, attentionFlops } from '../../dist/models/attention-flops.js'

/** Llama-3.1-8B: 4 * 32 layers * 32 heads * 128 = 524288 FLOPs for each token of a context. */
const llama8b = { n_layers: 32, n_heads: 32, n_kv_heads: 8, head_dim: 128 }

/** Token by token, layer by layer, as the formula says. */
function oneByOne(shape: Parameters<typeof attentionFlops>[0], tokens: number): number {
  let flops = 0
  for (let position = 1; position <= tokens; position++)
    for (let layer = 0; layer < shape.n_layers; layer++) {
      const isWindowed = layer < (shape.sliding?.layers ?? 0)
      const context = isWindowed ? Math.min(position, shape.sliding?.window ?? 0) : position
      flops += 2 * (2 * shape.n_heads * shape.head_dim * context)
    }
  return flops
}

describe('the FLOPs of attention', () => {
  it.each([
    [1, 524_288],
    [2, 524_288 * (1 + 2)],
    [4, 524_288 * (1 + 2 + 3 + 4)],
  ])('of %d tokens are the sum over their contexts', (tokens, flops) => {
    expect(attentionFlops(llama8b, tokens)).toBe(flops)
  })

  it.each([
    ['every layer', undefined, 300],
    ['a window that is longer', { window: 400, layers: 5 }, 300],
    ['a window that is shorter', { window: 17, layers: 5 }, 300],
    ['nothing but windows', { window: 1, layers: 32 }, 300],
  ])('are what counting one by one gives: %s', (_, sliding, tokens) => {
    const shape = sliding === undefined ? llama8b : { ...llama8b, sliding }
    expect(attentionFlops(shape, tokens)).toBe(oneByOne(shape, tokens))
  })

  it.each([
    [8192, 0.154],
    [32_768, 0.615],
  ])('at %d tokens of Llama-3.1-8B are %d of its layers’ own', (tokens, share) => {
    // 32 layers of 218103808 weights, without the output projection.
    expect(attentionFlops(llama8b, tokens) / (2 * 32 * 218_103_808 * tokens)).toBeCloseTo(share, 3)
  })

  it('of a run are those of each request, not those of all tokens in a row', () => {
    const sum = new AttentionFlops(llama8b)
    sum.add({ input_tokens: 10, output_tokens: 3 })
    sum.add({ input_tokens: 5, output_tokens: 0 })
    expect(sum.total).toBe(attentionFlops(llama8b, 13) + attentionFlops(llama8b, 5))
  })

  it('are null where the shape is not known', () => {
    const sum = new AttentionFlops(null)
    sum.add({ input_tokens: 10, output_tokens: 3 })
    expect(sum.total).toBeNull()
  })
})
