import type { Serving } from '../results/experiment.js'

/** How a server was loaded and what came of it, for the table of a result. */
export function* servingFacts({
  load,
  requests,
  steady,
  send_delay_ms,
}: Serving): Generator<[string, string]> {
  const { concurrency, request_rate, arrival } = load
  const most = concurrency === null ? '' : `, at most ${concurrency} in flight`
  const offered =
    request_rate === null ? `${concurrency} in flight` : `${request_rate} requests/s (${arrival})${most}`
  const parts = [
    `${requests.ok} requests`,
    ...(requests.failed > 0 ? [`${requests.failed} failed`] : []),
    ...(requests.retried > 0 ? [`${requests.retried} sent again`] : []),
    ...(send_delay_ms === null ? [] : [`sent ${send_delay_ms.p99.toFixed(2)} ms late p99`]),
  ]
  yield ['Load', `${offered}: ${parts.join(', ')}`]
  if (steady !== null)
    yield [
      'Steady',
      `${steady.output_tokens_per_second.toFixed(1)} output tokens/s over ${steady.duration_sec.toFixed(2)} s`,
    ]
}
