import { describe, expect, it } from 'vitest'
import { gridPoints } from '../../dist/config/grid.js'
import type { Tree } from '../../dist/config/tree.js'
import { planned, problemsOf } from './written.js'

const points = (grid: Parameters<typeof gridPoints>[0]) => [...gridPoints(grid, undefined)]
const plain = (tree: unknown) => JSON.parse(JSON.stringify(tree))

/** Every object in a tree. */
function* objectsIn(tree: unknown): Generator<object> {
  if (typeof tree !== 'object' || tree === null) return
  yield tree
  for (const inner of Object.values(tree)) yield* objectsIn(inner)
}

describe('axes that meet', () => {
  const synthetic = (input_len: number, more: Tree = {}) => ({ synthetic: { input_len, ...more } })

  it.each([
    ['the mapping first', { prompts: [synthetic(16)], 'prompts.synthetic.output_len': [10, 40] }],
    ['the dotted key first', { 'prompts.synthetic.output_len': [10, 40], prompts: [synthetic(16)] }],
  ])('a dotted key is laid over a mapping: %s', (_, shared) => {
    const lengths = plain(points({ shared })).map((point: Tree) => point.prompts)
    expect(lengths).toEqual([synthetic(16, { output_len: 10 }), synthetic(16, { output_len: 40 })])
  })

  it('over several mappings and over each depth, in the order of the file', () => {
    const shared = {
      generation: [{ seed: 1 }, { seed: 2, top_p: 0.5 }],
      'generation.max_tokens': [8, 9],
    }
    expect(plain(points({ shared }))).toEqual([
      { generation: { seed: 1, max_tokens: 8 } },
      { generation: { seed: 1, max_tokens: 9 } },
      { generation: { seed: 2, top_p: 0.5, max_tokens: 8 } },
      { generation: { seed: 2, top_p: 0.5, max_tokens: 9 } },
    ])
  })

  it('a value that is no mapping has nothing below it, and is one point', () => {
    const shared = { prompts: ['builtin', synthetic(16)], 'prompts.synthetic.output_len': [10, 40] }
    expect(plain(points({ shared }))).toEqual([
      { prompts: 'builtin' },
      { prompts: synthetic(16, { output_len: 10 }) },
      { prompts: synthetic(16, { output_len: 40 }) },
    ])
  })

  it('of one key: that of the backend counts for the backend alone', () => {
    const grid = {
      backends: ['llamacpp', 'pytorch'] as ('llamacpp' | 'pytorch')[],
      shared: { n_prompts: [5, 6], 'generation.seed': [1] },
      backend_overrides: { pytorch: { n_prompts: 7 } },
    }
    expect(plain(points(grid))).toEqual([
      { backend: 'llamacpp', n_prompts: 5, generation: { seed: 1 } },
      { backend: 'llamacpp', n_prompts: 6, generation: { seed: 1 } },
      { backend: 'pytorch', generation: { seed: 1 }, n_prompts: 7 },
    ])
  })

  it('no two points share an object, with each other or with the file', () => {
    const shared = {
      prompts: [synthetic(16), synthetic(32)],
      'server.command': [
        ['a', '{port}'],
        ['b', '{port}'],
      ],
      'server.extra_body': [{ a: { b: [1] } }],
      'prompts.synthetic.output_len': [10, 40],
    }
    const all = [...points({ shared }), shared].flatMap((tree) => [...objectsIn(tree)])
    expect(new Set(all).size).toBe(all.length)
  })

  it('measures what is written, each once', () => {
    const { experiments, warnings } = planned(`campaign_name: c
model: m.gguf
grid: { shared: { prompts: [{ synthetic: { input_len: 16 } }], "prompts.synthetic.output_len": [10, 40] } }`)
    expect(warnings).toEqual([])
    expect(experiments.map(({ name }) => name)).toEqual([
      'llamacpp_m_input_len=16_output_len=10',
      'llamacpp_m_input_len=16_output_len=40',
    ])
    expect(new Set(experiments.map(({ hash }) => hash)).size).toBe(2)
  })

  it('a mapping where a list must be is answered with the axis that was meant', () => {
    expect(
      problemsOf('campaign_name: c\nmodel: m\ngrid: { shared: { generation: { max_tokens: [16, 32] } } }'),
    ).toEqual([
      'campaign.yaml:3:31: generation must be a list of values; write generation.max_tokens: [16,32]',
    ])
  })
})

