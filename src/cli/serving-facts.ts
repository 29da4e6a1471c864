import type { Serving } from '../results/experiment.js'
import type { Identity, ModelSource } from '../results/identity.js'

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

const HOW: Readonly<Record<Identity['resolved']['by'], string>> = {
  listed: 'which it lists',
  alike: 'which it lists, the same by another spelling',
  root: 'which it lists and says stands for the model',
  pattern: 'which a pattern of its list covers',
  named: 'the name that the configuration gives',
  served_as: 'as served_as says',
  started: 'the only one of a server that was started with the model',
  told_path: 'whose path it tells',
  unlisted: 'without a list of models',
  loaded: 'which was loaded',
}

/** "o/r at 0123456789ab: r-Q4_K_M.gguf (sha256 0123456789ab)" */
export function sourceText({ repository, commit, manifest_sha256, files }: ModelSource): string {
  const [first, ...others] = files
  const at = commit ?? manifest_sha256
  const hash = first?.sha256 == null ? '' : ` (sha256 ${first.sha256.slice(0, 12)})`
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return `${repository}${at === null ? '' : ` at ${at.slice(0, 12)}`}: ${first?.path ?? 'no file'}${hash}${more}`
}

/** Who answered, by which name and by what that is the model, for the table of a result. */
export function servedBy({ resolved, observed }: Identity): string {
  const { engine, engine_version, answered } = observed
  const who = [engine ?? 'a server', engine_version].filter((part) => part !== null).join(' ')
  const others = (answered ?? []).map(({ model }) => model).filter((model) => model !== resolved.name)
  const as = others.length === 0 ? '' : `; it answers as ${others.join(', ')}`
  return `${who} as ${resolved.name}, ${HOW[resolved.by]}${as}`
}
