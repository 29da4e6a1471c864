// The files of AIPerf: profile_export_aiperf.json has its metrics, profile_export.jsonl a line for each request with wall-clock
// nanoseconds (aiperf/common/models/record_models.py). Those of its warmup are in neither number.

import {
  at,
  FOREIGN_FAILURE,
  type ForeignBenchmark,
  type ForeignRequest,
  isRecord,
  type Problems,
  spanOf,
  sumOrNull,
} from './benchmark.js'

/** Its metrics by name: the mean of each, which is the value of those that have but one. */
export function aiperfBenchmark(
  summary: { content: unknown; where: string } | null,
  timed: readonly ForeignRequest[] | null,
  name: string | null,
  problems: Problems,
): ForeignBenchmark {
  const metric = (key: string) => at(summary?.content, key, 'avg')
  const told = (key: string) => problems.count(metric(key), `${summary?.where}: ${key}.avg`)
  const counted = (
    own: number | null,
    of: (each: ForeignRequest) => number | null | undefined,
    what: string,
  ): number | null => {
    const finished = timed?.filter(({ code }) => code === undefined)
    const summed = finished === undefined ? null : sumOrNull(finished.map(of))
    if (own !== null && summed !== null && own !== summed && summary !== null)
      problems.add(summary.where, `it has ${own} ${what}, and the lines of its requests have ${summed}`)
    return own ?? summed
  }
  const inputTokens = counted(told('total_isl'), ({ input_tokens }) => input_tokens, 'input tokens')
  const outputTokens = counted(told('total_osl'), ({ output_tokens }) => output_tokens, 'output tokens')
  const failures = timed?.filter(({ code }) => code !== undefined).length ?? null
  return {
    name,
    requests: told('request_count') ?? (timed === null ? null : timed.length - (failures ?? 0)),
    failed: told('error_request_count') ?? failures,
    inputTokens,
    outputTokens,
    tokensReason:
      inputTokens === null || outputTokens === null
        ? 'AIPerf had no tokenizer, or the server told no usage'
        : null,
    own: meansOf(summary?.content),
    span: timed === null ? null : spanOf('wall', timed),
    timed,
    ...saidOf(at(summary?.content, 'end_time')),
    timesReason:
      timed === null
        ? 'there is no whole profile_export.jsonl: AIPerf writes it at --export-level records or raw'
        : null,
  }
}

/** "2026-11-30T21:20:33.197837", local time. */
function saidOf(time: unknown): Pick<ForeignBenchmark, 'saidMs'> {
  const read = typeof time !== 'string' ? [] : [Date.parse(time), Date.parse(`${time}Z`)]
  const known = read.filter((ms) => !Number.isNaN(ms))
  return known.length === 0 ? {} : { saidMs: known }
}

function meansOf(summary: unknown): Record<string, number> {
  if (!isRecord(summary)) return {}
  const means = Object.entries(summary).flatMap(([key, value]): [string, number][] => {
    const mean = at(value, 'avg')
    const unit = at(value, 'unit')
    if (typeof mean !== 'number' || !Number.isFinite(mean) || typeof unit !== 'string') return []
    return [[`${key} (${unit.slice(0, 30)})`, mean]]
  })
  return Object.fromEntries(means)
}

/** A line of profile_export.jsonl; null for one of the warmup, undefined for one that cannot be read. */
export function aiperfRequest(
  record: unknown,
  where: string,
  problems: Problems,
): ForeignRequest | null | undefined {
  const of = (...keys: string[]) => at(record, ...keys)
  if (of('metadata', 'benchmark_phase') === 'warmup' || of('metadata', 'phase_kind') === 'warmup') return null
  const start = problems.nanoseconds(of('metadata', 'request_start_ns'), `${where}: request_start_ns`)
  const end = problems.nanoseconds(of('metadata', 'request_end_ns'), `${where}: request_end_ns`)
  if (start === null || end === null || end < start) return undefined
  const value = (key: string) => of('metrics', key, 'value')
  const ttft = value('time_to_first_token')
  const isFailed = isRecord(of('error')) || of('metadata', 'was_cancelled') === true
  return {
    start_ns: start,
    end_ns: end,
    ttft_ms:
      typeof ttft === 'number' && ttft >= 0 ? inMs(ttft, of('metrics', 'time_to_first_token', 'unit')) : null,
    input_tokens: problems.count(value('input_sequence_length'), `${where}: input_sequence_length`),
    output_tokens: problems.count(value('output_sequence_length'), `${where}: output_sequence_length`),
    ...(isFailed ? { code: FOREIGN_FAILURE } : {}),
  }
}

function inMs(value: number, unit: unknown): number | null {
  if (unit === 'ms') return value
  if (unit === 'ns') return value / 1e6
  if (unit === 'us') return value / 1e3
  return unit === 's' || unit === 'sec' ? value * 1e3 : null
}
