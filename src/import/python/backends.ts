// Keys of the Python tool that belong to one backend: pytorch (also called transformers), vllm, tensorrt.

import { OWN_KEYS } from '../../backends/server/options.js'
import { isTree, type Tree } from '../../config/tree.js'
import {
  entryOf,
  missing,
  nothing,
  type Reading,
  type Rule,
  type Surroundings,
  to,
  unneeded,
  usual,
} from '../reading.js'
import { precision, sharding } from './keys.js'
import { inRequest, SAMPLING } from './sampling.js'

const ONE = (name: string): Surroundings => ({ backends: [name], isCampaign: false })

/** 4 bit as llem's worker loads it. */
const quantised =
  (bits: 4 | 8): Rule =>
  (value) =>
    value === true
      ? [{ to: 'pytorch.quantisation', value: `bnb_${bits}bit` }]
      : [{ why: 'it is off', matters: false }]

const oneOf =
  (key: string, values: readonly string[]): Rule =>
  (value, around) =>
    value === null || values.includes(String(value))
      ? to(key)(value, around)
      : [{ why: `llem knows ${values.join(', ')}`, matters: true }]

const compiled: Rule = (value) => {
  if (typeof value === 'boolean') return [{ to: 'pytorch.compile', value }]
  if (value === null || value === 'default') return [{ to: 'pytorch.compile', value: value !== null }]
  return [{ why: 'llem compiles in the default mode (`pytorch.compile: true`)', matters: true }]
}

const NO_BEAMS = 'llem has no beam search'
const GREEDY_CACHE = 'llem uses the cache that the model comes with'

const PYTORCH: Readonly<Record<string, Rule>> = {
  ...SAMPLING,
  batch_size: to('pytorch.batch_size'),
  batching_strategy: usual(['static'], 'llem makes batches of one size in the order of the prompts'),
  max_tokens_per_batch: missing('llem makes batches by their size'),
  num_processes: to('processes'),
  dtype: precision,
  torch_dtype: precision,
  load_in_4bit: quantised(4),
  load_in_8bit: quantised(8),
  bnb_4bit_compute_dtype: unneeded('llem computes in the type of pytorch.dtype'),
  bnb_4bit_quant_type: usual(['nf4'], 'llem quantises to nf4'),
  bnb_4bit_use_double_quant: usual([false], 'llem quantises once'),
  attn_implementation: oneOf('pytorch.attn_implementation', ['sdpa', 'eager', 'flash_attention_2']),
  torch_compile: compiled,
  torch_compile_mode: usual(['default'], 'llem compiles in the default mode'),
  torch_compile_backend: usual(['inductor'], 'llem compiles with inductor'),
  device_map: to('pytorch.device_map'),
  trust_remote_code: to('pytorch.trust_remote_code'),
  revision: to('pytorch.revision'),
  tokenizer: to('pytorch.tokenizer'),
  low_cpu_mem_usage: unneeded('it changes how the model is loaded, which is not measured'),
  use_bettertransformer: usual([false], 'it is no part of transformers any more'),
  use_cache: usual([true], 'llem always keeps the KV cache'),
  cache_implementation: usual(['dynamic'], GREEDY_CACHE),
  cache_config: missing(GREEDY_CACHE),
  max_memory: missing('CUDA_VISIBLE_DEVICES and pytorch.device_map say where the model goes'),
  num_beams: usual([1], NO_BEAMS),
  diversity_penalty: usual([0], NO_BEAMS),
  beam_search: (value) =>
    isTree(value) && value.enabled !== false ? [{ why: NO_BEAMS, matters: true }] : nothing(),
  prompt_lookup_num_tokens: missing(
    'llem has no speculative decoding with pytorch; vllm.speculative_config has',
  ),
  assisted_generation: missing('llem has no speculative decoding with pytorch; vllm.speculative_config has'),
  assistant_model: missing('llem has no speculative decoding with pytorch; vllm.speculative_config has'),
  output_scores: usual([false], 'llem keeps no scores'),
  return_dict_in_generate: unneeded('it changes the form of the answer'),
  allow_tf32: usual([false], "torch's default holds"),
  autocast_enabled: usual([false], 'the model computes in pytorch.dtype'),
  autocast_dtype: unneeded('the model computes in pytorch.dtype'),
  tp_plan: missing('llem has no tensor parallelism with pytorch; vllm.tensor_parallel_size has'),
  tp_size: usual([1], 'llem has no tensor parallelism with pytorch; vllm.tensor_parallel_size has'),
  sharding,
  parallelism_strategy: usual(
    ['none'],
    'processes shares the prompts among copies; pytorch.device_map spreads one model',
  ),
  parallelism_degree: usual(
    [1],
    'processes shares the prompts among copies; pytorch.device_map spreads one model',
  ),
  extra: (value) =>
    isTree(value) && Object.keys(value).length > 0
      ? [{ why: 'llem passes nothing on to generate()', matters: true }]
      : nothing(),
}

