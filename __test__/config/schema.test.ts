import { describe, expect, it } from 'vitest'
import { configOf, problemLines } from './loading.js'

/** What every backend that speaks HTTP has. */
const TALKING = {
  base_url: null,
  endpoint: 'completions',
  model: null,
  served_as: null,
  api_key_env: null,
  api_key_hosts: [],
  env: {},
  extra_body: {},
}

describe('an experiment of which only the model is written', () => {
  it('resolves to the documented defaults', () => {
    expect(configOf({ text: 'model: m.gguf' })).toEqual({
      model: 'm.gguf',
      backend: 'llamacpp',
      experiment_name: null,
      prompts: 'builtin',
      dataset: { column: null, order: 'interleaved', seed: 42, max_input_tokens: null },
      n_prompts: 100,
      generation: { max_tokens: 128, temperature: 0, top_p: 1, top_k: null, seed: 42, ignore_eos: false },
      processes: 1,
      llamacpp: {
        threads: null,
        context_size: null,
        parallel: 1,
        batch_size: null,
        gpu_layers: null,
        gpu: 'auto',
        flash_attention: false,
      },
      pytorch: {
        dtype: 'auto',
        batch_size: 1,
        quantisation: null,
        attn_implementation: null,
        compile: false,
        device: 'auto',
        device_map: null,
        num_threads: null,
        chat_template: false,
        revision: null,
        tokenizer: null,
        lora: null,
        trust_remote_code: false,
      },
      vllm: {
        tensor_parallel_size: null,
        max_model_len: null,
        gpu_memory_utilization: null,
        dtype: null,
        quantization: null,
        enable_prefix_caching: null,
        max_num_seqs: null,
        args: [],
        ...TALKING,
      },
      tensorrt: {
        backend: null,
        tp_size: null,
        max_batch_size: null,
        max_num_tokens: null,
        max_seq_len: null,
        args: [],
        ...TALKING,
      },
      ollama: { ...TALKING, base_url: 'http://127.0.0.1:11434' },
      lmstudio: { ...TALKING, base_url: 'http://127.0.0.1:1234' },
      sglang: {
        tp_size: null,
        context_length: null,
        mem_fraction_static: null,
        dtype: null,
        quantization: null,
        max_running_requests: null,
        args: [],
        ...TALKING,
      },
      tgi: {
        num_shard: null,
        max_total_tokens: null,
        dtype: null,
        quantize: null,
        max_concurrent_requests: null,
        args: [],
        ...TALKING,
      },
      'llama-server': {
        ctx_size: null,
        parallel: null,
        n_gpu_layers: null,
        threads: null,
        args: [],
        ...TALKING,
      },
      server: { command: null, ...TALKING },
      load: {
        concurrency: null,
        request_rate: null,
        arrival: 'poisson',
        seed: 42,
        retries: 0,
        max_failed_share: 0.1,
      },
      energy: {
        backend: 'auto',
        devices: null,
        interval_ms: 10,
        slow_interval_ms: 100,
        approx_instant_energy: false,
        external: null,
        nodes: null,
        tick_locked: false,
      },
      baseline: {
        enabled: true,
        required: false,
        duration_sec: 30,
        sample_interval_ms: 100,
        cache_ttl_sec: 3600,
      },
      warmup: {
        enabled: true,
        convergence_detection: true,
        cv_threshold: 0.05,
        max_prompts: 50,
        window_size: 5,
        min_prompts: 5,
        n_warmup: null,
        max_seconds: null,
        thermal_floor_seconds: 60,
      },
      timeseries: { enabled: true, save: true, full_rate: true },
      slo: { ttft_ms: null, tpot_ms: null, e2e_ms: null },
      carbon: { intensity_gco2_kwh: null, country: null, pue: 1 },
      price_per_kwh: null,
      python: null,
      output_dir: 'results',
      load_timeout_sec: 600,
      request_timeout_sec: 300,
    })
  })

  it('has one name for a data type, however it is written', () => {
    const dtypeOf = (dtype: string) =>
      configOf({ text: `model: m\npytorch: { dtype: ${dtype} }` }).pytorch.dtype
    expect(['fp32', 'fp16', 'bf16', 'bfloat16', 'auto'].map(dtypeOf)).toEqual([
      'float32',
      'float16',
      'bfloat16',
      'bfloat16',
      'auto',
    ])
  })

  it('fills the rest of a synthetic prompt set', () => {
    expect(configOf({ text: 'model: m\nprompts: { synthetic: { input_len: 512 } }' }).prompts).toEqual({
      synthetic: { input_len: 512, output_len: 128, seed: 42 },
    })
  })
})

