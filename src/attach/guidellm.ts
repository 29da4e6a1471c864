// The report of guidellm (guidellm/benchmark/schemas/): a list of benchmarks, each with its requests and times of the wall
// clock in seconds. Version 1 of it, of guidellm before 0.4, has other names for the tokens and times of a request.

import {
  at,
  FOREIGN_FAILURE,
  type ForeignBenchmark,
  type ForeignRequest,
  type ForeignResult,
  type Problems,
  shortText,
  spanOf,
} from './benchmark.js'

export function readGuidellm(content: unknown, where: string, problems: Problems): ForeignResult {
  const listed = at(content, 'benchmarks')
  if (!Array.isArray(listed)) problems.missing(where, 'benchmarks is no list')
  return {
    version: shortText(at(content, 'metadata', 'guidellm_version')),
    benchmarks: (Array.isArray(listed) ? listed : []).map((each, index) =>
      benchmarkOf(each, `${where}: benchmarks[${index}]`, problems),
    ),
  }
}

function benchmarkOf(content: unknown, where: string, problems: Problems): ForeignBenchmark {
  const metrics = at(content, 'metrics')
  const sum = (key: string, status: string) => {
    const value = at(metrics, key, status, 'total_sum')
    return problems.count(typeof value === 'number' ? Math.round(value) : value, `${where}: ${key}.${status}`)
  }
  const incomplete = problems.count(
    at(metrics, 'request_totals', 'incomplete'),
    `${where}: request_totals.incomplete`,
  )
  const requests = problems.count(at(metrics, 'request_totals', 'successful'), `${where}: request_totals`)
  const errored = problems.count(at(metrics, 'request_totals', 'errored'), `${where}: request_totals.errored`)
  const { timed, reason } = requestsOf(content, requests, where, problems)
  const finished = timed?.filter(({ code }) => code === undefined)
  const summed = (of: (each: ForeignRequest) => number | null | undefined) =>
    finished?.every((each) => of(each) != null)
      ? finished.reduce((total, each) => total + (of(each) ?? 0), 0)
      : null
  // Their joules are in those of the benchmark, so their tokens are to be there, too. A zero is one that was not counted.
  const withIncomplete = (key: string, ofFinished: number | null) => {
    if (incomplete === null || incomplete === 0) return ofFinished
    const more = sum(key, 'incomplete')
    return more === null || more === 0 || ofFinished === null ? null : ofFinished + more
  }
  const own = {
    input: sum('prompt_token_count', 'successful') ?? summed(({ input_tokens }) => input_tokens),
    output: sum('output_token_count', 'successful') ?? summed(({ output_tokens }) => output_tokens),
  }
  const inputTokens = withIncomplete('prompt_token_count', own.input)
  const outputTokens = withIncomplete('output_token_count', own.output)
  const isUncounted =
    (own.input !== null && inputTokens === null) || (own.output !== null && outputTokens === null)
  const start = problems.seconds(at(content, 'start_time'), `${where}: start_time`)
  const end = problems.seconds(at(content, 'end_time'), `${where}: end_time`)
  const isSpan = start !== null && end !== null && end > start
  return {
    name: nameOf(at(content, 'config', 'strategy')),
    requests: requests ?? finished?.length ?? null,
    failed: errored,
    incomplete,
    inputTokens,
    outputTokens,
    tokensReason: isUncounted
      ? `the report does not count the tokens of the ${incomplete} requests that were not finished: let it end by --max-requests`
      : inputTokens === null || outputTokens === null
        ? 'the report has no count'
        : null,
    own: meansOf(metrics),
    span:
      (timed === null ? null : spanOf('wall', timed)) ??
      (isSpan ? { clock: 'wall', startNs: start * 1e9, endNs: end * 1e9 } : null),
    timed,
    timesReason: reason,
  }
}

/** "concurrent@8", "constant@2.5", "synchronous" */
function nameOf(strategy: unknown): string | null {
  const kind = shortText(at(strategy, 'type_')) ?? shortText(at(strategy, 'kind'))
  const level = at(strategy, 'rate') ?? at(strategy, 'max_concurrency') ?? at(strategy, 'streams')
  return kind !== null && typeof level === 'number' ? `${kind}@${level}` : kind
}

const MEANS = [
  ...['requests_per_second', 'request_concurrency', 'request_latency', 'time_to_first_token_ms'],
  ...['inter_token_latency_ms', 'time_per_output_token_ms', 'output_tokens_per_second', 'tokens_per_second'],
]

function meansOf(metrics: unknown): Record<string, number> {
  return Object.fromEntries(
    MEANS.flatMap((key): [string, number][] => {
      const mean = at(metrics, key, 'successful', 'mean')
      return typeof mean === 'number' && Number.isFinite(mean) ? [[`${key} mean`, mean]] : []
    }),
  )
}

type Requests = { timed: ForeignRequest[]; reason: null } | { timed: null; reason: string }

function requestsOf(content: unknown, total: number | null, where: string, problems: Problems): Requests {
  const timed: ForeignRequest[] = []
  let [unread, successful] = [0, 0]
  for (const status of ['successful', 'incomplete', 'errored']) {
    const listed = at(content, 'requests', status)
    if (!Array.isArray(listed)) continue
    for (const [index, each] of listed.entries()) {
      const request = requestOf(each, `${where}: requests.${status}[${index}]`, problems)
      if (status === 'successful') {
        successful += 1
        if (request === null) unread += 1
      }
      // What was not finished may have never begun.
      if (request !== null)
        timed.push(status === 'successful' ? request : { ...request, code: FOREIGN_FAILURE })
    }
  }
  if (unread > 0) return { timed: null, reason: `${unread} of its requests have no times` }
  if (successful === 0) return { timed: null, reason: 'the report holds no request that was successful' }
  if (total !== null && successful < total)
    return {
      timed: null,
      reason: `the report holds ${successful} of ${total} requests, as guidellm was told to keep a sample`,
    }
  return { timed, reason: null }
}

function requestOf(each: unknown, where: string, problems: Problems): ForeignRequest | null {
  const start = problems.seconds(at(each, 'request_start_time') ?? at(each, 'start_time'), `${where}: start`)
  const end = problems.seconds(at(each, 'request_end_time') ?? at(each, 'end_time'), `${where}: end`)
  if (start === null || end === null || end < start) return null
  const first = at(each, 'info', 'timings', 'first_token_iteration') ?? at(each, 'first_token_time')
  const tokens = (part: string, old: string) =>
    problems.count(
      at(each, `${part}_metrics`, 'total_tokens') ??
        at(each, `${part}_metrics`, 'text_tokens') ??
        at(each, old),
      `${where}: ${part} tokens`,
    )
  return {
    start_ns: start * 1e9,
    end_ns: end * 1e9,
    ttft_ms: typeof first === 'number' && first >= start && first <= end ? (first - start) * 1e3 : null,
    input_tokens: tokens('input', 'prompt_tokens'),
    output_tokens: tokens('output', 'output_tokens'),
  }
}
