// The files of `trtllm-bench` (tensorrt_llm/bench/dataclasses/reporting.py): --report_json has the sums, --request_json each
// request with times of Python's perf_counter_ns.

import {
  at,
  FOREIGN_FAILURE,
  type ForeignRequest,
  type ForeignResult,
  isRecord,
  numbersOf,
  type Problems,
  shortText,
  spanOf,
  sumOrNull,
} from './benchmark.js'

/** How versions name it. */
const OUTPUT_COUNTS = ['num_total_output_tokens', 'num_output_tokens', 'output_tokens']

/** Both may be there, or one of them. */
export function readTrtllm(
  report: { content: unknown; where: string } | null,
  requests: { content: unknown; where: string } | null,
  problems: Problems,
): ForeignResult {
  const timed = requests === null ? null : requestsOf(requests.content, requests.where, problems)
  const info = at(report?.content, 'request_info')
  const where = report?.where ?? ''
  const finished = timed?.filter(({ code }) => code === undefined) ?? null
  const told = problems.count(at(info, 'num_requests'), `${where}: num_requests`)
  const count = finished?.length ?? told
  // The report has means of whole numbers.
  const total = (key: string, own: (each: ForeignRequest) => number | null | undefined) => {
    if (finished !== null) return sumOrNull(finished.map(own))
    const mean = problems.seconds(at(info, key), `${where}: ${key}`)
    return mean === null || count === null ? null : Math.round(mean * count)
  }
  const inputTokens = total('avg_input_length', ({ input_tokens }) => input_tokens)
  const outputTokens = total('avg_output_length', ({ output_tokens }) => output_tokens)
  const performance = at(report?.content, 'performance')
  const streaming = at(report?.content, 'streaming_metrics')
  return {
    version: shortText(at(report?.content, 'engine', 'version')),
    benchmarks: [
      {
        ...{ name: null, requests: count, inputTokens, outputTokens },
        failed: timed === null || finished === null ? null : timed.length - finished.length,
        tokensReason:
          inputTokens === null || outputTokens === null ? 'the files have no count for each request' : null,
        own: numbersOf({
          ...(isRecord(performance) ? performance : {}),
          ...(isRecord(streaming) ? streaming : {}),
        }),
        span: timed === null ? null : spanOf('monotonic', timed),
        timed,
        timesReason:
          timed === null
            ? 'the report has no times of requests: add --request_json FILE to the command'
            : null,
      },
    ],
  }
}

function requestsOf(content: unknown, where: string, problems: Problems): ForeignRequest[] | null {
  if (!Array.isArray(content)) {
    problems.missing(where, 'it is no list of requests')
    return null
  }
  const timed: ForeignRequest[] = []
  let unread = 0
  for (const [index, each] of content.entries()) {
    const of = (key: string) => [at(each, key), `${where}: [${index}].${key}`] as const
    const start = problems.nanoseconds(...of('start_timestamp'))
    const end = problems.nanoseconds(...of('end_timestamp'))
    if (start === null || end === null) {
      unread += 1
      continue
    }
    // -1: it was not streamed.
    const first = at(each, 'first_token_timestamp')
    const seen = typeof first === 'number' && first >= start && first <= end ? first : null
    timed.push({
      ...{ start_ns: start, end_ns: end, ttft_ms: seen === null ? null : (seen - start) / 1e6 },
      input_tokens: problems.count(...of('num_input_tokens')),
      output_tokens:
        OUTPUT_COUNTS.map((key) => problems.count(...of(key))).find((each) => each !== null) ?? null,
      ...(at(each, 'error_on_output') === true ? { code: FOREIGN_FAILURE } : {}),
    })
  }
  if (unread > 0) problems.add(where, `${unread} requests have no times`)
  return unread > 0 || timed.length === 0 ? null : timed
}
