// Keys of the Python tool that no backend owns, in both of its generations.

import { isTree } from '../../config/tree.js'
import {
  entryOf,
  fitting,
  missing,
  nothing,
  type Reading,
  type Rule,
  to,
  unneeded,
  usual,
} from '../reading.js'
import { named } from './datasets.js'
import { inRequest, preset, SAMPLING } from './sampling.js'

/** Its names of inference backends. */
const BACKENDS: Readonly<Record<string, string>> = {
  transformers: 'pytorch',
  huggingface: 'pytorch',
  hf: 'pytorch',
  tensorrt_llm: 'tensorrt',
  'tensorrt-llm': 'tensorrt',
  trtllm: 'tensorrt',
}

export function backendOf(name: unknown): unknown {
  return typeof name === 'string' ? (entryOf(BACKENDS, name.toLowerCase()) ?? name) : name
}

const DTYPES: Readonly<Record<string, string>> = {
  ...{ fp32: 'float32', fp16: 'float16', bf16: 'bfloat16', half: 'float16', float: 'float32' },
  ...{ float32: 'float32', float16: 'float16', bfloat16: 'bfloat16', auto: 'auto' },
}

/** The type of weights, for each backend that can be told. */
export const precision: Rule = (value, { backends }) => {
  if (value === null) return nothing()
  const dtype = entryOf(DTYPES, String(value).toLowerCase())
  if (dtype === undefined)
    return [
      {
        why: `llem has no type ${JSON.stringify(value)}; quantise with pytorch.quantisation or vllm.quantization`,
        matters: true,
      },
    ]
  return backends.map((name): Reading => {
    if (name === 'pytorch' || name === 'vllm') return { to: `${name}.dtype`, value: dtype }
    return { why: `${name} takes the type that the model is saved in`, matters: dtype !== 'auto' }
  })
}

const BATCH_KEYS: Readonly<Record<string, string>> = {
  pytorch: 'pytorch.batch_size',
  vllm: 'vllm.max_num_seqs',
  tensorrt: 'tensorrt.max_batch_size',
}

const batchSize: Rule = (value, { backends }) =>
  value === null
    ? nothing()
    : backends.map((name) => ({ to: entryOf(BATCH_KEYS, name) ?? 'llamacpp.parallel', value }))

const batching = usual(['static', 'none'], 'llem makes batches of one size in the order of the prompts')

const gpus: Rule = (value, { backends }) => {
  if (value === null) return nothing()
  const list = [value].flat()
  const env = backends
    .filter((name) => name === 'vllm' || name === 'tensorrt')
    .map((name) => ({ to: `${name}.env.CUDA_VISIBLE_DEVICES`, value: list.join(',') }))
  const how =
    env.length < backends.length
      ? `start llem with CUDA_VISIBLE_DEVICES=${list.join(',')} to compute on these alone`
      : null
  return [{ to: 'energy.devices', value: list, ...(how === null ? {} : { how }) }, ...env]
}

const parallel =
  (strategy: string): Rule =>
  (value, { backends }) =>
    backends.map((name): Reading => {
      if (value === 1 || value === null) return { why: 'one GPU each', matters: false }
      if (/tensor/.test(strategy) && name === 'vllm') return { to: 'vllm.tensor_parallel_size', value }
      if (/tensor/.test(strategy) && name === 'tensorrt') return { to: 'tensorrt.tp_size', value }
      if (/pipeline/.test(strategy) && name === 'vllm') return { to: 'vllm.pipeline_parallel_size', value }
      if (/pipeline/.test(strategy) && name === 'tensorrt') return { to: 'tensorrt.pp_size', value }
      if (/data/.test(strategy) && name === 'pytorch') return { to: 'processes', value }
      return {
        why: `${name} has no ${strategy} here; pytorch.device_map spreads a model over GPUs`,
        matters: true,
      }
    })

/** `sharding`, `parallelism`: a strategy and how many. */
export const sharding: Rule = (value, around) => {
  if (!isTree(value))
    return value === null
      ? nothing()
      : [{ why: 'a mapping of strategy and degree was expected', matters: true }]
  const strategy = String(value.strategy ?? 'none')
  if (strategy === 'none') return [{ why: 'one GPU each', matters: false }]
  return parallel(strategy)(value.degree ?? value.num_shards ?? value.world_size ?? null, around)
}

const traffic: Rule = (value, { backends }) => {
  if (!isTree(value) || value.enabled === false) return [{ why: 'it is off', matters: false }]
  const others = backends.filter((name) => name !== 'vllm' && name !== 'tensorrt')
  if (others.length > 0) {
    const why = `requests arrive at servers; ${others.join(', ')} takes one batch after the other`
    return [{ why, matters: true }]
  }
  const { target_qps, mode, seed } = value
  const given: [string, unknown][] = [
    ['load.request_rate', target_qps],
    ['load.arrival', mode],
    ['load.seed', seed],
  ]
  return given
    .filter(([, each]) => each !== undefined && each !== null)
    .map(([key, each]) => ({ to: key, value: each }))
}

const lora: Rule = (value, { backends }) => {
  const adapter = isTree(value) ? (value.adapter_id ?? value.adapter_path) : value
  if (adapter === null || adapter === undefined) return nothing()
  if (backends.includes('pytorch')) return [{ to: 'pytorch.lora', value: adapter }]
  return [
    {
      why: 'llem has adapters for pytorch alone; name them for vllm in `vllm.args: [--lora-modules, ...]`',
      matters: true,
    },
  ]
}