/** Key, values that are accepted, values that are refused, what a refused value must be. */
const RANGES: [string, string[], string[], string][] = [
  [
    'experiment_name',
    ['null', 'Größe 1', '"2024"'],
    ['a/b', '""', '"a\\nb"', 'x'.repeat(101)],
    'text of 1 to 100',
  ],
  [
    'prompts',
    [
      ...['builtin', 'p.jsonl', 'dir/p.txt', 'p.parquet'],
      ...['hf:squad', 'hf:o-1/d.2_x', 'hf:o/d:config 1', 'hf:o/d::test', 'hf:o/d:c:s:column'],
    ],
    ['p.xml', '3', '.txt', '"hf:"', 'hf:o/d/e', 'hf:o/d:c:s:column:more', 'hf:o /d'],
    'builtin, the path of a .jsonl, .json, .txt, .csv, .tsv or .parquet file, hf:owner/name',
  ],
  ['dataset.column', ['null'], ['""', '3', '"a\\nb"'], 'the name of a column'],
  [
    'dataset.order',
    ['interleaved', 'grouped', 'shuffled'],
    ['sorted', 'null'],
    'interleaved, grouped or shuffled',
  ],
  ['dataset.seed', ['0', '4294967295'], ['-1', 'null'], 'a whole number from 0 to 4294967295'],
  ['dataset.max_input_tokens', ['null', '1'], ['0', '1.5'], 'a whole number of at least 1 (tokens) or null'],
  ['n_prompts', ['1', '100000'], ['0', '100001', '1.5', 'null'], 'a whole number from 1 to 100000 (prompts)'],
  ['processes', ['1', '64'], ['0', '65', 'null'], 'a whole number from 1 to 64'],
  ['llamacpp.parallel', ['1', '256'], ['0', '257'], 'a whole number from 1 to 256'],
  ['llamacpp.batch_size', ['null', '1'], ['0'], 'a whole number of at least 1 (tokens) or null'],
  ['generation.max_tokens', ['1', '4096'], ['0', '-1'], 'a whole number of at least 1 (tokens)'],
  ['generation.temperature', ['0', '2'], ['-0.1', '2.1', '.nan'], 'a number from 0 to 2'],
  ['generation.top_p', ['0.1', '1'], ['0', '1.1'], 'a number above 0 and at most 1'],
  ['generation.top_k', ['null', '1'], ['0', '1.5'], 'a whole number of at least 1 (tokens) or null'],
  ['generation.seed', ['0', '4294967295'], ['-1', '4294967296'], 'a whole number from 0 to 4294967295'],
  ['generation.ignore_eos', ['true'], ['1', 'null'], 'true or false'],
  ['llamacpp.threads', ['null', '8'], ['0', 'many'], 'a whole number of at least 1 (threads) or null'],
  ['llamacpp.context_size', ['null', '32'], ['31'], 'a whole number of at least 32 (tokens) or null'],
  [
    'llamacpp.gpu_layers',
    ['null', 'max', '0'],
    ['-1', 'all'],
    'a whole number of at least 0 (layers), max or null',
  ],
  ['llamacpp.gpu', ['cuda', 'none'], ['null', 'metal'], 'auto, cuda, vulkan or none'],
  [
    'pytorch.dtype',
    ['auto', 'fp16', 'bfloat16'],
    ['int8', 'null'],
    'auto, float32, float16, bfloat16, fp32, fp16 or bf16',
  ],
  ['pytorch.batch_size', ['1', '4096'], ['0', '4097', '1.5'], 'a whole number from 1 to 4096 (prompts)'],
  ['pytorch.quantisation', ['null', 'bnb_4bit'], ['int4'], 'bnb_8bit, bnb_4bit or null'],
  [
    'pytorch.attn_implementation',
    ['null', 'sdpa', 'flash_attention_2'],
    ['flash'],
    'sdpa, eager, flash_attention_2 or null',
  ],
  ['pytorch.device', ['cpu', 'cuda'], ['null', 'mps'], 'auto, cuda or cpu'],
  ['pytorch.lora', ['null', 'a/b'], ['""', '3'], 'text (not empty, no control characters) or null'],
  [
    'energy.backend',
    ['nvml', 'zeus', 'rapl', 'codecarbon', 'auto', 'null'],
    ['psys', 'false'],
    'nvml, zeus, rapl, codecarbon, auto, or null to disable',
  ],
  [
    'carbon.intensity_gco2_kwh',
    ['null', '0', '5000'],
    ['-1', '5001'],
    'a number from 0 to 5000 (gCO2e/kWh) or null',
  ],
  ['carbon.pue', ['1', '5'], ['0.9', '5.1'], 'a number from 1 to 5'],
  ['price_per_kwh', ['null', '0', '0.31'], ['-1'], 'a number of at least 0 or null'],
  [
    'energy.devices',
    ['null', '[0, GPU-8932f937-d72c]', '[MIG-GPU-8932/1/0]'],
    ['[]', '0'],
    'a list of at least one GPU',
  ],
  ['energy.interval_ms', ['1', '5000', '2.5'], ['0', '5001', '.inf'], 'a number from 1 to 5000 (ms)'],
  ['energy.slow_interval_ms', ['1', '5000'], ['0', '5001'], 'a number from 1 to 5000 (ms)'],
  ['baseline.duration_sec', ['5', '120'], ['4.9', '121'], 'a number from 5 to 120 (s)'],
  ['baseline.duration_seconds', ['5', '120'], ['4.9', '121'], 'a number from 5 to 120 (s)'],
  ['baseline.sample_interval_ms', ['10', '1000'], ['9', '1001'], 'a number from 10 to 1000 (ms)'],
  ['baseline.cache_ttl_sec', ['60'], ['59'], 'a number of at least 60 (s)'],
  ['warmup.cv_threshold', ['0', '1'], ['-0.1', '1.1'], 'a number from 0 to 1'],
  ['warmup.max_prompts', ['5', '200'], ['0', '201'], 'a whole number from 1 to 200 (prompts)'],
  ['warmup.window_size', ['3', '20'], ['2', '21'], 'a whole number from 3 to 20 (prompts)'],
  ['warmup.min_prompts', ['1', '50'], ['0'], 'a whole number of at least 1 (prompts)'],
  ['warmup.n_warmup', ['null', '1'], ['0'], 'a whole number of at least 1 (prompts) or null'],
  [
    'warmup.thermal_floor_seconds',
    ['0', '30'],
    ['1', '29.9', '-1'],
    '0 (off) or a number of at least 30 (s)',
  ],
  [
    'timeseries.sample_interval_ms',
    ['null', '1', '5000'],
    ['0', '5001'],
    'a number from 1 to 5000 (ms) or null',
  ],
  ['load_timeout_sec', ['1', '86400'], ['0', '86401'], 'a number from 1 to 86400 (s)'],
]

/** A dotted key as nested flow mappings, so that the whole experiment is two lines. */
function write(key: string, value: string): string {
  const steps = key.split('.')
  return `model: m\n${steps.join(': { ')}: ${value}${' }'.repeat(steps.length - 1)}\n`
}

describe.each(RANGES)('%s', (key, accepted, refused, expected) => {
  it.each(accepted)('accepts %s', (value) => {
    expect(problemLines(write(key, value))).toEqual([])
  })

  it.each(refused)('refuses %s and says what it must be', (value) => {
    const lines = problemLines(write(key, value))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(`${key} must be ${expected}`)
    const col = (write(key, value).split('\n')[1]?.indexOf(`: ${value}`) ?? 0) + 3
    expect(lines[0]).toMatch(new RegExp(`^exp\\.yaml:2:${col}: `))
  })
})
