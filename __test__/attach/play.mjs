// Stands in for a benchmark: takes its time, and writes the file that the tool named would write, with the times at which this
// ran. AIPerf's is recorded from a real run (recorded/aiperf-VERSION, its times moved to now); the others are made by the
// tools' own writers' keys, since those tools need a GPU or gigabytes of PyTorch:
//   vllm-bench    vllm/benchmarks/serve.py, with and without --save-detailed
//   guidellm      guidellm 0.8.1, guidellm/benchmark/schemas and guidellm/schemas/base/request_stats.py
//   trtllm-bench  tensorrt_llm/bench/dataclasses/{reporting,statistics}.py
//   lm-eval       lm_eval 0.4.13, lm_eval/loggers/evaluation_tracker.py
//
// node play.mjs TOOL FOLDER

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const [tool, folder] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
const save = (name, value) => writeFileSync(join(folder, name), JSON.stringify(value))
const monotonicS = () => Number(process.hrtime.bigint()) / 1e9

/** Three requests of .6 s one after the other, after a start-up; of 10 and 20 tokens each. */
const COUNT = 3
const [IN, OUT] = [10, 20]
async function requests(now) {
  await sleep(400)
  const all = []
  for (let at = 0; at < COUNT; at += 1) {
    const start = now()
    await sleep(200)
    const first = now()
    await sleep(400)
    all.push({ start, first, end: now() })
  }
  await sleep(200)
  return all
}

if (tool === 'aiperf') {
  const recorded = new URL('recorded/aiperf-0.13.0/', import.meta.url)
  const lines = readFileSync(new URL('profile_export.jsonl', recorded), 'utf8')
    .trim()
    .split('\n')
    .map(JSON.parse)
  await sleep(300)
  const begin = Math.min(...lines.map(({ metadata }) => metadata.request_start_ns))
  const end = Math.max(...lines.map(({ metadata }) => metadata.request_end_ns))
  const by = Date.now() * 1e6 - begin
  await sleep((end - begin) / 1e6 + 100)
  for (const { metadata } of lines)
    for (const key of Object.keys(metadata).filter((name) => name.endsWith('_ns'))) metadata[key] += by
  const place = join(folder, 'artifacts/run')
  mkdirSync(place, { recursive: true })
  writeFileSync(
    join(place, 'profile_export.jsonl'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
  writeFileSync(
    join(place, 'profile_export_aiperf.json'),
    readFileSync(new URL('profile_export_aiperf.json', recorded)),
  )
} else if (tool === 'vllm-bench' || tool === 'vllm-bench-detailed') {
  const all = await requests(monotonicS)
  const detailed = {
    input_lens: all.map(() => IN),
    output_lens: all.map(() => OUT),
    ttfts: all.map(({ start, first }) => first - start),
    itls: all.map(({ first, end }) => Array(OUT - 1).fill((end - first) / (OUT - 1))),
    start_times: all.map(({ start }) => start),
    generated_texts: all.map(() => 'text'),
    errors: all.map(() => ''),
  }
  // "20261130-211500", in UTC as in a container.
  const date = new Date()
    .toISOString()
    .replace(/[-:]|\..*/g, '')
    .replace('T', '-')
  save('result.json', {
    ...{ date, endpoint_type: 'vllm', backend: 'vllm', label: null, model_id: 'tiny' },
    ...{ tokenizer_id: 'tiny', num_prompts: COUNT, request_rate: 'inf', burstiness: 1, max_concurrency: 1 },
    ...{ duration: all.at(-1).end - all[0].start, completed: COUNT, failed: 0 },
    ...{ total_input_tokens: COUNT * IN, total_output_tokens: COUNT * OUT, output_throughput: 33.3 },
    ...(tool.endsWith('detailed') ? detailed : {}),
    mean_ttft_ms: 200.5,
  })
} else if (tool === 'guidellm') {
  const all = await requests(() => Date.now() / 1000)
  const sum = (total) => ({ successful: { total_sum: total, mean: total / COUNT } })
  save('benchmarks.json', {
    metadata: { version: 2, guidellm_version: '0.8.1' },
    benchmarks: [
      {
        type_: 'generative_benchmark',
        config: { strategy: { type_: 'concurrent', streams: 1 } },
        start_time: all[0].start,
        end_time: all.at(-1).end,
        metrics: {
          request_totals: { successful: COUNT, errored: 0, incomplete: 0, total: COUNT },
          prompt_token_count: sum(COUNT * IN),
          output_token_count: sum(COUNT * OUT),
          request_latency: { successful: { mean: 0.6 } },
        },
        requests: {
          successful: all.map(({ start, first, end }) => ({
            type_: 'generative_request_stats',
            request_start_time: start,
            request_end_time: end,
            info: { timings: { first_token_iteration: first } },
            input_metrics: { text_tokens: IN },
            output_metrics: { text_tokens: OUT },
          })),
          incomplete: [],
          errored: [],
        },
      },
    ],
  })
} else if (tool === 'trtllm-bench') {
  const all = await requests(() => Number(process.hrtime.bigint()))
  save('report.json', {
    engine: { model: 'tiny', version: '1.3.0' },
    world_info: { tp_size: 1 },
    request_info: { num_requests: COUNT, avg_input_length: IN, avg_output_length: OUT },
    performance: { total_latency_ms: 1800, system_output_throughput_tok_s: 33.3 },
  })
  save(
    'requests.json',
    all.map(({ start, first, end }, id) => ({
      ...{ id, num_input_tokens: IN, error_tokens: 0, start_timestamp: start, first_token_timestamp: first },
      ...{ end_timestamp: end, decode_iteration: OUT - 1, num_output_tokens: OUT, output_tokens: OUT },
    })),
  )
} else if (tool === 'lm-eval') {
  const all = await requests(monotonicS)
  save('results_2026-11-30.json', {
    results: { arc_easy: { alias: 'arc_easy', 'acc,none': 0.25 } },
    'n-samples': { arc_easy: { original: 9, effective: COUNT } },
    lm_eval_version: '0.4.13',
    start_time: all[0].start,
    end_time: all.at(-1).end,
  })
}
