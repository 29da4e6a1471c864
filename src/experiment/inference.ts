import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { InferenceSession } from '../backends/backend.js'
import type { Generation, RequestRecord, RunTotals } from '../backends/protocol.js'
import { spreadOf } from '../backends/spread.js'
import { messageOf } from '../core/errors.js'
import type { ExperimentResult } from '../results/experiment.js'
import { AttentionFlops } from './attention-flops.js'
import type { Observer } from './observer.js'
import type { Prompt } from './prompts/prompt.js'

export interface Inference {
  totals: RunTotals
  latency: ExperimentResult['latency']
  /** End to end, in milliseconds, in the order of the prompts. */
  requestMs: number[]
  /** FLOPs of the attention over the contexts; null where the model's shape is not known. */
  attentionFlops: number | null
  /** Why requests.jsonl is not whole; null when it is. */
  requestsProblem: string | null
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
  const file = writeLines(requestsPath)
  const requestMs: number[] = []
  const tpotMs: number[] = []
  const attention = new AttentionFlops(session.info.facts.attention)
  const progress = observer.progress({ label: 'Measuring', total: prompts.length, unit: 'prompt' })
  let tokens = 0
  const onRequest = (record: RequestRecord) => {
    file.write(JSON.stringify(record))
    const endToEndMs = (record.end_ns - record.start_ns) / 1e6
    requestMs.push(endToEndMs)
    // Time per output token is the decode alone: the first token belongs to the prefill.
    if (record.ttft_ms !== null && record.output_tokens > 1)
      tpotMs.push((endToEndMs - record.ttft_ms) / (record.output_tokens - 1))
    tokens += record.output_tokens
    attention.add(record)
    progress.update(requestMs.length, `${tokens} tokens`)
  }
  let requestsProblem: string | null = null
  let totals: RunTotals
  try {
    totals = await session.run(prompts, { generation, onRequest, signal })
  } finally {
    progress.stop()
    requestsProblem = await file.end()
    if (requestsProblem !== null)
      observer.note(`requests.jsonl could not be written (non-fatal): ${requestsProblem}`)
  }
  const latency = {
    ttft_ms: totals.ttft_ms,
    itl_ms: totals.itl_ms,
    tpot_ms: spreadOf(tpotMs),
    e2e_ms: spreadOf(requestMs),
  }
  return { totals, latency, requestMs, attentionFlops: attention.total, requestsProblem }
}

/** A file of lines. A full disk is told at the end, so that it does not end the inference. */
function writeLines(path: string): { write(line: string): void; end(): Promise<string | null> } {
  const stream = createWriteStream(path)
  const problem = finished(stream).then(() => null, messageOf)
  return {
    write: (line) => {
      if (!stream.destroyed) stream.write(`${line}\n`)
    },
    end: () => {
      stream.end()
      return problem
    },
  }
}