/** vLLM's own arguments go by their names; these do not. */
const VLLM: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(
    // `seed` is an argument of the engine, and `n` no more than another spelling.
    Object.entries(SAMPLING).filter(([key]) => key !== 'seed'),
  ),
  dtype: precision,
  best_of: inRequest('best_of', [1]),
  distributed_backend: to('vllm.distributed_executor_backend'),
  attention: (value) => (isTree(value) ? attention(value) : nothing()),
  'attention.backend': (value) => attention({ backend: value }),
  'attention.flash_version': missing('set VLLM_FLASH_ATTN_VERSION in vllm.env'),
  speculative: (value) => (isTree(value) ? speculative(value) : nothing()),
  speculative_model: to('vllm.speculative_config.model'),
  num_speculative_tokens: to('vllm.speculative_config.num_speculative_tokens'),
  lora: (value) =>
    isTree(value) && value.enabled === true
      ? [
          { to: 'vllm.enable_lora', value: true },
          ...(value.max_loras === undefined ? [] : [{ to: 'vllm.max_loras', value: value.max_loras }]),
          ...(value.max_rank === undefined ? [] : [{ to: 'vllm.max_lora_rank', value: value.max_rank }]),
        ]
      : [{ why: 'it is off', matters: false }],
  beam_search: missing(NO_BEAMS),
  use_beam_search: usual([false], NO_BEAMS),
  extra: (value) =>
    isTree(value)
      ? Object.entries(value).map(([key, each]) => ({ to: `vllm.${key}`, value: each }))
      : nothing(),
}

function attention({ backend, disable_sliding_window: sliding }: Tree): Reading[] {
  const isSaid = typeof backend === 'string' && backend !== 'auto'
  const taken: Reading[] = isSaid ? [{ to: 'vllm.attention_backend', value: backend.toUpperCase() }] : []
  if (sliding === true) taken.push({ to: 'vllm.disable_sliding_window', value: true })
  return taken.length > 0 ? taken : nothing()
}

function speculative({ num_tokens, draft_tp_size, ...rest }: Tree): Reading[] {
  const config = Object.fromEntries(
    Object.entries({
      ...rest,
      num_speculative_tokens: num_tokens,
      draft_tensor_parallel_size: draft_tp_size,
    }).filter(([, value]) => value !== undefined && value !== null),
  )
  return [{ to: 'vllm.speculative_config', value: config }]
}

const IN_FILE = 'trtllm-serve takes it from a YAML file alone: name that in tensorrt.extra_llm_api_options'
const OF_BUILD = 'trtllm-serve builds no engine; build it with trtllm-build, and give its folder as the model'

