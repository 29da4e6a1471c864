// The results_*.json of lm-eval (lm_eval/loggers/evaluation_tracker.py). Its start_time and end_time are of Python's
// perf_counter. It counts samples, and no tokens.

import { at, type ForeignResult, isRecord, type Problems, shortText, sumOrNull } from './benchmark.js'

export function readLmEval(content: unknown, where: string, problems: Problems): ForeignResult {
  const start = problems.seconds(at(content, 'start_time'), `${where}: start_time`)
  const end = problems.seconds(at(content, 'end_time'), `${where}: end_time`)
  const samples = at(content, 'n-samples')
  const counts = isRecord(samples)
    ? Object.entries(samples).map(([task, value]) =>
        problems.count(at(value, 'effective') ?? at(value, 'original'), `${where}: n-samples.${task}`),
      )
    : []
  const isSpan = start !== null && end !== null && end > start
  return {
    version: shortText(at(content, 'lm_eval_version')),
    benchmarks: [
      {
        ...{ name: null, failed: null, inputTokens: null, outputTokens: null, timed: null },
        requests: counts.length === 0 ? null : sumOrNull(counts),
        tokensReason: 'lm-eval counts samples, and no tokens',
        own: scoresOf(at(content, 'results')),
        span: isSpan ? { clock: 'monotonic', startNs: start * 1e9, endNs: end * 1e9 } : null,
        timesReason: isSpan
          ? 'lm-eval keeps no times of requests'
          : 'the file has no start_time and end_time',
      },
    ],
  }
}

/** "arc_easy acc,none": 0.71 */
function scoresOf(results: unknown): Record<string, number> {
  if (!isRecord(results)) return {}
  const scores = Object.entries(results).flatMap(([task, metrics]) =>
    Object.entries(isRecord(metrics) ? metrics : {}).map(([metric, value]) => [`${task} ${metric}`, value]),
  )
  return Object.fromEntries(
    scores.filter(
      (entry): entry is [string, number] => typeof entry[1] === 'number' && Number.isFinite(entry[1]),
    ),
  )
}
