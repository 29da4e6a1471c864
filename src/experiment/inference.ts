import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { InferenceSession } from '../backends/backend.js'
import type { Generation, RequestRecord, RunTotals } from '../backends/protocol.js'
import { spreadOf } from '../backends/spread.js'
import type { ExperimentResult } from '../results/experiment.js'
import type { Observer } from './observer.js'
import type { Prompt } from './prompts/prompt.js'

export interface Inference {
  totals: RunTotals
  latency: ExperimentResult['latency']
}

/** Runs the prompts, streaming each finished request to `requestsPath` as a JSON line. */
export async function runInference(
  session: InferenceSession,
  prompts: readonly Prompt[],
  {
    generation,
    requestsPath,
    observer,
    signal,
  }: { generation: Generation; requestsPath: string; observer: Observer; signal: AbortSignal | undefined },
): Promise<Inference> {
  const requests = createWriteStream(requestsPath)
  const writing = finished(requests)
  // Awaited below; until then a full disk must not be an unhandled rejection.
  writing.catch(() => undefined)
  const endToEndMs: number[] = []
  const tpotMs: number[] = []
  const progress = observer.progress('Measuring', prompts.length, 'prompt')
  let tokens = 0
  const onRequest = (record: RequestRecord) => {
    requests.write(`${JSON.stringify(record)}\n`)
    const requestMs = (record.end_ns - record.start_ns) / 1e6
    endToEndMs.push(requestMs)
    // Time per output token is the decode alone: the first token belongs to the prefill.
    if (record.ttft_ms !== null && record.output_tokens > 1)
      tpotMs.push((requestMs - record.ttft_ms) / (record.output_tokens - 1))
    tokens += record.output_tokens
    progress.update(endToEndMs.length, `${tokens} tokens`)
  }
  try {
    const totals = await session.run(prompts, { generation, onRequest, signal })
    const latency = {
      ttft_ms: totals.ttft_ms,
      itl_ms: totals.itl_ms,
      tpot_ms: spreadOf(tpotMs),
      e2e_ms: spreadOf(endToEndMs),
    }
    return { totals, latency }
  } finally {
    progress.stop()
    requests.end()
    await writing.catch((error: unknown) => observer.note(`requests.jsonl is incomplete: ${String(error)}`))
  }
}
