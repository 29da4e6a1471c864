// The file of `vllm bench serve --save-result` (vllm/benchmarks/serve.py). Its start times are of Python's perf_counter; they
// are in it with --save-detailed only. A request that failed keeps its start, and says not how long it took.

import {
  FOREIGN_FAILURE,
  type ForeignBenchmark,
  type ForeignRequest,
  type ForeignResult,
  type ForeignSpan,
  isRecord,
  numbersOf,
  type Problems,
  shortText,
  spanOf,
  sumOrNull,
} from './benchmark.js'

const OWN =
  /^(duration|request_throughput|request_goodput|output_throughput|total_token_throughput|max_output_tokens_per_s|max_concurrent_requests|(mean|median|std|p[\d.]+)_(ttft|tpot|itl|e2el)_ms)$/

export function readVllm(content: unknown, where: string, problems: Problems): ForeignResult | null {
  if (!isRecord(content)) {
    problems.missing(where, 'it is no object')
    return null
  }
  const told = {
    completed: problems.count(content.completed, `${where}: completed`),
    failed: problems.count(content.failed, `${where}: failed`),
    inputTokens: problems.count(content.total_input_tokens, `${where}: total_input_tokens`),
    outputTokens: problems.count(content.total_output_tokens, `${where}: total_output_tokens`),
  }
  const { inputTokens, outputTokens } = told
  const requests = requestsOf(content, where, problems)
  const { timed, reason, all } = requests
  if (all !== null) tellContradictions(told, all, where, problems)
  const { span, energyReason } = spanBy(content, requests, where, problems)
  return {
    version: shortText(content.vllm_version),
    benchmarks: [
      {
        name: shortText(content.label),
        ...{ requests: told.completed, failed: told.failed ?? failuresIn(all), inputTokens, outputTokens },
        tokensReason: inputTokens === null || outputTokens === null ? 'the file has no whole count' : null,
        own: numbersOf(Object.fromEntries(Object.entries(content).filter(([key]) => OWN.test(key)))),
        ...{ span, energyReason, timed, timesReason: reason },
        ...saidOf(content.date),
      },
    ],
  }
}

/** Older files do not count them. */
function failuresIn(all: readonly ForeignRequest[] | null): number | null {
  return all === null ? null : all.filter(({ code }) => code !== undefined).length
}

/** "20261130-211500", of the local time where it was written, which in a container mostly is UTC. */
function saidOf(date: unknown): Pick<ForeignBenchmark, 'saidMs'> {
  const parts = /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)$/.exec(typeof date === 'string' ? date : '')
  if (parts === null) return {}
  const [year, month, day, hour, minute, second] = parts.slice(1).map(Number) as [
    ...[number, number, number, number, number, number],
  ]
  return {
    saidMs: [
      new Date(year, month - 1, day, hour, minute, second).getTime(),
      Date.UTC(year, month - 1, day, hour, minute, second),
    ],
  }
}

type Told = Record<'completed' | 'failed' | 'inputTokens' | 'outputTokens', number | null>

/** Sums and lists are of the same requests. The sums are taken. */
function tellContradictions(
  { completed, inputTokens, outputTokens }: Told,
  timed: readonly ForeignRequest[],
  where: string,
  problems: Problems,
): void {
  const finished = timed.filter(({ code }) => code === undefined)
  const compare = (key: string, sum: number | null, listed: number | null) => {
    if (sum !== null && listed !== null && sum !== listed)
      problems.add(where, `${key} is ${sum}, and its lists of requests have ${listed}: ${sum} is used`)
  }
  compare('completed', completed, finished.length)
  compare('total_input_tokens', inputTokens, sumOrNull(finished.map((each) => each.input_tokens)))
  compare('total_output_tokens', outputTokens, sumOrNull(finished.map((each) => each.output_tokens)))
}

/** Its own duration and the times of its requests may differ by that much. */
const SAME = { share: 0.03, ns: 100e6 }