/** Without a limit theirs go on to the end of the text. */
const most: Rule = (value, around) =>
  value === null
    ? [{ why: 'llem always has a limit: generation.max_tokens, 128 where it is not written', matters: true }]
    : to('generation.max_tokens')(value, around)

const cycles: Rule = (value) => (value === null ? nothing() : [{ to: 'execution.cycles', value }])

/** Dotted keys as they are written, after `task`, `measurement` and the like were taken off. */
export const KEYS: Readonly<Record<string, Rule>> = {
  model: to('model'),
  model_name: to('model'),
  backend: (value) => [{ to: 'backend', value: backendOf(value) }],
  engine: (value) => [{ to: 'backend', value: backendOf(value) }],
  n: to('n_prompts'),
  num_input_prompts: to('n_prompts'),
  num_samples: to('n_prompts'),
  'dataset.sample_size': to('n_prompts'),
  'dataset.n_prompts': to('n_prompts'),
  'dataset.n': to('n_prompts'),
  'prompts.sample_size': to('n_prompts'),
  dataset: named,
  prompts: (value, around) => (isTree(value) ? to('prompts')(value, around) : named(value, around)),
  'dataset.name': named,
  'dataset.source': named,
  'prompts.column': to('dataset.column'),
  'prompts.seed': to('dataset.seed'),
  'prompts.shuffle': (value) =>
    value === true
      ? [{ to: 'dataset.order', value: 'shuffled' }]
      : [{ why: 'in the order of the set', matters: false }],
  dataset_order: to('dataset.order'),
  max_input_tokens: to('dataset.max_input_tokens'),
  max_output_tokens: most,
  max_new_tokens: most,
  min_output_tokens: inRequest('min_tokens', [0]),
  min_new_tokens: inRequest('min_tokens', [0]),
  precision,
  fp_precision: precision,
  dtype: precision,
  random_seed: to('generation.seed', 'dataset.seed'),
  seed: to('generation.seed', 'dataset.seed'),
  gpus,
  gpu_list: gpus,
  num_processes: to('processes'),
  batch_size: batchSize,
  'batching.batch_size': batchSize,
  'batching.max_batch_size': batchSize,
  batching_strategy: batching,
  'batching.strategy': batching,
  'batching.max_tokens_per_batch': missing('llem makes batches by their size'),
  'batching.dynamic_batching': usual([false], 'llem makes batches of one size'),
  sharding,
  parallelism: sharding,
  traffic_simulation: traffic,
  query_rate: unneeded('traffic_simulation says how requests arrive'),
  streaming: unneeded('a server always streams to llem'),
  streaming_warmup_requests: unneeded('`warmup` says what is not measured'),
  sampling_preset: preset,
  adapter: lora,
  lora,
  num_cycles: cycles,
  n_cycles: cycles,
  energy_backend: to('energy.backend'),
  energy_sampler: to('energy.backend'),
  energy: (value) =>
    value === null
      ? [{ to: 'energy.backend', value: null }]
      : to('energy')(value, { backends: [], isCampaign: false }),
  'warmup.n_warmup': (value) =>
    value === null
      ? nothing()
      : [
          { to: 'warmup.convergence_detection', value: false, how: 'their default: so many, and no more' },
          { to: 'warmup.n_warmup', value: fitting('warmup.n_warmup', value) },
        ],
  'baseline.cache_ttl_seconds': to('baseline.cache_ttl_sec'),
  'baseline.strategy': usual(
    ['cached', 'validated'],
    'a baseline is kept for baseline.cache_ttl_sec; `llem baseline clear` forgets it',
  ),
  'baseline.validation_interval': unneeded('llem looks at the floor of each run'),
  'baseline.drift_threshold': unneeded('llem looks at the floor of each run'),
  'timeseries.interval_ms': to('timeseries.sample_interval_ms'),
  save_timeseries: to('timeseries.save'),
  schema_version: unneeded('llem knows the file by its keys'),
  version: unneeded('llem knows the file by its keys'),
  description: unneeded('it is for people; a comment in the file does'),
  save_outputs: unneeded('llem keeps no answers'),
  decode_token_to_text: unneeded('answers are decoded where they are counted'),
  extra_metadata: unneeded('it changes nothing that is measured'),
  cycle_id: unneeded('llem numbers cycles itself'),
  group_by: unneeded(
    'llem never pools different configurations; `llem report` and `llem export` have a row for each',
  ),
  skip_preflight: unneeded('llem looks before it begins, which takes seconds'),
  passthrough_kwargs: (value) =>
    isTree(value) && Object.keys(value).length > 0
      ? [
          {
            why: 'llem passes on arguments of vLLM and TensorRT-LLM alone, as keys of `vllm` and `tensorrt`',
            matters: true,
          },
        ]
      : nothing(),
  _extends: missing('write the keys of that file into this one'),
  'output.results_dir': (value, { isCampaign }) =>
    value === null ? nothing() : [{ to: isCampaign ? 'io.results_dir' : 'output_dir', value }],
  'output.save_timeseries': to('timeseries.save'),
  'output.formats': unneeded('`llem export` writes CSV, JSON lines and Parquet'),
  'output.format': unneeded('`llem export` writes CSV, JSON lines and Parquet'),
  output_dir: (value, { isCampaign }) =>
    value === null ? nothing() : [{ to: isCampaign ? 'io.results_dir' : 'output_dir', value }],
  'io.results_dir': (value, { isCampaign }) =>
    value === null ? nothing() : [{ to: isCampaign ? 'io.results_dir' : 'output_dir', value }],
  'io.state_dir': unneeded("a campaign's state is in its folder"),
  ...Object.fromEntries(Object.entries(SAMPLING).map(([key, rule]) => [`decoder.${key}`, rule])),
}
