import { expect, it } from 'vitest'
import { configHash } from '../../src/config/config-hash.js'
import { GroupwiseParser } from '../../src/config/groupwise.js'
import { experimentConfigSchema } from '../../src/config/schema.js'

const right = [
  { model: 'a' },
  { model: 'b', generation: { seed: 1, max_tokens: 4 } },
  { model: 'b', generation: { max_tokens: 4, seed: 1 }, n_prompts: 3 },
  { model: 'b', generation: { max_tokens: 5 }, timeseries: { sample_interval_ms: 20 } },
  { model: 'b', backend: 'vllm', vllm: { max_num_seqs: 9 }, load: { concurrency: 4 } },
  { model: '["a"]', prompts: 'p.jsonl', energy: { devices: [0, 1] } },
]
const wrong = [
  {},
  { model: 1 },
  { model: 'a', n_prompts: Number.POSITIVE_INFINITY },
  { model: 'a', generation: { max_tokens: Number.NaN } },
  { model: 'a', generation: { nonsense: 1 } },
  { model: 'a', nonsense: 1 },
  { model: ['a'] },
]

it('experiments that are parsed group by group are those of the whole schema, with its hash', () => {
  const parser = new GroupwiseParser()
  const known = new WeakMap()
  // Each twice, and every one after another: what is remembered of one must not show in the next.
  for (const written of [...right, ...right.toReversed()]) {
    const whole = experimentConfigSchema.parse(written)
    const config = parser.parse(written)
    expect(config).toEqual(whole)
    if (config !== null) expect(configHash(config, known)).toBe(configHash(whole))
  }
})

it.for(wrong)('what the whole schema refuses is refused: %o', (written) => {
  const parser = new GroupwiseParser()
  parser.parse({ model: 'a' })
  expect(experimentConfigSchema.safeParse(written).success).toBe(false)
  for (const _ of [1, 2]) expect(parser.parse(written)).toBeNull()
})