const TENSORRT: Readonly<Record<string, Rule>> = {
  ...Object.fromEntries(Object.entries(SAMPLING).filter(([key]) => key !== 'max_tokens')),
  dtype: precision,
  tensor_parallel_size: to('tensorrt.tp_size'),
  pipeline_parallel_size: to('tensorrt.pp_size'),
  gpu_memory_utilization: to('tensorrt.kv_cache_free_gpu_memory_fraction'),
  'kv_cache_config.free_gpu_memory_fraction': to('tensorrt.kv_cache_free_gpu_memory_fraction'),
  'kv_cache_config.*': missing(IN_FILE),
  enable_chunked_context: to('tensorrt.enable_chunked_prefill'),
  quantization: usual(['none'], IN_FILE),
  kv_cache_type: usual(['paged'], 'trtllm-serve has paged caches'),
  max_input_len: unneeded('tensorrt.max_seq_len is what prompt and answer share'),
  max_output_len: unneeded('generation.max_tokens says how long answers are'),
  max_num_tokens: to('tensorrt.max_num_tokens'),
  engine_path: missing('give the folder of the engine as `model`'),
  force_rebuild: unneeded(OF_BUILD),
  engine_cache_dir: unneeded(OF_BUILD),
  draft_model: missing(IN_FILE),
  num_draft_tokens: unneeded('without a draft model it has no meaning'),
  extra_build_args: (value) =>
    isTree(value) && Object.keys(value).length > 0 ? [{ why: OF_BUILD, matters: true }] : nothing(),
  extra_runtime_args: (value) =>
    isTree(value)
      ? Object.entries(value).map(([key, each]) => ({ to: `tensorrt.${key}`, value: each }))
      : nothing(),
  ...Object.fromEntries(
    ['builder_opt_level', 'strongly_typed', 'multiple_profiles', 'fast_build'].map((key) => [
      key,
      missing(OF_BUILD),
    ]),
  ),
  ...Object.fromEntries(
    [
      'quant_config',
      'calib',
      'calibration',
      'calib_config',
      'scheduler_config',
      'build_cache',
      'enable_kv_cache_reuse',
      'kv_cache_quant_algo',
      'speculative_config',
    ].map((key) => [key, missing(IN_FILE)]),
  ),
}

const RULES: Readonly<Record<string, Readonly<Record<string, Rule>>>> = {
  pytorch: PYTORCH,
  vllm: VLLM,
  tensorrt: TENSORRT,
}

/** Levels of a backend's group that only sort its keys. */
const LEVELS: readonly string[] = ['engine', 'sampling', 'engine_params', 'sampling_params']

/** A dotted key of a backend without the levels that only sort, e.g. `vllm.engine.block_size` -> `vllm.block_size`. */
export function plainKey([backend = '', ...rest]: readonly string[]): string[] {
  const [level = ''] = rest
  return LEVELS.includes(level) ? [backend, ...rest.slice(1)] : [backend, ...rest]
}

/** How a key of a backend is read; null where nobody knows it. Arguments of engines go by their own names. */
export function ruleOfBackend([backend = '', ...rest]: readonly string[], isLeaf: boolean): Rule | null {
  const rules = entryOf(RULES, backend)
  if (rules === undefined || rest.length === 0) return null
  // The inner keys of a group without a counterpart have none either.
  const own =
    entryOf(rules, rest.join('.')) ??
    (rest.length > 1 ? entryOf(rules, `${rest[0]}.*`) : undefined) ??
    (rest.length > 1 ? inner(rules, rest) : undefined)
  if (own !== undefined) return (value) => own(value, ONE(backend))
  if (rest.length > 1 && !isLeaf) return null
  if (backend === 'vllm' || (OWN_KEYS.tensorrt as readonly string[]).includes(rest[0] ?? ''))
    return to([backend, ...rest].join('.'))
  return null
}

/** What such a group says of one of its keys, as it stands in a sweep. */
function inner(
  rules: Readonly<Record<string, Rule>>,
  [group = '', ...below]: readonly string[],
): Rule | undefined {
  const rule = entryOf(rules, group)
  return rule === undefined
    ? undefined
    : (value, around) =>
        rule(
          below.reduceRight<unknown>((all, key) => ({ [key]: all }), value),
          around,
        )
}

/** Its keys of a backend, for a did-you-mean. */
export function keysOfBackend(backend: string): string[] {
  return Object.keys(RULES[backend] ?? {}).map((key) => `${backend}.${key}`)
}
