import { z } from 'zod'

// Arguments of engines by their own names. Each is absent unless it is written, so that one that comes to be known here
// changes no hash. What nobody knows here is passed on as it is: engines are faster than this list.

const text = z.string().regex(/^[^\p{Cc}]+$/u)
const scalar = z.union([z.number(), z.boolean(), text])

/** What an argument may hold that is not known here. */
export const anyArgument = z
  .union([scalar, z.array(scalar), z.record(z.string(), z.unknown())])
  .nullable()
  .meta({
    description: 'Any other argument, by its own name: true and false are switches, a mapping is its JSON.',
    expects: 'a number, text, true, false, a list, a mapping or null',
  })
export type EngineArgument = z.infer<typeof anyArgument>

const count = z.int().min(1).nullable().optional()
const size = z.number().min(0).nullable().optional()
const share = z.number().gt(0).max(1).nullable().optional()
const word = text.nullable().optional()
const flag = z.boolean().nullable().optional()
const words = z
  .union([text, z.record(z.string(), z.unknown())])
  .nullable()
  .optional()

/** Of `vllm serve`: https://docs.vllm.ai/en/latest/cli/serve.html */
export const vllmArguments = {
  pipeline_parallel_size: count.meta({
    description: 'Groups of GPUs that take layers in turn.',
    unit: 'GPUs',
  }),
  data_parallel_size: count.meta({ description: 'Copies of the model.' }),
  enable_expert_parallel: flag.meta({ description: 'Spread experts over GPUs instead of cutting each.' }),
  distributed_executor_backend: word.meta({ description: 'How workers are started: mp, ray.' }),
  max_num_batched_tokens: count.meta({ description: 'Most tokens in one step.', unit: 'tokens' }),
  enable_chunked_prefill: flag.meta({ description: 'Cut long prompts, and compute them beside answers.' }),
  block_size: count.meta({ description: 'Tokens in a block of the KV cache.', unit: 'tokens' }),
  swap_space: size.meta({ description: 'Memory of the host for each GPU.', unit: 'GiB' }),
  cpu_offload_gb: size.meta({ description: 'Weights kept in the memory of the host.', unit: 'GiB' }),
  kv_cache_dtype: word.meta({ description: 'Type of the KV cache, e.g. auto, fp8.' }),
  enforce_eager: flag.meta({ description: 'Without CUDA graphs.' }),
  load_format: word.meta({ description: 'Format of the weights, e.g. auto, safetensors, dummy.' }),
  disable_custom_all_reduce: flag.meta({ description: 'Use NCCL to add up over GPUs.' }),
  max_seq_len_to_capture: count.meta({ description: 'Longest sequence of a CUDA graph.', unit: 'tokens' }),
  max_logprobs: z
    .int()
    .min(-1)
    .nullable()
    .optional()
    .meta({ description: 'Most log probabilities that a request may ask for.' }),
  disable_sliding_window: flag.meta({ description: "Without the model's sliding window." }),
  attention_backend: word.meta({ description: 'How attention is computed, e.g. FLASH_ATTN.' }),
  speculative_config: words.meta({ description: 'Speculative decoding, e.g. { method: ngram, ... }.' }),
  compilation_config: z
    .union([z.int(), text, z.record(z.string(), z.unknown())])
    .nullable()
    .optional()
    .meta({ description: 'How the model is compiled: a level or a mapping.' }),
  hf_overrides: words.meta({ description: "Laid over the model's config.json." }),
  enable_lora: flag.meta({ description: 'Allow LoRA adapters.' }),
  max_loras: count.meta({ description: 'LoRA adapters in one batch.' }),
  max_lora_rank: count.meta({ description: 'Highest rank of a LoRA adapter.' }),
  tokenizer: word.meta({ description: 'Id or folder of another tokenizer.' }),
  tokenizer_mode: word.meta({ description: 'Which tokenizer: auto, slow, mistral.' }),
  revision: word.meta({ description: 'Branch, tag or commit of the model.' }),
  served_model_name: word.meta({ description: 'The name by which the server calls the model.' }),
  generation_config: word.meta({
    description: 'Where defaults of sampling come from: auto, vllm, a folder.',
  }),
  seed: z.int().min(0).nullable().optional().meta({ description: 'Seed of the engine.' }),
  trust_remote_code: flag.meta({ description: 'Run code that comes with the model.' }),
}

/** Of `trtllm-serve`: https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve/trtllm-serve.html */
export const tensorrtArguments = {
  pp_size: count.meta({ description: 'Groups of GPUs that take layers in turn.', unit: 'GPUs' }),
  ep_size: count.meta({ description: 'GPUs that share the experts.', unit: 'GPUs' }),
  max_beam_width: count.meta({ description: 'Most beams of one request.' }),
  kv_cache_free_gpu_memory_fraction: share.meta({
    description: 'Share of the memory that is free once the model is loaded, for the KV cache.',
  }),
  enable_chunked_prefill: flag.meta({ description: 'Cut long prompts, and compute them beside answers.' }),
  num_postprocess_workers: z
    .int()
    .min(0)
    .nullable()
    .optional()
    .meta({ description: 'Processes that turn tokens into text.' }),
  tokenizer: word.meta({ description: 'Id or folder of another tokenizer.' }),
  extra_llm_api_options: word.meta({ description: 'A YAML file with arguments that have no option.' }),
  trust_remote_code: flag.meta({ description: 'Run code that comes with the model.' }),
}

/** Those that `trtllm-serve` takes from a file alone. */
export const ONLY_IN_FILE: readonly string[] = [
  ...[
    'quant_config',
    'kv_cache_config',
    'scheduler_config',
    'build_config',
    'calib_config',
    'cuda_graph_config',
  ],
  ...['speculative_config', 'decoding_config', 'lora_config', 'peft_cache_config', 'dtype', 'max_input_len'],
]

/** Known or not, all arguments that are no key of llem's own, in the order of their names: the same for the same engine. */
export function passedOn(
  options: Readonly<Record<string, unknown>>,
  own: readonly string[],
): [string, EngineArgument][] {
  return Object.entries(options)
    .filter(([name, value]) => !own.includes(name) && value !== null && value !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1)) as [string, EngineArgument][]
}
