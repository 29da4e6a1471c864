// The files of `trtllm-bench` (tensorrt_llm/bench/dataclasses/reporting.py): --report_json has the sums, --request_json each
// request with times of Python's perf_counter_ns.

import {
  at,
  type ForeignRequest,
  type ForeignResult,
  isRecord,
  numbersOf,
  type Problems,
  shortText,
  spanOf,
} from './benchmark.js'

/** Both may be there, or one of them. */
export function readTrtllm(
  report: { content: unknown; where: string } | null,
  requests: { content: unknown; where: string } | null,
  problems: Problems,
): ForeignResult {
  const timed = requests === null ? null : requestsOf(requests.content, requests.where, problems)
  const info = at(report?.content, 'request_info')
  const where = report?.where ?? ''
  const count = problems.count(at(info, 'num_requests'), `${where}: num_requests`) ?? timed?.length ?? null
  // The report has means of whole numbers.
  const total = (key: string, own: (each: ForeignRequest) => number | null | undefined) => {
    if (timed?.every((each) => own(each) != null))
      return timed.reduce((sum, each) => sum + (own(each) ?? 0), 0)
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
        ...{ name: null, requests: count, failed: null, inputTokens, outputTokens },
        tokensReason: inputTokens === null || outputTokens === null ? 'the files have no count' : null,
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
    problems.add(where, 'it is no list of requests')
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
      output_tokens: problems.count(...of('num_output_tokens')) ?? problems.count(...of('output_tokens')),
    })
  }
  if (unread > 0) problems.add(where, `${unread} requests have no times`)
  return unread > 0 || timed.length === 0 ? null : timed
}