describe('names', () => {
  const names = (text: string) => planned(`campaign_name: c\n${text}`).experiments.map(({ name }) => name)

  it('say as much of a key as tells it from another', () => {
    expect(names('model: m.gguf\ngrid: { shared: { generation.seed: [1, 2], dataset.seed: [3] } }')).toEqual([
      'llamacpp_m_generation.seed=1_dataset.seed=3',
      'llamacpp_m_generation.seed=2_dataset.seed=3',
    ])
  })

  it('say whose model it is where two are called the same', () => {
    expect(names('backend: pytorch\ngrid: { models: [a/llama, b/llama, c/other] }')).toEqual([
      'pytorch_a-llama',
      'pytorch_b-llama',
      'pytorch_other',
    ])
  })

  it('too long, leave out what is the same for all and what values begin and end with', () => {
    const folder = '/mnt/shared/data/prompts/of-the-team/english-only/long-ones'
    expect(
      names(`model: m.gguf
grid:
  shared:
    prompts: [${folder}/chat-a.jsonl, ${folder}/code-b.jsonl]
    generation.ignore_eos: [true]
    energy.slow_interval_ms: [100]
    generation.max_tokens: [16, 32]`),
    ).toEqual([
      'llamacpp_m_prompts=chat-a_max_tokens=16',
      'llamacpp_m_prompts=chat-a_max_tokens=32',
      'llamacpp_m_prompts=code-b_max_tokens=16',
      'llamacpp_m_prompts=code-b_max_tokens=32',
    ])
  })

  it('longer still, end in a hash of what was written and stay apart', () => {
    const seeds = Array.from({ length: 5 }, (_, index) => 4_000_000_000 + index)
    const all = names(`model: a-model-with-quite-a-long-name-that-takes-half-of-the-room.gguf
grid:
  shared:
    generation.ignore_eos: [true, false]
    energy.approx_instant_energy: [true, false]
    generation.seed: [${seeds}]`)
    expect(new Set(all).size).toBe(20)
    for (const name of all) expect(name).toMatch(/^llamacpp_a-model.{1,80}-[0-9a-f]{8}$/)
    expect(Math.max(...all.map(({ length }) => length))).toBeLessThanOrEqual(80)
  })
})

describe('groups of alternatives', () => {
  it('cross with the axes and with one another, each alternative whole', () => {
    const groups = {
      a: [{}, { 'generation.seed': 1, 'generation.top_k': 5 }],
      b: [{ n_prompts: 2 }, { n_prompts: 3 }],
    }
    const found = plain(points({ shared: { 'generation.max_tokens': [8] }, groups }))
    expect(found).toEqual([
      { generation: { max_tokens: 8 }, n_prompts: 2 },
      { generation: { max_tokens: 8 }, n_prompts: 3 },
      { generation: { max_tokens: 8, seed: 1, top_k: 5 }, n_prompts: 2 },
      { generation: { max_tokens: 8, seed: 1, top_k: 5 }, n_prompts: 3 },
    ])
  })

  it('leave out what is for other backends alone', () => {
    const text = `campaign_name: c
model: m
grid:
  backends: [pytorch, vllm]
  groups:
    cache: [{ vllm.block_size: 16, vllm.swap_space: 2 }, { vllm.block_size: 32 }]
    bits: [{}, { pytorch.quantisation: bnb_4bit }]`
    const { experiments, filtered, warnings } = planned(text)
    expect({ filtered, warnings }).toEqual({ filtered: [], warnings: [] })
    expect(experiments.map(({ own }) => plain(own))).toEqual([
      { backend: 'pytorch' },
      { backend: 'pytorch', pytorch: { quantisation: 'bnb_4bit' } },
      { backend: 'vllm', vllm: { block_size: 16, swap_space: 2 } },
      { backend: 'vllm', vllm: { block_size: 32 } },
    ])
  })

  it('tell a mistyped key where it stands', () => {
    expect(
      problemsOf('campaign_name: c\nmodel: m\ngrid: { groups: { a: [{}, { generation.max_token: 5 }] } }'),
    ).toEqual([
      'campaign.yaml:3:29: unknown key `generation.max_token` in the grid; did you mean `generation.max_tokens`?',
    ])
  })
})
