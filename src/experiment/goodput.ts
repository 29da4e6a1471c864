// Which requests kept what was asked of each, and what that costs: the energy of all over the tokens of the good ones.

import type { RequestRecord } from '../backends/protocol.js'
import type { ServiceLevels } from '../config/schema-slo.js'
import type { Goodput } from '../results/goodput.js'
import type { Inference } from './inference.js'
import { decodeMsOf, endToEndMsOf } from './latency.js'

/** What kept the limits, while it comes. */
export class GoodRequests {
  requests = 0
  outputTokens = 0
  readonly #slo: ServiceLevels

  constructor(slo: ServiceLevels) {
    this.#slo = slo
  }

  add(record: RequestRecord): void {
    if (!this.#keeps(record)) return
    this.requests += 1
    this.outputTokens += record.output_tokens
  }

  /** What is not known of a request is not kept by it. */
  #keeps(record: RequestRecord): boolean {
    const { ttft_ms, tpot_ms, e2e_ms } = this.#slo
    const within = (ms: number | null, limit: number | null) => limit === null || (ms !== null && ms <= limit)
    // An answer of one token has no time between tokens, so that any limit of it is kept.
    const isOne = record.output_tokens < 2
    const decodeMs = decodeMsOf(record)
    const perTokenMs = decodeMs === null ? null : decodeMs / (record.output_tokens - 1)
    return (
      within(record.ttft_ms, ttft_ms) &&
      (isOne || within(perTokenMs, tpot_ms)) &&
      within(endToEndMsOf(record), e2e_ms)
    )
  }
}

/** Null with a reason where nothing was asked, or what was asked is not known of the requests. */
export function goodputOf(
  { good, totals, inferenceS, latency }: Pick<Inference, 'good' | 'totals' | 'inferenceS' | 'latency'>,
  slo: ServiceLevels,
  { energyJ, areTokensSettled }: { energyJ: number | null; areTokensSettled: boolean },
): { goodput: Goodput; reason: null } | { goodput: null; reason: string } {
  if (Object.values(slo).every((limit) => limit === null))
    return { goodput: null, reason: 'no limit was asked for (slo)' }
  if (slo.ttft_ms !== null && latency.ttft_ms === null)
    return { goodput: null, reason: `the first tokens were not seen${because(latency.reason)}` }
  if (slo.tpot_ms !== null && latency.tpot_ms === null)
    return { goodput: null, reason: `the time per output token is not known${because(latency.reason)}` }
  const ratio = (value: number | null, of: number | null) =>
    value === null || of === null || !(of > 0) ? null : value / of
  return {
    goodput: {
      slo,
      good_requests: good.requests,
      requests: totals.requests + totals.failures,
      output_tokens: good.outputTokens,
      requests_per_second: ratio(good.requests, inferenceS),
      output_tokens_per_second: ratio(good.outputTokens, inferenceS),
      energy_per_output_token_j: areTokensSettled ? ratio(energyJ, good.outputTokens) : null,
      output_tokens_per_j: areTokensSettled ? ratio(good.outputTokens, energyJ) : null,
      requests_per_j: ratio(good.requests, energyJ),
    },
    reason: null,
  }
}

function because(reason: string | null | undefined): string {
  return reason == null ? '' : `: ${reason}`
}
