import { describe, expect, it } from 'vitest'
import { flopsOf } from '../../dist/experiment/flops.js'
import type { Inference } from '../../dist/experiment/inference.js'
import type { ModelFacts } from '../../dist/models/facts.js'
import { estimateFlopsPalm } from '../../dist/models/palm-flops.js'
import { recorder } from './recorder.js'

function facts(overrides: Partial<ModelFacts> = {}): ModelFacts {
  return {
    architecture: 'llama',
    parameters: { total: 1_235_814_400, embedding: 262_668_288, non_embedding_active: 1_235_746_816 },
    tied_embeddings: false,
    experts: null,
    attention: { n_layers: 16, n_heads: 32, n_kv_heads: 8, head_dim: 64 },
    vocab_size: 128_256,
    hidden_size: 2048,
    feed_forward_size: 8192,
    context_length: 131_072,
    reasons: {},
    ...overrides,
  }
}

describe('FLOPs by the PaLM formula', () => {
  it('are twice the weights that multiply a token, for every token of prompt and answer', () => {
    const { flops, reason } = estimateFlopsPalm(facts(), 300, 700)
    expect(flops).toMatchObject({
      value: 2 * 1_235_746_816 * 1000,
      method: 'palm_formula',
      confidence: 'high',
    })
    expect(reason).toBeNull()
  })

  it.for([
    [
      'that a tied projection counts',
      { tied_embeddings: true },
      'the output projection counts though it is tied',
    ],
    ['how many experts are active', { experts: { count: 8, used: 2 } }, '2 of 8 experts are active'],
  ] as const)('say %s', ([, overrides, note]) => {
    expect(estimateFlopsPalm(facts(overrides), 1, 1).flops?.notes).toContain(note)
  })

  it('say that the attention is an upper bound where windows are not known', () => {
    const reasons = { 'attention.sliding': 'the file does not say which layers' }
    const { flops } = estimateFlopsPalm(facts({ reasons }), 1, 1, 5)
    expect(flops?.notes).toContain('the attention is an upper bound: the file does not say which layers')
  })

  it('have the attention beside them, which does not change them', () => {
    const { flops } = estimateFlopsPalm(facts(), 300, 700, 1e9)
    expect(flops).toMatchObject({ value: 2 * 1_235_746_816 * 1000, attention: 1e9, attention_reason: null })
  })

  it.for([
    ['the facts give one', { reasons: { attention: 'heads differ by layer' } }, 'heads differ by layer'],
    ['the facts give none', {}, 'the shape of the attention is not known'],
  ] as const)('have no attention, with a reason, where %s', ([, overrides, reason]) => {
    const { flops } = estimateFlopsPalm(facts({ attention: null, ...overrides }), 1, 1)
    expect(flops).toMatchObject({ attention: null, attention_reason: reason })
  })

  it('are less sure where the attention is not known', () => {
    expect(estimateFlopsPalm(facts({ attention: null }), 1, 1).flops?.confidence).toBe('medium')
  })

  it.for([
    [
      'the reason that the facts give',
      { 'parameters.non_embedding_active': 'a tensor has an odd shape' },
      'a tensor has an odd shape',
    ],
    [
      'the reason that a GGUF file gives',
      { non_embedding_active: 'it has experts, but does not say how many are used' },
      'it has experts, but does not say how many are used',
    ],
    ['a reason where the facts give none', {}, 'the parameters that multiply a token are not known'],
  ] as const)('are null with %s for an unknown architecture', ([, reasons, reason]) => {
    const unknown = facts({
      parameters: { total: null, embedding: null, non_embedding_active: null },
      reasons,
    })
    expect(estimateFlopsPalm(unknown, 10, 10)).toEqual({ flops: null, reason })
  })
})

describe('the FLOPs of an experiment', () => {
  const member = (attention: ModelFacts['attention']) =>
    ({ session: { info: { facts: facts({ attention }) } } }) as Parameters<typeof flopsOf>[0][number]
  const process = (attentionFlops: number | null, cached: number | null = null) =>
    ({
      attentionFlops,
      totals: { input_tokens: 10, output_tokens: 5, served: { cached_input_tokens: cached } },
    }) as Inference['processes'][number]
  const { observer } = recorder()
  const shape = facts().attention

  it('are said to be an upper bound where the server has not computed all of a prompt', () => {
    const { total } = flopsOf([member(shape)], { processes: [process(1, 7)] }, observer)
    expect(total.flops?.notes).toContainEqual(expect.stringMatching(/^an upper bound: 7 input tokens/))
    const { total: whole } = flopsOf([member(shape)], { processes: [process(1, 0)] }, observer)
    expect(whole.flops?.notes.join()).not.toContain('upper bound')
  })

  it('have no attention, with the reason, where one of several processes has none', () => {
    const { total } = flopsOf(
      [member(shape), member(null)],
      { processes: [process(1), process(null)] },
      observer,
    )
    expect(total.flops).toMatchObject({
      value: 2 * 2 * 1_235_746_816 * 15,
      attention: null,
      attention_reason: 'the shape of the attention is not known',
    })
  })
})
