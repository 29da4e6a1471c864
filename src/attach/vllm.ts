// The file of `vllm bench serve --save-result` (vllm/benchmarks/serve.py). Its start times are of Python's perf_counter; they
// are in it with --save-detailed only.

import {
  FOREIGN_FAILURE,
  type ForeignRequest,
  type ForeignResult,
  isRecord,
  numbersOf,
  type Problems,
  shortText,
  spanOf,
} from './benchmark.js'

const OWN =
  /^(duration|request_throughput|request_goodput|output_throughput|total_token_throughput|max_output_tokens_per_s|max_concurrent_requests|(mean|median|std|p[\d.]+)_(ttft|tpot|itl|e2el)_ms)$/

export function readVllm(content: unknown, where: string, problems: Problems): ForeignResult | null {
  if (!isRecord(content)) {
    problems.add(where, 'it is no object')
    return null
  }
  const inputTokens = problems.count(content.total_input_tokens, `${where}: total_input_tokens`)
  const outputTokens = problems.count(content.total_output_tokens, `${where}: total_output_tokens`)
  const { timed, reason } = requestsOf(content, where, problems)
  return {
    version: shortText(content.vllm_version),
    benchmarks: [
      {
        name: shortText(content.label),
        requests: problems.count(content.completed, `${where}: completed`),
        failed: problems.count(content.failed, `${where}: failed`),
        inputTokens,
        outputTokens,
        tokensReason: inputTokens === null || outputTokens === null ? 'the file has no whole count' : null,
        own: numbersOf(Object.fromEntries(Object.entries(content).filter(([key]) => OWN.test(key)))),
        span: timed === null ? null : spanOf('monotonic', timed),
        timed,
        timesReason: reason,
      },
    ],
  }
}

type Requests = { timed: ForeignRequest[]; reason: null } | { timed: null; reason: string }

function requestsOf(content: Record<string, unknown>, where: string, problems: Problems): Requests {
  const { start_times: starts, ttfts, latencies, itls } = content
  if (!Array.isArray(starts))
    return { timed: null, reason: 'the file has no start times: add --save-detailed to the command' }
  const columns = ['ttfts', 'input_lens', 'output_lens', Array.isArray(latencies) ? 'latencies' : 'itls']
  const odd = columns.filter((key) => {
    const column = content[key]
    return !Array.isArray(column) || column.length !== starts.length
  })
  if (odd.length > 0) {
    problems.add(where, `${odd.join(', ')} have not as many entries as start_times (${starts.length})`)
    return { timed: null, reason: `its lists of requests are not equally long: ${odd.join(', ')}` }
  }
  const seconds = (list: unknown, index: number, key: string) =>
    problems.seconds((list as unknown[])[index], `${where}: ${key}[${index}]`)
  const timed: ForeignRequest[] = []
  let unread = 0
  for (const index of starts.keys()) {
    const start = seconds(starts, index, 'start_times')
    const ttft = seconds(ttfts, index, 'ttfts')
    const latency = Array.isArray(latencies)
      ? seconds(latencies, index, 'latencies')
      : latencyOf(ttft, (itls as unknown[])[index])
    const failed = errorOf(content.errors, index)
    // One that was refused at once has no times.
    if (failed && (start === null || start === 0)) continue
    if (start === null || start === 0 || latency === null) {
      unread += 1
      continue
    }
    timed.push({
      start_ns: start * 1e9,
      end_ns: (start + latency) * 1e9,
      // Zero: the answer was not streamed.
      ttft_ms: ttft === null || ttft === 0 ? null : ttft * 1e3,
      input_tokens: problems.count(
        (content.input_lens as unknown[])[index],
        `${where}: input_lens[${index}]`,
      ),
      output_tokens: problems.count(
        (content.output_lens as unknown[])[index],
        `${where}: output_lens[${index}]`,
      ),
      ...(failed ? { code: FOREIGN_FAILURE } : {}),
    })
  }
  if (unread > 0) return { timed: null, reason: `${unread} of its requests have no times` }
  return timed.length === 0 ? { timed: null, reason: 'it has no request' } : { timed, reason: null }
}

function errorOf(errors: unknown, index: number): boolean {
  const error: unknown = Array.isArray(errors) ? errors[index] : ''
  return typeof error === 'string' && error !== ''
}

/** Older files have no latencies: the first token and all that came after it. */
function latencyOf(ttft: number | null, gaps: unknown): number | null {
  if (ttft === null || !Array.isArray(gaps)) return null
  let sum = ttft
  for (const gap of gaps) {
    if (typeof gap !== 'number' || !(gap >= 0 && gap < 1e6)) return null
    sum += gap
  }
  return sum
}
