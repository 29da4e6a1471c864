// What others call the keys of llem: vLLM, SGLang, TensorRT-LLM, llama.cpp, Ollama, transformers, OpenAI's API, GenAI-Perf
// and AIPerf, guidellm, lm-eval, CodeCarbon, and the Python tool that llem re-creates. A did-you-mean asks here before it
// compares letters: `max_output_tokens` is nearer to `max_input_tokens` in letters than to what it means.

/** Keys of llem with their other names, without dashes and underscores. */
const ROWS: readonly (readonly [keys: string | readonly string[], names: string])[] = [
  [
    'generation.max_tokens',
    `max_output_tokens max_new_tokens max_completion_tokens max_gen_len max_gen_tokens max_generated_tokens
    max_generation_tokens max_tokens_to_sample max_response_tokens max_decode_tokens max_output_len max_output_length
    n_predict num_predict num_output_tokens num_new_tokens gen_len gen_tokens max_length sharegpt_output_len
    custom_output_len hf_output_len request_output_len`,
  ],
  [
    ['generation.max_tokens', 'prompts.synthetic.output_len'],
    'output_len output_length output_tokens output_tokens_mean output_sequence_length osl random_output_len',
  ],
  [
    'prompts.synthetic.input_len',
    `isl input_len input_length input_sequence_length input_tokens input_tokens_mean synthetic_input_tokens_mean
    random_input_len prompt_tokens prompt_tokens_mean prompt_len prompt_length`,
  ],
  [
    'dataset.max_input_tokens',
    'max_prompt_tokens max_prompt_length max_prompt_len max_input_length max_input_len truncate_prompt_tokens truncation',
  ],
  ['generation.temperature', 'temp do_sample greedy sampling_temperature'],
  ['generation.top_p', 'nucleus_p nucleus_sampling'],
  ['generation.seed', 'random_seed sampling_seed torch_seed rng_seed manual_seed global_seed'],
  [
    'generation.ignore_eos',
    'ignore_eos_token min_tokens min_new_tokens min_output_tokens min_length force_output_length output_tokens_mean_deterministic',
  ],
  [
    'n_prompts',
    `num_prompts num_requests n_requests request_count number_of_requests max_requests num_samples n_samples sample_size
    max_samples num_examples num_input_prompts num_dataset_entries num_queries limit n count`,
  ],
  [
    'prompts',
    'dataset_path dataset_name dataset_file prompt_file prompts_file input_file input_path input_data data data_path custom_dataset',
  ],
  [
    'dataset.column',
    'text_column prompt_column prompt_field prompt_key text_field column_name field_name data_column_mapper',
  ],
  ['dataset.order', 'dataset_order prompt_order shuffle shuffle_dataset sampling_strategy'],
  ['dataset.seed', 'dataset_seed shuffle_seed data_seed'],
  [
    'backend',
    'engine framework inference_backend inference_engine backend_name runtime provider service_kind',
  ],
  [
    'model',
    `model_name model_id model_path model_name_or_path pretrained_model_name_or_path model_uri pretrained hf_model
    hf_model_id checkpoint checkpoint_path gguf gguf_path model_file`,
  ],
  ['experiment_name', 'config_name name run_name label title experiment'],
  [
    'processes',
    'num_processes n_processes nproc_per_node num_replicas replicas data_parallel_size dp dp_size',
  ],
  [
    'energy.devices',
    'gpus gpu gpu_ids gpu_id device_ids gpu_indices gpu_list gpu_index cuda_visible_devices visible_devices cuda_devices',
  ],
  [
    'energy.interval_ms',
    `sampling_interval sampling_interval_ms sample_interval polling_interval poll_interval monitor_interval
    monitoring_interval update_interval power_interval measure_power_secs sampling_rate sampling_period interval
    energy_interval gpu_telemetry_interval`,
  ],
  [
    'energy.external',
    'external_meter external_meters node_meter wall_meter power_meter redfish bmc ipmi idrac ilo pdu smart_plug system_power',
  ],
  ['energy.backend', 'energy_backend energy_tracker tracker energy_monitor energy_meter power_backend'],
  [
    'baseline.duration_sec',
    'idle_duration idle_seconds idle_time baseline_duration baseline_seconds baseline_duration_sec idle_measurement_seconds',
  ],
  ['baseline.enabled', 'measure_baseline measure_idle subtract_idle idle_baseline'],
  [
    'warmup.n_warmup',
    `num_warmup num_warmups n_warmups warmup_requests num_warmup_requests warmup_request_count warmup_runs
    num_warmup_runs warmup_prompts warmup_iterations warmup_iters num_warmup_prompts warmup_steps warmup_count`,
  ],
  ['warmup.max_seconds', 'warmup_timeout warmup_timeout_seconds warmup_seconds warmup_duration warmup_time'],
  [
    'warmup.thermal_floor_seconds',
    'thermal_floor thermal_settle_seconds stabilization_seconds settle_seconds',
  ],
  [
    ['pytorch.dtype', 'vllm.dtype'],
    `torch_dtype precision fp_precision compute_dtype data_type model_dtype weight_dtype weights_dtype fp16 bf16 half
    bfloat16 float16`,
  ],
  ['pytorch.batch_size', 'per_device_batch_size micro_batch_size eval_batch_size'],
  [
    ['pytorch.quantisation', 'vllm.quantization'],
    `quantisation quantization quantize quantization_config quant load_in_4bit load_in_8bit bnb_4bit bnb_8bit
    bnb_4bit_compute_dtype bnb_4bit_quant_type quantization_method quant_method`,
  ],
  [
    'pytorch.attn_implementation',
    `attention_implementation attention_backend attn_backend attn_impl use_flash_attention_2 use_flash_attn
    attention_type`,
  ],
  ['llamacpp.flash_attention', 'flash_attn fa flash_attention flash_attn_type'],
  ['pytorch.compile', 'torch_compile use_compile compile_model torch_compile_mode'],
  ['pytorch.lora', 'adapter adapter_path peft peft_model lora_path lora_adapter lora_modules lora_weights'],
  ['pytorch.tokenizer', 'tokenizer_name tokenizer_path tokenizer_id tokenizer_name_or_path'],
  ['pytorch.chat_template', 'apply_chat_template use_chat_template chat'],
  ['pytorch.revision', 'model_revision hf_revision commit_hash'],
  [
    ['llamacpp.threads', 'pytorch.num_threads'],
    'n_threads threads num_threads cpu_threads num_cpu_threads omp_num_threads',
  ],
  ['llamacpp.gpu_layers', 'n_gpu_layers ngl num_gpu_layers num_gpu n_gl offload_layers'],
  ['llamacpp.batch_size', 'n_batch n_ubatch ubatch_size num_batch'],
  ['llamacpp.parallel', 'n_parallel np num_parallel n_seq_max slots num_slots'],
  [
    ['vllm.tensor_parallel_size', 'tensorrt.tp_size'],
    `tp tp_size tensor_parallel tensor_parallelism tensor_parallel_size tensor_parallel_degree
    tensor_model_parallel_size num_gpus n_gpus gpus_per_model num_shard`,
  ],
  [
    ['llamacpp.context_size', 'vllm.max_model_len', 'tensorrt.max_seq_len'],
    `context_length context_len context_size max_context_length max_context_len ctx_size n_ctx num_ctx context_window
    max_model_len max_model_length max_seq_len max_seq_length max_sequence_length model_max_length max_total_tokens
    max_position_embeddings`,
  ],
  [
    'vllm.gpu_memory_utilization',
    `gpu_memory_fraction gpu_memory_util gpu_mem_util mem_fraction_static memory_fraction cuda_memory_fraction
    gpu_utilization kv_cache_free_gpu_memory_fraction cache_max_entry_count`,
  ],
  [
    'vllm.enable_prefix_caching',
    'prefix_caching enable_prefix_cache prefix_cache automatic_prefix_caching radix_cache disable_radix_cache cache_prompt',
  ],
  [
    ['vllm.max_num_seqs', 'tensorrt.max_batch_size'],
    'max_running_requests max_concurrent_requests max_num_sequences max_num_requests max_batch_size max_batch',
  ],
  ['vllm.args', 'engine_args extra_args'],
  ['tensorrt.max_num_tokens', 'max_input_tokens_per_batch max_tokens_per_batch'],
  [
    'server.base_url',
    `url server_url endpoint_url api_base api_url openai_api_base openai_base_url base_address host target address
    server_address inference_url service_url`,
  ],
  ['server.endpoint', 'endpoint_type api_type request_type request_format api_format route'],
  ['server.api_key_env', 'api_key openai_api_key auth_token bearer_token authorization token'],
  [
    'server.extra_body',
    'extra_inputs extra_input extra_params extra_request_body extra_request_params sampling_params request_body body',
  ],
  ['server.model', 'served_model_name served_model model_alias alias'],
  ['server.command', 'server_command launch_command start_command serve_command cmd'],
  [
    'load.concurrency',
    `max_concurrency concurrent_requests num_concurrent num_concurrent_requests concurrency_level parallel_requests
    num_users users vus streams num_clients max_in_flight batch_concurrency`,
  ],
  [
    'load.request_rate',
    'qps rps target_qps target_rps rate requests_per_second queries_per_second arrival_rate constant_rate poisson_rate',
  ],
  [
    'load.arrival',
    `arrival_process arrival_pattern arrival_distribution arrival_mode rate_type burstiness traffic_pattern traffic_mode
    traffic_simulation request_distribution`,
  ],
  ['load.retries', 'max_retries num_retries retry'],
  [
    'request_timeout_sec',
    'timeout request_timeout timeout_seconds http_timeout client_timeout request_timeout_seconds',
  ],
  [
    'load_timeout_sec',
    'load_timeout startup_timeout server_timeout ready_timeout ready_check_timeout_sec server_start_timeout init_timeout',
  ],
  [
    ['output_dir', 'io.results_dir'],
    'result_dir results_dir output_path output_folder out_dir save_dir artifact_dir output_directory results_folder output output_file',
  ],
  [
    'carbon.intensity_gco2_kwh',
    'carbon_intensity gco2_per_kwh emission_factor emissions_factor grid_intensity co2_intensity intensity_gco2',
  ],
  ['carbon.country', 'country_iso_code country_code country region grid_zone'],
  ['price_per_kwh', 'electricity_price energy_price kwh_price cost_per_kwh price electricity_cost'],
  ['timeseries.save', 'save_timeseries write_timeseries save_time_series'],
  ['python', 'python_path python_executable interpreter python_bin'],
  ['campaign_name', 'study_name study campaign suite suite_name'],
  ['grid', 'sweep sweeps matrix parameters search_space parameter_grid'],
  ['grid.shared', 'axes parameters shared_axes dimensions'],
  ['experiments', 'runs configurations variants scenarios'],
  ['configs', 'config_files experiment_files files'],
  [
    'execution.cycles',
    'n_cycles num_cycles repeats n_repeats num_repeats repetitions num_repetitions iterations trials n_trials num_runs n_runs',
  ],
  ['execution.structure', 'cycle_order run_order experiment_order order_of_runs'],
  [
    'execution.config_gap_seconds',
    'experiment_gap_seconds gap_seconds gap cooldown cooldown_seconds cooldown_sec sleep_between_runs sleep pause_seconds',
  ],
  ['execution.cycle_gap_seconds', 'cycle_gap cycle_cooldown_seconds gap_between_cycles'],
  ['execution.experiment_timeout_seconds', 'experiment_timeout run_timeout run_timeout_seconds max_runtime'],
]

/** A word as it is compared: how others separate its parts does not matter. */
export function bareWord(word: string): string {
  return word.toLowerCase().replace(/[-_.\s]/g, '')
}

const KEYS = new Map<string, string[]>()
for (const [keys, names] of ROWS)
  for (const name of names.split(/\s+/)) {
    const known = KEYS.get(bareWord(name)) ?? []
    KEYS.set(bareWord(name), [...known, ...(typeof keys === 'string' ? [keys] : keys)])
  }

/**
 * What others mean by a word, as dotted keys of llem; empty where it is nobody's word. `group`: the one that it stands
 * under, whose own keys come alone where there are any.
 */
export function meantBy(word: string, group: string | null = null): readonly string[] {
  const keys = [...new Set(KEYS.get(bareWord(word)) ?? [])]
  const own = group === null ? [] : keys.filter((key) => key.startsWith(`${group}.`))
  return own.length > 0 ? own : keys
}

/** Every key that a word may stand for. */
export function vocabularyKeys(): string[] {
  return [...new Set([...KEYS.values()].flat())]
}
