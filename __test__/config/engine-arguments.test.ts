import { describe, expect, it } from 'vitest'
import { configHash } from '../../src/config/config-hash.js'
import { loadCampaign } from '../../src/config/load-campaign.js'
import { configOf, problemLines } from './loading.js'

const hashOf = (rest: string) => configHash(configOf({ text: `model: m\nbackend: vllm\n${rest}` }))

describe('an argument of an engine', () => {
  it('is the same experiment with dashes, and as null the same as none', () => {
    expect(hashOf('vllm: { block-size: 16 }')).toBe(hashOf('vllm: { block_size: 16 }'))
    expect(hashOf('vllm: { block_size: null, some_news: null }')).toBe(hashOf(''))
    expect(hashOf('vllm: { max-num-seqs: 9 }')).toBe(hashOf('vllm: { max_num_seqs: 9 }'))
  })

  it('is part of the identity, whether llem knows it or not', () => {
    const hashes = ['', 'vllm: { block_size: 16 }', 'vllm: { block_size: 32 }', 'vllm: { ubatch_spec: 1 }']
    expect(new Set(hashes.map(hashOf)).size).toBe(4)
  })

  it('has a type where llem knows it', () => {
    expect(problemLines('model: m\nvllm: { block_size: big, enforce-eager: 3 }')).toEqual([
      'exp.yaml:2:7: vllm.enforce_eager must be true or false or null, got 3',
      'exp.yaml:2:21: vllm.block_size must be a whole number of at least 1 (tokens) or null, got the text "big"',
    ])
  })

  it.each([
    ['vllm: { blok_size: 16 }', 'did you mean `block_size`?'],
    ['vllm: { temperature: 1 }', '`temperature` belongs under `generation`'],
    ['vllm: { port: 8000 }', 'llem finds a free port'],
    ['vllm: { api-key: MY }', '`api_key_env`'],
    ['tensorrt: { kv_cache_config: {} }', '`tensorrt.extra_llm_api_options`'],
    ['vllm: { enforce-eager: true, enforce_eager: true }', 'keep one of the two'],
    ['vllm: { "--x y": 1 }', 'small letters, digits and underscores'],
  ])('is refused where it is a slip or not for an engine: %s', (text, hint) => {
    const lines = problemLines(`model: m\n${text}`)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(hint)
  })

  it('may be an axis of a grid, and a slip in one is told once', () => {
    const load = (axes: string) =>
      loadCampaign({
        path: 'c.yaml',
        text: `campaign_name: c\nmodel: m\nbackend: vllm\ngrid: { shared: { ${axes} } }`,
      })
    const loaded = load('vllm.block-size: [8, 16], vllm.kv_cache_dtype: [null, fp8]')
    expect(loaded.ok && new Set(loaded.experiments.map(({ hash }) => hash)).size).toBe(4)
    const wrong = load('vllm.blok_size: [8, 16]')
    expect(wrong.ok ? [] : wrong.problems.map(({ where }) => where)).toEqual(['c.yaml:4:19'])
  })
})