/** From the first request to the end of the last; where that has no length, as long as the tool says that all took. */
function spanBy(
  content: Record<string, unknown>,
  { all, untimedFailures }: Requests,
  where: string,
  problems: Problems,
): { span: ForeignSpan | null; energyReason: string | null } {
  const span = all === null ? null : spanOf('monotonic', all)
  const seconds = problems.seconds(content.duration, `${where}: duration`)
  if (span === null) return { span, energyReason: null }
  if (seconds === null) {
    if (untimedFailures === 0) return { span, energyReason: null }
    return {
      span,
      energyReason: `${untimedFailures} failed requests have no length, and the file has no duration`,
    }
  }
  const [ownNs, seenNs] = [seconds * 1e9, span.endNs - span.startNs]
  if (Math.abs(ownNs - seenNs) <= SAME.ns + SAME.share * ownNs) return { span, energyReason: null }
  const told = `it says that it took ${seconds.toFixed(2)} s, and its requests ${(seenNs / 1e9).toFixed(2)} s`
  if (ownNs < seenNs) {
    problems.add(where, told)
    return { span, energyReason: told }
  }
  if (untimedFailures > 0 && content.request_rate === 'inf')
    return { span: { ...span, endNs: span.startNs + ownNs }, energyReason: null }
  problems.add(where, told)
  // At a finite rate it waits for the first request, too: whether the failed ones ran before or after is not known.
  const failures = `${untimedFailures} failed requests have no length`
  return { span, energyReason: untimedFailures > 0 ? `${told}: ${failures}` : null }
}

interface Requests {
  /** All, where all have times. */
  timed: ForeignRequest[] | null
  reason: string | null
  /** For the span: failed ones without a length, too. Null where others have no times. */
  all: ForeignRequest[] | null
  untimedFailures: number
}

function requestsOf(content: Record<string, unknown>, where: string, problems: Problems): Requests {
  const none = (reason: string): Requests => ({ timed: null, reason, all: null, untimedFailures: 0 })
  const { start_times: starts, ttfts, latencies, itls } = content
  if (!Array.isArray(starts)) return none('the file has no start times: add --save-detailed to the command')
  const columns = ['ttfts', 'input_lens', 'output_lens', Array.isArray(latencies) ? 'latencies' : 'itls']
  const odd = columns.filter((key) => {
    const column = content[key]
    return !Array.isArray(column) || column.length !== starts.length
  })
  if (odd.length > 0) {
    problems.add(where, `${odd.join(', ')} have not as many entries as start_times (${starts.length})`)
    return none(`its lists of requests are not equally long: ${odd.join(', ')}`)
  }
  const seconds = (list: unknown, index: number, key: string) => {
    const value = (list as unknown[])[index]
    // null: NaN and Infinity, which Python writes and JSON does not have.
    if (value === null) problems.add(`${where}: ${key}[${index}]`, 'it is no number')
    return problems.seconds(value, `${where}: ${key}[${index}]`)
  }
  const all: ForeignRequest[] = []
  let [unread, untimedFailures] = [0, 0]
  for (const index of starts.keys()) {
    const start = seconds(starts, index, 'start_times')
    const ttft = seconds(ttfts, index, 'ttfts')
    const failed = errorOf(content.errors, index)
    const latency = Array.isArray(latencies)
      ? seconds(latencies, index, 'latencies')
      : latencyOf(ttft, (itls as unknown[])[index], `${where}: itls[${index}]`, problems)
    if (failed && !((latency ?? 0) > 0)) untimedFailures += 1
    // One that was refused at once has no times.
    if (failed && (start === null || start === 0)) continue
    if (start === null || start === 0 || (latency === null && !failed)) {
      unread += 1
      continue
    }
    const count = (key: 'input_lens' | 'output_lens') =>
      problems.count((content[key] as unknown[])[index], `${where}: ${key}[${index}]`)
    all.push({
      start_ns: start * 1e9,
      end_ns: (start + (latency ?? 0)) * 1e9,
      // Zero: the answer was not streamed.
      ttft_ms: ttft === null || ttft === 0 ? null : ttft * 1e3,
      ...{ input_tokens: count('input_lens'), output_tokens: count('output_lens') },
      ...(failed ? { code: FOREIGN_FAILURE } : {}),
    })
  }
  if (unread > 0) return none(`${unread} of its requests have no times`)
  if (all.length === 0) return none('it has no request')
  if (untimedFailures === 0) return { timed: all, reason: null, all, untimedFailures }
  const reason = `${untimedFailures} failed requests have no length, so whose the joules of that time are is not known`
  return { timed: null, reason, all, untimedFailures }
}

function errorOf(errors: unknown, index: number): boolean {
  const error: unknown = Array.isArray(errors) ? errors[index] : ''
  return typeof error === 'string' && error !== ''
}

/** Older files have no latencies: the first token and all that came after it. */
function latencyOf(ttft: number | null, gaps: unknown, where: string, problems: Problems): number | null {
  if (ttft === null || !Array.isArray(gaps)) return null
  let sum = ttft
  for (const [index, gap] of gaps.entries()) {
    if (typeof gap !== 'number' || !(gap >= 0 && gap < 1e6)) {
      problems.add(`${where}[${index}]`, 'it is no time in seconds')
      return null
    }
    sum += gap
  }
  return sum
}
