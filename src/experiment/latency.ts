// Latencies and speeds of the requests of a run, from the record of each.

import type { RequestRecord } from '../backends/protocol.js'
import { spreadOf } from '../backends/spread.js'
import type { Latency, Speed } from '../results/experiment.js'

/** What was measured of the requests of a process: milliseconds, in the order in which they ended. */
export interface RequestTimes {
  e2e: number[]
  /** Of those whose first token was observed. */
  ttft: number[]
  /** Of those with more than one token. */
  tpot: number[]
  /** Over the requests whose first token was observed. */
  prefill: { tokens: number; ms: number }
  decode: { tokens: number; ms: number }
  input: number[]
  output: number[]
}

/** Of no request yet. */
export function newTimes(): RequestTimes {
  return {
    e2e: [],
    ttft: [],
    tpot: [],
    prefill: { tokens: 0, ms: 0 },
    decode: { tokens: 0, ms: 0 },
    input: [],
    output: [],
  }
}

/** The same without what rests on first tokens: where most were kept back, the others that seem to be seen are none. */
export function withoutFirstTokens(times: RequestTimes): RequestTimes {
  const { e2e, input, output } = times
  return { ...newTimes(), e2e, input, output }
}

/** Takes in a request that has ended. */
export function addTimes(times: RequestTimes, record: RequestRecord): void {
  const { ttft_ms, input_tokens, output_tokens } = record
  const endToEndMs = endToEndMsOf(record)
  times.e2e.push(endToEndMs)
  if (input_tokens !== null) times.input.push(input_tokens)
  times.output.push(output_tokens)
  if (ttft_ms === null) return
  times.ttft.push(ttft_ms)
  if (input_tokens !== null) {
    times.prefill.tokens += input_tokens
    times.prefill.ms += ttft_ms
  }
  const decodeMs = decodeMsOf(record)
  if (decodeMs === null) return
  times.tpot.push(decodeMs / (output_tokens - 1))
  times.decode.tokens += output_tokens - 1
  times.decode.ms += decodeMs
}

export function endToEndMsOf({ start_ns, end_ns }: RequestRecord): number {
  return (end_ns - start_ns) / 1e6
}

/** From the first token to the last; null where there are not two of them, one after the other. */
export function decodeMsOf(record: RequestRecord): number | null {
  const { ttft_ms, itl_ms, output_tokens } = record
  if (ttft_ms === null || output_tokens < 2) return null
  // Time per output token is the decode alone: the first token belongs to the prefill. Where every token was seen it ends
  // with the last one, because the end-of-text token that ended the answer took a step and is not counted.
  const isSeen = itl_ms?.count === output_tokens - 1
  const decodeMs = isSeen ? itl_ms.mean * itl_ms.count : endToEndMsOf(record) - ttft_ms
  // All at once are no tokens one after the other.
  return decodeMs > 0 ? decodeMs : null
}

/** How the times of all requests are spread. `itl_ms`: between tokens, which only a worker knows; `reason`: why some are not known. */
export function latencyOf(
  all: readonly RequestTimes[],
  itl_ms: Latency['itl_ms'],
  reason: string | null = null,
): Latency {
  const pooled = (kind: 'e2e' | 'ttft' | 'tpot') => spreadOf(all.flatMap((times) => times[kind]))
  return { ttft_ms: pooled('ttft'), itl_ms, tpot_ms: pooled('tpot'), e2e_ms: pooled('e2e'), reason }
}

/** How fast one request is worked on, all requests together. */
export function speedOf(all: readonly RequestTimes[]): Speed {
  const perSecond = (phase: 'prefill' | 'decode') => {
    const sum = (part: 'tokens' | 'ms') => all.reduce((total, times) => total + times[phase][part], 0)
    return sum('ms') > 0 ? sum('tokens') / (sum('ms') / 1000) : null
  }
  return { prefill_tokens_per_second: perSecond('prefill'), decode_tokens_per_second: perSecond('decode') }
}
