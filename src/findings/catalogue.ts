// Every finding that a result can have: what it means for the number, what it rests on, what to do. The sentence with the
// figures of a measurement is made where it is found; a test holds that no code is missing here.

export interface Explanation {
  /** What it means for who reads the number. */
  meaning: string
  /** What is looked at, and the threshold. */
  evidence: string
  /** What to do; null where nothing can or need be done. */
  advice: string | null
}

export const FINDINGS: Readonly<Record<string, Explanation>> = {
  // The window
  short_measurement_duration: {
    meaning: 'The window is so short that its edges are a large part of it.',
    evidence: 'The window lasts less than 10 s.',
    advice: 'Use more prompts or longer answers. The uncertainty of the joules already has the edges in it.',
  },
  sample_gap: {
    meaning: 'For a part of the window there are no power readings; its joules are taken at the mean power.',
    evidence: 'More than 0.5 s without a reading (`energy.devices[].gap_s`).',
    advice: 'Look for a driver call that hangs, a machine that slept, or other programs that poll the GPU.',
  },
  sampler_overrun: {
    meaning: 'The driver answers more slowly than it is asked. Readings are fewer than the interval says.',
    evidence: 'Deadlines that passed while a call was under way (`energy.sampler`).',
    advice: 'Set a longer interval; the text of the finding names one.',
  },
  nvml_low_sample_count: {
    meaning: 'There are too few power readings for the integral to mean much.',
    evidence: 'Fewer than 10 readings in the window.',
    advice: 'Measure for longer.',
  },
  recording_fault: {
    meaning: 'samples.parquet or timeseries.parquet is not whole. The joules are not affected.',
    evidence: 'Writing the file failed.',
    advice: 'Make room or use another disk.',
  },
  gpu_not_measured: {
    meaning: 'A GPU is in no joules of this result.',
    evidence: 'It was lost, cannot be read, or has no power sensor (`energy.unmeasured`).',
    advice: 'Do not compare this total with one of more GPUs.',
  },

  // The sensor and the counter
  estimators_disagree: {
    meaning:
      'The energy counter and the readings differ by more than their uncertainty. The headline is the surer one, or an interval of both.',
    evidence: '`energy.integral_j`, `energy.counter_j` and `energy.residual_pct`.',
    advice: 'Run `llem calibrate` once for this board and driver: it finds out what the counter counts.',
  },
  counter_stuck: {
    meaning: 'The energy counter stands still while power is drawn. The readings are used.',
    evidence: 'The counter did not move while the readings came to more than 1000 J.',
    advice: 'Update the driver.',
  },
  counter_step_impossible: {
    meaning: 'The energy counter jumped by more than the board can draw. The step is taken out.',
    evidence: 'A step above what the power limit allows.',
    advice: null,
  },
  continuity_lost: {
    meaning:
      'The energy counter began anew or stood still in the window. What it missed is bridged by the readings.',
    evidence: 'A step backwards, a step below idle, or an outage of all calls.',
    advice: 'Look into the kernel log for a driver that was loaded anew.',
  },
  readings_impossible: {
    meaning: 'Some readings are more than the board can draw. They count as missing.',
    evidence: 'Readings far above the power limit.',
    advice: null,
  },
  second_mean_differs: {
    meaning:
      'The mean over a second, which some boards show beside the power, differs from the readings. It is followed as far as it is believed.',
    evidence: 'Field 185 over the window beside the readings of field 186.',
    advice: 'Run `llem calibrate` once for this board and driver.',
  },
  peak_unknown: {
    meaning: 'The highest power is unknown.',
    evidence: 'No power was read in the window, or the highest reading is below the mean power.',
    advice: null,
  },
  load_in_step_not_excluded: {
    meaning:
      'A load in step with the sensor would show the same readings and have quite other joules. As a warning: the uncertainty holds what it may hide. As a note: it does not, as the counter most likely sees it.',
    evidence:
      'Readings lie in line, and there is no counter, or it has not shown yet that it sees all of the time.',
    advice: 'Run `llem calibrate`, or measure a load that varies.',
  },
  counter_delay_unknown: {
    meaning:
      'The power readings are late, so the energy counter may be late too. What that may change is in the uncertainty.',
    evidence:
      'Around the edges of windows the readings follow the counter after more than 20 ms, and no calibration says when the counter counts.',
    advice: 'Run `llem calibrate` once for this board and driver.',
  },
  scope_differs: {
    meaning: 'The readings and the counter measure different parts of the board (GPU, module, board).',
    evidence: 'They differ by about the same watts or factor all of the time.',
    advice: 'Compare only with results of the same power domain.',
  },
  instant_power_missing: {
    meaning: 'The instantaneous power cannot be read; another call of the driver is used.',
    evidence: 'Field 186 fails while nvmlDeviceGetPowerUsage answers.',
    advice: 'Update the driver. A mean over one second sees short loads late.',
  },
  estimator_failed: {
    meaning: 'A mistake in llem cost this GPU its best estimate; a plainer one is quoted.',
    evidence: 'An error inside the estimator, caught for this GPU alone.',
    advice: 'Please report it with the text of the finding.',
  },

  // The GPU and who else uses it
  gpu_persistence_mode_off: {
    meaning: 'The driver may put the GPU to sleep and wake it, which costs time and energy.',
    evidence: 'Persistence mode is off.',
    advice: "Run 'nvidia-smi -pm 1' as root.",
  },
  thermal_drift_detected: {
    meaning: 'The GPU got warmer or cooler, and a warm GPU draws more for the same work.',
    evidence: 'More than 10 C between the beginning and the end.',
    advice: 'Raise `warmup.thermal_floor_seconds` or check the cooling.',
  },
  mig_enabled: {
    meaning: 'The GPU is cut into instances, and power is only known of all of it.',
    evidence: 'MIG mode is on.',
    advice: 'Use the whole GPU, or keep the other instances idle.',
  },
  limit_changed: {
    meaning:
      'A power limit or a clock limit was changed in the window: this is no measurement of one setting.',
    evidence: '`energy.contamination.limit_changes`.',
    advice: 'Find out who changed it and measure again.',
  },
  foreign_process: {
    meaning: 'Another process computed on the GPU. Its energy is in these joules.',
    evidence: '`energy.contamination.foreign_processes`.',
    advice: 'Stop it and measure again.',
  },
  other_sampler: {
    meaning: 'Another program polls the GPU. Each call costs the driver time and wakes the GPU.',
    evidence: 'It has the management library loaded (`energy.contamination.other_samplers`).',
    advice: 'Stop it while you measure.',
  },
  gpu_shared: {
    meaning: 'Several processes of this experiment share a GPU. Its energy is counted once.',
    evidence: 'The same UUID in several processes.',
    advice: null,
  },

  // Other sources of energy
  energy_backend_failed: {
    meaning: "The energy backend that was chosen failed; the joules are those of llem's own sampler.",
    evidence: '`energy.selection.failure`.',
    advice: 'See `llem devices -v`.',
  },
  energy_cross_check: {
    meaning: "The chosen backend and llem's own sampler disagree about the same window.",
    evidence: '`energy.cross_check`: mean powers beside their uncertainties.',
    advice: 'Trust neither before you know why.',
  },
  energy_of_cpu: {
    meaning:
      'The joules are of the CPU and of no GPU: nothing here reads one. They compare with nothing that a GPU drew.',
    evidence: '`energy.domain` and `energy.reason`, which says whether the CPU was measured or estimated.',
    advice: 'Run it where a GPU can be read, or set `energy.backend` to null.',
  },
  energy_unknown: {
    meaning: 'There is no energy in this result.',
    evidence: 'The reason is in the text.',
    advice: 'See `llem devices`: it shows what can be read here.',
  },
  attribution_failed: {
    meaning: 'The joules of requests, phases and the steady state are unknown. The headline is not affected.',
    evidence: 'The pieces could not be computed; the reason is in the text.',
    advice: null,
  },

  // Idle power
  adjusted_energy_negative: {
    meaning: 'The run drew less than the idle power that was subtracted.',
    evidence: '`energy_breakdown.adjusted_j` is below 0.',
    advice: 'Measure the baseline again on an idle GPU (`llem baseline`).',
  },
  parked_disturbed: {
    meaning: 'The power with the loaded model at rest was not steady. It is subtracted by nobody.',
    evidence: 'Drift, or something that computed, while the model was loaded and nothing ran.',
    advice: 'Raise `warmup.thermal_floor_seconds`, and keep others off the GPU.',
  },
  active_energy_negative: {
    meaning: 'The run drew less than the loaded model at rest did before it.',
    evidence: '`energy_breakdown.active_j` is below 0 by more than its uncertainty.',
    advice: 'Raise `warmup.thermal_floor_seconds`.',
  },
  baseline_model_loaded: {
    meaning:
      'Idle power was measured with a model in memory, which idles higher. It is no bare level, and not subtracted.',
    evidence:
      'A campaign kept the model of the experiment before, or `base_url` is a server on this machine.',
    advice:
      'Run `llem baseline measure` before the campaign or before the server is started, or use `cold_start.force_cold_start`.',
  },
  baseline_disturbed: {
    meaning:
      'The GPU was not idle while idle power was measured. The level is told and not subtracted: there is no adjusted energy.',
    evidence: 'Drift of more than 5 %, processes that computed, or a temperature that fell.',
    advice: 'Measure it again when the GPU is idle.',
  },
  gpu_not_used: {
    meaning: 'The model ran on the CPU. The joules are those of GPUs that did not compute.',
    evidence: 'What the backend says it computes on.',
    advice: 'Install a backend for the GPU (`llem backend list`).',
  },
  gpus_not_used: {
    meaning: 'GPUs that no process used are in the total.',
    evidence: 'The UUIDs of the processes beside those that were measured.',
    advice: 'Name those that compute in `energy.devices`.',
  },

  computes_elsewhere: {
    meaning: 'What was measured computes on a GPU that was not measured. Its energy is not in these joules.',
    evidence: 'The process lists of the GPUs.',
    advice: 'Measure that GPU (`--devices`), or name GPUs by UUID in CUDA_VISIBLE_DEVICES.',
  },
  server_on_other_gpu: {
    meaning: 'The server that runs already computes on a GPU that is not measured.',
    evidence: 'The process lists of the GPUs.',
    advice: 'Name that GPU in `energy.devices`.',
  },

  // The run
  warmup_failed: {
    meaning: 'No prompt of the warmup succeeded: the measurement began cold.',
    evidence: 'All prompts of the warmup failed.',
    advice: 'Look for the first error in the log.',
  },
  warmup_not_converged: {
    meaning: 'The latency was not steady yet when the measurement began.',
    evidence: 'The coefficient of variation of the last prompts is not below `warmup.cv_threshold`.',
    advice: 'Raise `warmup.max_prompts`.',
  },
  requests_incomplete: {
    meaning: 'requests.jsonl is not whole. The totals are not affected.',
    evidence: 'Writing the file failed.',
    advice: 'Make room or use another disk.',
  },
  requests_failed: {
    meaning: 'Some requests failed. Their energy is in the joules, their tokens are not.',
    evidence: 'The number of failed requests.',
    advice: 'Look at the errors in requests.jsonl.',
  },
  requests_put_off: {
    meaning: 'The server asked to wait before some requests. The energy of that time is in the joules.',
    evidence: 'Answers 429 or 503 with Retry-After (`serving.put_off`).',
    advice: 'Lower the load, or raise the limit of the server.',
  },
  answers_end_late: {
    meaning:
      'Requests waited for the end of answers that were complete. The energy of that time is in the joules.',
    evidence:
      'From the last token to the reason of the end, the usage, `[DONE]` or the end of the connection.',
    advice:
      'Let the server send its usage and `[DONE]` with the reason of the end, or look at the proxy before it.',
  },
  served_root_unclear: {
    meaning:
      'The server gives the model a name, and says that it stands for something that llem cannot compare with the model. It may be another model.',
    evidence: '`identity.observed.root` beside `identity.asked.model`.',
    advice: 'Set `served_as` to the root where it is what you mean.',
  },
  several_models_answered: {
    meaning: 'Different models answered. The numbers are those of all together.',
    evidence: '`model` of the answers (`identity.observed`).',
    advice: 'Ask a server that routes to one model only.',
  },
  stream_buffered: {
    meaning:
      'Answers, or a third of each, came at once with what is called the first token, or blanks came before a silence. Times to the first token, between tokens, and phases are null; of half of the answers, for the run.',
    evidence: '`serving.streams`.',
    advice: 'Turn buffering off in the proxy between llem and the engine.',
  },
  stream_in_bursts: {
    meaning: 'Several tokens came at once. Times between tokens are null.',
    evidence: '`serving.streams`.',
    advice: null,
  },
  requests_retried: {
    meaning: 'Some requests were sent again. The energy of all tries is in the joules.',
    evidence: 'The number of retries.',
    advice: null,
  },
  tokens_counted_by_chunks: {
    meaning:
      'The server does not tell how many tokens an answer has; its packets are counted in their place.',
    evidence: 'No `usage` in the answers, or one that is no count, as -1.',
    advice: 'Start the server so that it sends `usage`; a packet may hold several tokens.',
  },
  tokens_reasoning_uncounted: {
    meaning:
      'The server leaves the thoughts of the model out of its count. Its tokenizer counted all, or each packet of them is a token.',
    evidence: '`completion_tokens` beside the packets with thoughts.',
    advice: 'Use an engine that counts them, or trust the tokens per request less.',
  },
  usage_not_believed: {
    meaning:
      'The server tells another number of tokens than it may have made, or than packets and tokenizer both say. These were believed.',
    evidence: '`completion_tokens` beside `max_tokens`, packets and tokenizer (`serving.ledger`).',
    advice: 'Look at what stands between llem and the engine: some add the prompt, or the answers before.',
  },
  tokens_usage_without_count: {
    meaning: 'The server says that it made no token though text came. Tokens are those of another witness.',
    evidence: '`completion_tokens` is 0.',
    advice: null,
  },
  token_counts_disagree: {
    meaning:
      'What was told of the tokens disagrees without a known reason. Where output tokens may be off by more than 5 %, no joules per token are quoted.',
    evidence:
      '`serving.ledger`: usage, packets and a tokenizer beside one another; `unsettled` is what nothing decides.',
    advice: 'Look at `requests.jsonl`, and at what stands between llem and the engine.',
  },
  tokens_per_chunk: {
    meaning:
      'The server sends several tokens in one packet. Latencies between tokens are those between packets.',
    evidence: 'Tokens of `usage` over the number of packets.',
    advice: null,
  },
  prompt_tokens_not_believed: {
    meaning:
      'The server tells more tokens of a prompt than it has bytes, with a template around it. They were not believed.',
    evidence: '`prompt_tokens` beside the bytes of the prompt, with 1024 tokens for a template.',
    advice: 'Look at what stands between llem and the engine: some add prompts up, or count images.',
  },
  input_tokens_unknown: {
    meaning: 'Nobody tells how many tokens the prompts have. What is divided by them is null.',
    evidence: 'No `prompt_tokens` in the answers, or no count of them, as -1.',
    advice: 'Start the server so that it sends `usage`.',
  },
  seed_not_sent: {
    meaning:
      'Requests have no `seed`, so answers may differ from run to run, and with them tokens and joules.',
    evidence: 'The server refused a request for its `seed`, and took it without.',
    advice: 'Set `temperature: 0`, or repeat the run and quote the spread.',
  },
  prompt_length_not_forced: {
    meaning:
      'Prompts were to have a number of tokens. That takes the tokenizer of the server and an endpoint without a template, so they were sent as they are.',
    evidence: 'The server has no `/tokenize`, or the endpoint is chat.',
    advice: 'Use vLLM or llama-server at completions, or quote `input_tokens` of the result.',
  },
  output_length_not_forced: {
    meaning: 'The server decides itself when an answer ends.',
    evidence: 'It does not know `ignore_eos`.',
    advice: 'Quote the tokens of the result, not those of the configuration.',
  },
  answers_too_short: {
    meaning: 'Answers ended before the length that was asked for.',
    evidence: 'Output tokens of the requests.',
    advice: 'Compare joules per output token, not joules per request.',
  },
  prefix_cache_hit: {
    meaning:
      'The server had the beginning of prompts in its cache, so a part of the prefill was not computed.',
    evidence: '`cached_tokens` of the answers.',
    advice: "Turn the server's prefix cache off, or use other prompts.",
  },
  warnings_failed: {
    meaning: 'What there is to say of this measurement could not be found out.',
    evidence: 'The reason is in the text.',
    advice: 'Please report it.',
  },

  // Health checks of a campaign
  gpu_lost: {
    meaning: 'A GPU is gone. The campaign pauses.',
    evidence: 'The driver says so.',
    advice: 'Look into the kernel log, mend it, and start the campaign again: it goes on where it was.',
  },
  gpu_reset_required: {
    meaning: 'A GPU has to be reset. The campaign pauses.',
    evidence: 'The driver says so.',
    advice: 'Reset it (`nvidia-smi --gpu-reset`) and start the campaign again.',
  },
  gpu_unreadable: {
    meaning: 'A GPU answers nothing. What runs the experiments is started anew.',
    evidence: 'All calls about it fail.',
    advice: null,
  },
  memory_above_before: {
    meaning: 'Memory of a GPU is in use that was free before the campaign and belongs to no process.',
    evidence: 'More than 512 MB or 1 % of it.',
    advice: null,
  },
  memory_growing: {
    meaning: 'A process of the campaign holds more memory at each look. It is started anew.',
    evidence: 'More than 512 MB or 1 % of the GPU since the first look.',
    advice: 'Look for a leak in the backend or the server.',
  },
  memory_of_others: {
    meaning: 'Others hold much of the memory of a GPU.',
    evidence: '`health_check.gpu_memory_threshold_pct`.',
    advice: 'Stop them.',
  },

  // A comparison
  throttled_runs_apart: {
    meaning: 'Runs were slowed down by the GPU. They are another state of the board, and in no number.',
    evidence: '`thermal_throttle.detected` of a run: thermal slowdown or power brake, not the power limit.',
    advice: 'Cool the GPUs or lower their power limit. The comparison says what they would change.',
  },
  failed_runs_left_out: {
    meaning: 'Runs have no result that can be read, and are in no number.',
    evidence: 'The records of the campaign.',
    advice: 'See `llem campaign status`. Where one side fails more often, that is a difference too.',
  },
  outlier_in_few_runs: {
    meaning: 'One of fewer than 10 runs lies apart from the others. The interval may be too short.',
    evidence: "Grubbs' test on the logarithms at 1 %.",
    advice: 'Look what happened in that run, and measure more cycles.',
  },
}
