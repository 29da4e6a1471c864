import { describe, expect, it } from 'vitest'
import { configOf, problemLines } from './loading.js'

describe('rules that join several keys', () => {
  const BROKEN: [string, string, string[]][] = [
    [
      'a warmup window above its cap',
      'warmup: { window_size: 8, max_prompts: 6 }',
      ['exp.yaml:2:24: warmup.window_size (8) must not exceed warmup.max_prompts (6)'],
    ],
    [
      'a fewest above the most',
      'warmup: { min_prompts: 60 }',
      ['exp.yaml:2:24: warmup.min_prompts (60) must not exceed warmup.max_prompts (50, the default)'],
    ],
    [
      'a cap below both defaults',
      'warmup: { max_prompts: 4 }',
      [
        'exp.yaml:2:24: warmup.window_size (5, the default) must not exceed warmup.max_prompts (4)',
        'exp.yaml:2:24: warmup.min_prompts (5, the default) must not exceed warmup.max_prompts (4)',
      ],
    ],
    [
      'a device that is listed twice',
      'energy: { devices: [0, GPU-a, 0] }',
      ['exp.yaml:2:31: energy.devices lists 0 twice, its energy would be counted twice'],
    ],
    [
      'a country beside an intensity',
      'carbon: { country: FRA, intensity_gco2_kwh: 50 }',
      ['exp.yaml:2:20: carbon.country (FRA) and carbon.intensity_gco2_kwh (50) must not be given both'],
    ],
    [
      'a length of answers that synthetic prompts do not take',
      'prompts: { synthetic: { output_len: 10 } }\ngeneration: { max_tokens: 8 }',
      [
        'exp.yaml:3:27: generation.max_tokens (8) would change nothing: each synthetic prompt has prompts.synthetic.output_len (10); set that one alone',
      ],
    ],
    [
      'the same with the default length',
      'prompts: { synthetic: { input_len: 9 } }\ngeneration: { max_tokens: 8 }',
      [
        'exp.yaml:3:27: generation.max_tokens (8) would change nothing: each synthetic prompt has prompts.synthetic.output_len (128, the default); set that one alone',
      ],
    ],
    [
      'a column of prompts that have none',
      'prompts: p.txt\ndataset: { column: text }',
      ['exp.yaml:3:20: dataset.column (text) is given, but prompts: p.txt has no columns'],
    ],
    [
      'a column of the built-in prompts',
      'dataset: { column: text }',
      ['exp.yaml:2:20: dataset.column (text) is given, but prompts: builtin has no columns'],
    ],
    [
      'two columns of a data set',
      'prompts: "hf:o/d:c:s:text"\ndataset: { column: body }',
      ['exp.yaml:3:20: dataset.column (body) is another one than prompts (hf:o/d:c:s:text) names'],
    ],
    [
      'a load for a backend that takes one prompt after the other',
      'load: { concurrency: 4, seed: 42 }',
      [
        'exp.yaml:2:22: load.concurrency has no meaning for backend llamacpp, which takes one prompt after the other; leave it out, or set backend to vllm, tensorrt, ollama, lmstudio, sglang, tgi, llama-server, server',
      ],
    ],
    [
      'several processes for a server, which is one',
      'backend: vllm\nprocesses: 2',
      [
        'exp.yaml:3:12: processes (2) has no meaning for backend vllm, which is one server; spread it over GPUs with vllm.tensor_parallel_size',
      ],
    ],
    [
      'the backend server without a server',
      'backend: server',
      [
        'exp.yaml:2:10: backend server needs server.command, e.g. [llama-server, -m, "{model}", --port, "{port}"], or server.base_url, e.g. http://127.0.0.1:8000',
      ],
    ],
    [
      'a server that is started and runs already',
      'backend: server\nserver: { base_url: "http://h:1", command: [serve, "{port}"] }',
      [
        'exp.yaml:3:44: server.command is for a server that llem starts, and server.base_url names one that runs already; leave out one of the two',
      ],
    ],
    [
      'options to start vllm with beside one that runs already',
      'backend: vllm\nvllm: { base_url: "http://h:1/v1", max_num_seqs: 8, endpoint: chat }',
      [
        'exp.yaml:3:50: vllm.max_num_seqs is for a server that llem starts, and vllm.base_url names one that runs already; leave out one of the two',
      ],
    ],
    [
      'a key that anybody on the way could read',
      'backend: vllm\nvllm: { base_url: "http://h:1/v1", api_key_env: MY_KEY, api_key_hosts: [g] }',
      [
        'exp.yaml:3:49: the key of vllm.api_key_env (MY_KEY) would go unencrypted to http://h:1/v1; use https://, or allow it with `vllm.api_key_hosts: [h]`',
      ],
    ],
    [
      'a command that does not say where its port goes',
      'backend: server\nserver: { command: [serve, --port, "8000"] }',
      ['exp.yaml:3:20: server.command must say {port} where the server gets its port, e.g. --port, "{port}"'],
    ],
    [
      'both names of the duration, even when they agree',
      'baseline: { duration_sec: 30, duration_seconds: 30 }',
      [
        'exp.yaml:2:31: baseline.duration_seconds is another name of baseline.duration_sec, which is given too; keep one of the two',
      ],
    ],
    [
      'two different sampler intervals',
      'energy: { interval_ms: 10 }\ntimeseries: { sample_interval_ms: 50 }',
      [
        'exp.yaml:3:15: timeseries.sample_interval_ms is another name of energy.interval_ms, which is given too; keep one of the two',
      ],
    ],
  ]
  it.each(BROKEN)('refuse %s', (_, text, lines) => {
    expect(problemLines(`model: m\n${text}`)).toEqual(lines)
  })

  it.each([
    'warmup: { window_size: 5, min_prompts: 5, max_prompts: 5 }',
    'energy: { interval_ms: 50 }\ntimeseries: { sample_interval_ms: 50 }',
    'energy: { interval_ms: 50 }\ntimeseries: { sample_interval_ms: null }',
    'energy: { devices: [0, 1, GPU-0] }',
    'prompts: p.jsonl\ndataset: { column: text }',
    'prompts: p.parquet\ndataset: { column: text }',
    'prompts: "hf:o/d"\ndataset: { column: text }',
    'prompts: "hf:o/d:c:s:text"\ndataset: { column: text }',
  ])('allow %s', (text) => {
    expect(problemLines(`model: m\n${text}`)).toEqual([])
  })

  it('stay silent about a value that is wrong by itself', () => {
    expect(problemLines('model: m\nwarmup: { max_prompts: none }')).toHaveLength(1)
    expect(problemLines('model: m\nwarmup: 3')).toHaveLength(1)
  })

  it('join values from different sources, at the place of the one that was written', () => {
    expect(
      problemLines('model: m\nwarmup: { max_prompts: 6, min_prompts: 1 }', {
        sets: ['warmup.window_size=9'],
      }),
    ).toEqual(['--set warmup.window_size: warmup.window_size (9) must not exceed warmup.max_prompts (6)'])
  })
})

describe('an alias', () => {
  it('sets its key and is gone from the resolved config', () => {
    const config = configOf({
      text: 'model: m\nbaseline: { duration_seconds: 12 }\ntimeseries: { sample_interval_ms: 50 }',
    })
    expect(config.baseline.duration_sec).toBe(12)
    expect(config.energy.interval_ms).toBe(50)
    expect(config.baseline).not.toHaveProperty('duration_seconds')
    expect(config.timeseries).not.toHaveProperty('sample_interval_ms')
  })

  it.each([
    ['its key in a stronger source', 'timeseries: { sample_interval_ms: 50 }', 'energy.interval_ms=5', 5],
    ['the alias in a stronger source', 'energy: { interval_ms: 50 }', 'timeseries.sample_interval_ms=5', 5],
    [
      'nothing, when set to null',
      'timeseries: { sample_interval_ms: 50 }',
      'timeseries.sample_interval_ms=null',
      10,
    ],
  ])('yields to %s', (_, text, set, expected) => {
    expect(configOf({ text: `model: m\n${text}`, sets: [set] }).energy.interval_ms).toBe(expected)
  })
})
