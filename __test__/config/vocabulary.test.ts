import { describe, expect, it } from 'vitest'
import { suggestDottedKey, suggestKey } from '../../dist/config/did-you-mean.js'
import { schemaKeys } from '../../dist/config/json-schema.js'
import { loadExperimentConfig } from '../../dist/config/load.js'
import { campaignJsonSchema } from '../../dist/config/load-campaign.js'
import { meantBy, vocabularyKeys } from '../../dist/config/vocabulary.js'
import { problemsOf } from '../campaign/written.js'

describe('the words of others', () => {
  it('all stand for keys that there are', () => {
    const keys = [...schemaKeys(), ...schemaKeys(campaignJsonSchema())].map(({ path }) => path.join('.'))
    expect(vocabularyKeys().filter((key) => !keys.includes(key))).toEqual([])
  })

  it.each([
    ['max_output_tokens', ['generation.max_tokens']],
    ['max-new-tokens', ['generation.max_tokens']],
    ['num_predict', ['generation.max_tokens']],
    ['isl', ['prompts.synthetic.input_len']],
    ['osl', ['generation.max_tokens', 'prompts.synthetic.output_len']],
    ['num-prompts', ['n_prompts']],
    ['max_concurrency', ['load.concurrency']],
    ['qps', ['load.request_rate']],
    ['n_gpu_layers', ['llamacpp.gpu_layers']],
    ['mem_fraction_static', ['vllm.gpu_memory_utilization']],
    ['torch_dtype', ['pytorch.dtype', 'vllm.dtype']],
    ['served_model_name', ['server.model']],
    ['measure_power_secs', ['energy.interval_ms']],
    ['do_sample', ['generation.temperature']],
  ])('%s is %j', (word, keys) => {
    expect(meantBy(word)).toEqual(keys)
  })

  it.each([
    ['tp', 'vllm', 'did you mean `vllm.tensor_parallel_size`?'],
    ['max_num_sequences', 'tensorrt', 'did you mean `tensorrt.max_batch_size`?'],
    ['max_new_tokens', 'generation', 'did you mean `generation.max_tokens`?'],
    ['precision', 'pytorch', 'did you mean `pytorch.dtype`?'],
  ])('%s under %s', (word, group, suggestion) => {
    expect(suggestDottedKey(`${group}.${word}`)).toBe(suggestion)
    expect(suggestKey(word, [group])).toBe(suggestion)
  })

  it('come before words that only look alike', () => {
    const problems = (text: string) => {
      const loaded = loadExperimentConfig({ text, path: 'exp.yaml' })
      return loaded.ok ? [] : loaded.problems.map(({ suggestion }) => suggestion)
    }
    expect(problems('model: m\nmax_output_tokens: 5')).toEqual(['did you mean `generation.max_tokens`?'])
    expect(problems('model: m\nn-prompts: 5')).toEqual(['did you mean `n_prompts`?'])
    expect(problems('model: m\nenergy: { gpu_ids: [0] }')).toEqual(['did you mean `energy.devices`?'])
  })

  it('are known in a campaign, its grid, --set and the environment', () => {
    const campaign = (rest: string) => problemsOf(`campaign_name: c\nmodel: m.gguf\n${rest}\n`)
    expect(campaign('experiments: [{}]\nrepetitions: 3')).toEqual([
      'campaign.yaml:4:1: unknown key `repetitions`; did you mean `execution.cycles`?',
    ])
    expect(campaign('grid: { shared: { max_output_tokens: [16] } }')).toEqual([
      'campaign.yaml:3:19: unknown key `max_output_tokens` in the grid; did you mean `generation.max_tokens`?',
    ])
    const loaded = loadExperimentConfig({
      text: 'model: m',
      sets: ['load.qps=3'],
      env: { LLEM_MAX_NEW_TOKENS: '3' },
    })
    expect(loaded.ok ? [] : loaded.problems.map(({ suggestion }) => suggestion)).toEqual([
      'did you mean `LLEM_GENERATION__MAX_TOKENS`?',
      'did you mean `load.request_rate`?',
    ])
  })
})
