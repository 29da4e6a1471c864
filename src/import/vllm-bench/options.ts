// Options of `vllm bench serve` (https://docs.vllm.ai/en/latest/cli/bench/serve.html) as keys of llem. Which prompts there
// are is told by several at once: prompts.ts.

import { missing, type Rule, to, unneeded } from '../reading.js'

const RESULTS = 'llem writes its own result'
const DRAWS = 'llem shows it in `llem report`'

/** A number as it is typed, and text that is none. */
export function typedValue(text: string): unknown {
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

const endpoint: Rule = (value) => [
  { to: 'vllm.endpoint', value: String(value).includes('chat') ? 'chat' : 'completions' },
]

const burstiness: Rule = (value) => {
  if (value === 1) return [{ to: 'load.arrival', value: 'poisson' }]
  if (String(value) === 'inf') return [{ to: 'load.arrival', value: 'constant' }]
  return [{ why: 'llem has arrivals at random (1) and even ones', matters: true }]
}

const body =
  (key: string): Rule =>
  (value) => [{ to: `vllm.extra_body.${key}`, value, how: 'sent with each request' }]

const json: Rule = (value) => {
  try {
    return [{ to: 'vllm.extra_body', value: JSON.parse(String(value)) as unknown }]
  } catch {
    return [{ why: 'it is no JSON', matters: true }]
  }
}

/** Those that take a value, without their dashes in front. */
export const OPTIONS: Readonly<Record<string, Rule>> = {
  model: to('model'),
  'num-prompts': to('n_prompts'),
  'request-rate': (value) =>
    value === 'inf'
      ? [{ why: 'without a rate llem keeps load.concurrency requests in flight', matters: false }]
      : [{ to: 'load.request_rate', value }],
  'max-concurrency': to('load.concurrency'),
  burstiness,
  backend: endpoint,
  'endpoint-type': endpoint,
  endpoint,
  'base-url': to('vllm.base_url'),
  'served-model-name': to('vllm.model'),
  seed: to('generation.seed', 'load.seed', 'dataset.seed'),
  temperature: to('generation.temperature'),
  'top-p': to('generation.top_p'),
  'top-k': to('generation.top_k'),
  'min-p': body('min_p'),
  'repetition-penalty': body('repetition_penalty'),
  'presence-penalty': body('presence_penalty'),
  'frequency-penalty': body('frequency_penalty'),
  logprobs: body('logprobs'),
  'extra-body': json,
  'num-warmups': (value) =>
    value === 0
      ? [{ to: 'warmup.enabled', value: false }]
      : [
          { to: 'warmup.n_warmup', value },
          { to: 'warmup.convergence_detection', value: false, how: 'so many, and no more' },
        ],
  'ready-check-timeout-sec': to('load_timeout_sec'),
  tokenizer: missing('llem asks the server how many tokens a text has'),
  'tokenizer-mode': missing('llem asks the server how many tokens a text has'),
  header: missing('llem sends no header of its own; a key is named in vllm.api_key_env'),
  'lora-modules': missing('name the adapter in vllm.model'),
  'ramp-up-strategy': missing('llem has one rate'),
  'ramp-up-start-rps': missing('llem has one rate'),
  'ramp-up-end-rps': missing('llem has one rate'),
  goodput: missing('write it as slo, e.g. slo: { ttft_ms: 200 }'),
  label: unneeded(RESULTS),
  metadata: unneeded(RESULTS),
  'result-dir': unneeded(RESULTS),
  'result-filename': unneeded(RESULTS),
  'percentile-metrics': unneeded('llem has all of them'),
  'metric-percentiles': unneeded('llem has all of them'),
  'request-id-prefix': unneeded('llem names requests itself'),
}

/** Switches. */
export const SWITCHES: Readonly<Record<string, Rule>> = {
  'ignore-eos': to('generation.ignore_eos'),
  'save-result': unneeded(RESULTS),
  'save-detailed': unneeded(RESULTS),
  'append-result': unneeded(RESULTS),
  'disable-tqdm': unneeded('`-q`'),
  'trust-remote-code': unneeded('it is for a tokenizer that llem does not load'),
  profile: missing('a profiler would be measured too'),
  'use-beam-search': missing('llem has no beam search'),
  insecure: missing('llem checks certificates'),
  'no-stream': missing('llem always streams'),
  'plot-timeline': unneeded(DRAWS),
  'disable-shuffle': unneeded('llem takes prompts in the order of their set'),
  'no-oversample': unneeded('llem repeats prompts where there are too few, and says so'),
}

/** Read together, in prompts.ts. */
export const OF_PROMPTS: readonly string[] = [
  ...[
    'dataset-name',
    'dataset-path',
    'hf-split',
    'hf-subset',
    'hf-name',
    'hf-output-len',
    'input-len',
    'output-len',
  ],
  ...[
    'random-input-len',
    'random-output-len',
    'random-range-ratio',
    'random-prefix-len',
    'sharegpt-output-len',
  ],
  ...['custom-output-len', 'sonnet-input-len', 'sonnet-output-len', 'sonnet-prefix-len', 'host', 'port'],
]
