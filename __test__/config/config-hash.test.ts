import { describe, expect, it } from 'vitest'
import { configHash } from '../../src/config/config-hash.js'
import { configOf } from './loading.js'

const hashOf = (text: string) => configHash(configOf({ text }))
const plain = hashOf('model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }')

describe('the hash of a config', () => {
  it.each([
    ['the order of its keys', 'energy: { backend: nvml, interval_ms: 20 }\nn_prompts: 5\nmodel: m'],
    [
      'its output folder',
      'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\noutput_dir: other',
    ],
    ['its label', 'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\nexperiment_name: a'],
    [
      'what its energy comes to, and which Python measures it',
      'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\ncarbon: { country: FRA, pue: 1.2 }\nprice_per_kwh: 0.3\npython: /p',
    ],
    [
      'its timeouts',
      'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\nload_timeout_sec: 9\nrequest_timeout_sec: 9',
    ],
    [
      'defaults that are written out',
      'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml, devices: null }',
    ],
    [
      'options of backends that it does not use',
      'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\npytorch: { batch_size: 8 }\nvllm: { max_num_seqs: 9 }',
    ],
    [
      'the name of an aliased key',
      'model: m\nn_prompts: 5\nenergy: { backend: nvml }\ntimeseries: { sample_interval_ms: 20 }',
    ],
  ])('ignores %s', (_, text) => {
    expect(hashOf(text)).toBe(plain)
  })

  it.each([
    'model: m2\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }',
    'model: m\nn_prompts: 6\nenergy: { interval_ms: 20, backend: nvml }',
    'model: m\nn_prompts: 5\nenergy: { interval_ms: 21, backend: nvml }',
    'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: null }',
    'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\ngeneration: { seed: 1 }',
    'model: m\nn_prompts: 5\nenergy: { interval_ms: 20, backend: nvml }\nllamacpp: { threads: 3 }',
  ])('changes with what is measured: %s', (text) => {
    expect(hashOf(text)).not.toBe(plain)
  })

  it('changes with the options and the load of the backend that is used', () => {
    const served = (rest: string) => hashOf(`model: m\nbackend: vllm\n${rest}`)
    const hashes = [
      '',
      'vllm: { max_num_seqs: 9 }',
      'load: { concurrency: 3 }',
      'pytorch: { batch_size: 8 }',
    ].map(served)
    expect(new Set(hashes)).toHaveLength(3)
    expect(hashes[3]).toBe(hashes[0])
  })

  it('does not change with how an address or the load of one after the other is written', () => {
    const served = (url: string, load = '{}') =>
      hashOf(`model: m\nbackend: server\nserver: { base_url: "${url}" }\nload: ${load}`)
    const root = served('http://h:8000')
    expect(['http://h:8000/', 'http://h:8000/v1', 'http://h:8000/v1/'].map((url) => served(url))).toEqual([
      ...[root, root, root],
    ])
    expect(served('http://h:8000', '{ concurrency: 1 }')).toBe(root)
    const others = [
      served('http://h:8000/v3'),
      served('http://h:8001'),
      served('http://h:8000', '{ concurrency: 2 }'),
      served('http://h:8000', '{ request_rate: 2 }'),
      served('http://h:8000', '{ request_rate: 2, concurrency: 1 }'),
    ]
    expect(new Set([root, ...others])).toHaveLength(6)
  })

  it('is the same for a resolved config that is loaded again', () => {
    const config = configOf({ text: 'model: m\nn_prompts: 5\ntimeseries: { sample_interval_ms: 20 }' })
    const again = configOf({ text: JSON.stringify(config), sets: ['energy.interval_ms=20'] })
    expect(configHash(again)).toBe(configHash(config))
  })
})
