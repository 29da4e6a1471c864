// How tokens are drawn: keys of `decoder`, and of `sampling` of a backend.

import { entryOf, nothing, type Rule, to, usual } from '../reading.js'

/** What a preset sets. */
const PRESETS: Readonly<Record<string, Record<string, number>>> = {
  deterministic: { temperature: 0 },
  standard: { temperature: 1, top_p: 0.95, top_k: 50 },
  creative: { temperature: 0.8, top_p: 0.9, repetition_penalty: 1.1 },
  factual: { temperature: 0.3, top_k: 10 },
}

export const preset: Rule = (value, around) => {
  if (value === null) return nothing()
  const values = entryOf(PRESETS, value)
  if (values === undefined)
    return [
      {
        why: `there is no preset ${JSON.stringify(value)}; one of ${Object.keys(PRESETS).join(', ')}`,
        matters: true,
      },
    ]
  return Object.entries(values).flatMap(([key, each]) =>
    (SAMPLING[key]?.(each, around) ?? []).map((reading) =>
      'to' in reading ? { ...reading, how: `preset ${value}` } : reading,
    ),
  )
}

/** What only a request to a server can carry. */
export function inRequest(key: string, off: readonly unknown[]): Rule {
  return (value, { backends }) => {
    if (value === null || off.includes(value)) return [{ why: 'it is off, as in llem', matters: false }]
    return backends.map((name) =>
      name === 'vllm' || name === 'tensorrt'
        ? { to: `${name}.extra_body.${key}`, value, how: 'sent with each request' }
        : { why: `llem has it for servers alone, as \`vllm.extra_body\`, not for ${name}`, matters: true },
    )
  }
}

/** Keys of `decoder`, and of `sampling` of a backend. */
export const SAMPLING: Readonly<Record<string, Rule>> = {
  temperature: to('generation.temperature'),
  top_p: to('generation.top_p'),
  top_k: (value) =>
    value === 0 || value === -1
      ? [{ to: 'generation.top_k', value: null, how: 'off' }]
      : to('generation.top_k')(value, { backends: [], isCampaign: false }),
  do_sample: (value) =>
    value === false || value === 'no' || value === 'off'
      ? [{ to: 'generation.temperature', value: 0, how: 'false takes the likeliest token' }]
      : [{ why: 'llem samples wherever the temperature is above 0', matters: false }],
  preset,
  seed: to('generation.seed'),
  max_tokens: to('generation.max_tokens'),
  max_new_tokens: to('generation.max_tokens'),
  ignore_eos: to('generation.ignore_eos'),
  min_p: inRequest('min_p', [0]),
  repetition_penalty: inRequest('repetition_penalty', [1]),
  presence_penalty: inRequest('presence_penalty', [0]),
  frequency_penalty: inRequest('frequency_penalty', [0]),
  min_tokens: inRequest('min_tokens', [0]),
  min_new_tokens: inRequest('min_tokens', [0]),
  stop: inRequest('stop', []),
  stop_token_ids: inRequest('stop_token_ids', []),
  logprobs: inRequest('logprobs', [0]),
  logit_bias: inRequest('logit_bias', []),
  n: usual([1], 'llem counts one answer to a prompt'),
  best_of: usual([1], 'llem counts one answer to a prompt'),
  no_repeat_ngram_size: usual([0], 'llem does not forbid repetitions'),
  num_beams: usual([1], 'llem has no beam search'),
  early_stopping: usual([false], 'llem has no beam search'),
  length_penalty: usual([1], 'llem has no beam search'),
}
