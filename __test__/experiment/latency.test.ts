import { describe, expect, it } from 'vitest'
import type { RequestRecord } from '../../dist/backends/protocol.js'
import { spreadOf } from '../../dist/backends/spread.js'
import { addTimes, latencyOf, newTimes, speedOf, withoutFirstTokens } from '../../dist/experiment/latency.js'

/** A request whose tokens came at these milliseconds, and which ended at another one. */
function request(
  tokensMs: readonly number[],
  endMs: number,
  rest: Partial<RequestRecord> = {},
): RequestRecord {
  return {
    ...{
      index: 0,
      input_tokens: 30,
      start_ns: 1e9,
      end_ns: 1e9 + endMs * 1e6,
      scheduled_ns: null,
      attempts: 1,
    },
    output_tokens: tokensMs.length,
    ttft_ms: tokensMs[0] ?? null,
    itl_ms: spreadOf(tokensMs.slice(1).map((ms, at) => ms - Number(tokensMs[at]))),
    finish_reason: 'length',
    truncated: false,
    output_digest: null,
    ...rest,
  }
}

/** Time per output token in milliseconds, and tokens per second of the decode. */
function decodeOf(record: RequestRecord) {
  const times = newTimes()
  addTimes(times, record)
  return [latencyOf([times], null).tpot_ms?.mean, speedOf([times]).decode_tokens_per_second]
}

describe('the time per output token', () => {
  it('is that between the first token and the last', () => {
    expect(decodeOf(request([50, 60, 70, 80], 80))).toEqual([10, 100])
  })

  it('does not hold the step of the end-of-text token, which is not counted', () => {
    expect(decodeOf(request([50, 60, 70, 80], 90, { finish_reason: 'stop' }))).toEqual([10, 100])
  })

  it('goes to the end where a server counted that token, or sent several at once', () => {
    const counted = { finish_reason: 'stop', output_tokens: 5 } as const
    expect(decodeOf(request([50, 60, 70, 80], 90, counted))).toEqual([10, 100])
    expect(decodeOf(request([50, 80], 80, { output_tokens: 4 }))).toEqual([10, 100])
  })

  it('is unknown for one token', () => {
    expect(decodeOf(request([50], 60))).toEqual([undefined, null])
  })
})

describe('times of a run whose first tokens were kept back', () => {
  it('are those of whole requests alone', () => {
    const times = newTimes()
    addTimes(times, request([50, 60, 70, 80], 80))
    const unseen = withoutFirstTokens(times)
    expect(latencyOf([unseen], null)).toMatchObject({ ttft_ms: null, tpot_ms: null, e2e_ms: { mean: 80 } })
    expect(speedOf([unseen])).toEqual({ prefill_tokens_per_second: null, decode_tokens_per_second: null })
    expect(unseen.output).toEqual(times.output)
  })
})
