import { createWriteStream } from 'node:fs'
import { finished } from 'node:stream/promises'
import type { FailedRequest, Generation, OfferedLoad, Prompt, RunTotals } from '../backends/protocol.js'
import type { ServiceLevels } from '../config/schema-slo.js'
import { messageOf } from '../core/errors.js'
import { maskedJson } from '../core/secrets.js'
import { AttentionFlops } from '../models/attention-flops.js'
import type { Observer } from '../progress/observer.js'
import type { Latency, Speed } from '../results/experiment.js'
import { unionOfWindowsS } from '../results/shares.js'
import type { Member } from './fleet.js'
import { GoodRequests } from './goodput.js'
import { addTimes, latencyOf, newTimes, type RequestTimes, speedOf, withoutFirstTokens } from './latency.js'

/** What one worker process did. */
export interface ProcessInference {
  totals: RunTotals
  latency: Latency
  speed: Speed
  times: RequestTimes
  /** FLOPs of the attention over the contexts; null where the model's shape, or a request's input, is not known. */
  attentionFlops: number | null
}

export interface Inference {
  /** In the order of the fleet. */
  processes: ProcessInference[]
  /** Sums over the processes; from the first that began to the last that ended. */
  totals: RunTotals
  /** How requests reached a server; null where the model ran inside of a worker. */
  load: OfferedLoad | null
  /** Time in which at least one process was at work. */
  inferenceS: number
  latency: Latency
  speed: Speed
  /** Tokens of each request, in the order in which they ended; of the input as far as a server tells. */
  tokens: { input: number[]; output: number[] }
  /** Those that kept what was asked of each. */
  good: Pick<GoodRequests, 'requests' | 'outputTokens'>
  /** Why requests.jsonl is not whole; null when it is. */
  requestsProblem: string | null
}

interface RunSettings {
  generation: Generation
  load: OfferedLoad | null
  slo: ServiceLevels
  requestsPath: string
  observer: Observer
  signal: AbortSignal | undefined
}

/** Runs the prompts on all workers at once, streaming each finished request to `requestsPath` as a JSON line. */
export async function runInference(
  members: readonly Member[],
  prompts: readonly Prompt[],
  { generation, load, slo, requestsPath, observer, signal }: RunSettings,
): Promise<Inference> {
  const file = writeLines(requestsPath)
  const progress = observer.progress({ label: 'Measuring', total: prompts.length, unit: 'prompt' })
  const good = new GoodRequests(slo)
  let ended = 0
  let failures = 0
  let tokens = 0
  const onEnd = (line: object, outputTokens: number) => {
    file.write(maskedJson(line))
    ended += 1
    tokens += outputTokens
    progress.update(ended, `${tokens} tokens${failures === 0 ? '' : `, ${failures} failed`}`)
  }
  let requestsProblem: string | null = null
  let processes: ProcessInference[]
  // What is left of the others counts for nothing once one process has failed.
  const failed = new AbortController()
  const either = signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal])
  const runOne = async (member: Member): Promise<ProcessInference> => {
    const shard = shardOf(prompts, member.index, members.length)
    const named = members.length === 1 ? {} : { process_index: member.index }
    const times = newTimes()
    const attention = attentionOf(member)
    const totals = await member.session.run(
      shard.map(({ prompt }) => prompt),
      {
        generation,
        load,
        signal: either,
        onRequest: (record) => {
          addTimes(times, record)
          good.add(record)
          attention?.add(record)
          onEnd(
            { ...record, index: shard[record.index]?.index ?? record.index, ...named },
            record.output_tokens,
          )
        },
        onFailure: (failure: FailedRequest) => {
          failures += 1
          onEnd(
            { ...failure, index: shard[failure.index]?.index ?? failure.index, failed: true, ...named },
            0,
          )
        },
      },
    )
    const isUnseen = totals.served !== null && totals.ttft_ms === null
    const seen = isUnseen ? withoutFirstTokens(times) : times
    return {
      totals,
      latency: latencyOf([seen], totals.itl_ms, totals.served?.streams.reason),
      speed: speedOf([seen]),
      times: seen,
      attentionFlops: attention?.total ?? null,
    }
  }
  try {
    // All verbs are sent in one turn of the event loop, and the workers are loaded and warm: they begin together.
    const runs = members.map((member) =>
      runOne(member).catch((error: unknown) => {
        failed.abort(error)
        throw error
      }),
    )
    const outcomes = await Promise.allSettled(runs)
    if (failed.signal.aborted) throw failed.signal.reason
    processes = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  } finally {
    progress.stop()
    requestsProblem = await file.end()
    if (requestsProblem !== null)
      observer.note(`requests.jsonl could not be written (non-fatal): ${requestsProblem}`)
  }
  const tokensOf = (kind: 'input' | 'output') => processes.flatMap(({ times }) => times[kind])
  const tokenCounts = { input: tokensOf('input'), output: tokensOf('output') }
  return { ...together(processes), load, good, tokens: tokenCounts, requestsProblem }
}

/** Lets workers tokenise what they will be asked, where that takes time of its own: before the window, not in it. */
export async function prepareInference(
  members: readonly Member[],
  prompts: readonly Prompt[],
  options: { generation: Generation; signal: AbortSignal | undefined },
): Promise<void> {
  await Promise.all(
    members.map(({ index, session }) =>
      session.prepare?.(
        shardOf(prompts, index, members.length).map(({ prompt }) => prompt),
        options,
      ),
    ),
  )
}

/** What is wrong with the facts of a model must not end its inference; the FLOPs estimate tells it. */
function attentionOf({ session }: Member): AttentionFlops | null {
  try {
    return new AttentionFlops(session.info.facts.attention)
  } catch {
    return null
  }
}

/** Every so-manieth prompt, so that long and short ones are spread evenly, with its place among all. */
export function shardOf(
  prompts: readonly Prompt[],
  index: number,
  count: number,
): { prompt: Prompt; index: number }[] {
  return prompts.flatMap((prompt, place) => (place % count === index ? [{ prompt, index: place }] : []))
}

/** Sums and unions; of one process, its own numbers. */
function together(
  processes: ProcessInference[],
): Omit<Inference, 'load' | 'good' | 'tokens' | 'requestsProblem'> {
  const all = processes.map(({ totals }) => totals)
  const inferenceS = unionOfWindowsS(all)
  const [first, ...others] = processes
  if (first !== undefined && others.length === 0)
    return { processes, totals: first.totals, inferenceS, latency: first.latency, speed: first.speed }
  const sum = (part: (totals: RunTotals) => number) => all.reduce((total, each) => total + part(each), 0)
  const totals = {
    requests: sum(({ requests }) => requests),
    input_tokens: all.some(({ input_tokens }) => input_tokens === null)
      ? null
      : sum(({ input_tokens }) => input_tokens ?? 0),
    output_tokens: sum(({ output_tokens }) => output_tokens),
    truncated: sum(({ truncated }) => truncated),
    failures: sum(({ failures }) => failures),
    retries: sum(({ retries }) => retries),
    start_ns: Math.min(...all.map(({ start_ns }) => start_ns)),
    end_ns: Math.max(...all.map(({ end_ns }) => end_ns)),
    ttft_ms: null,
    itl_ms: null,
    served: null,
    steady: null,
    steady_reason: 'several processes have no common steady state',
  }
  // What is known of each request can be pooled; of tokens only each process knows, in process_results.
  const times = processes.map((each) => each.times)
  const latency = latencyOf(times, null)
  return {
    processes,
    totals: { ...totals, ttft_ms: latency.ttft_ms },
    inferenceS,
    latency,
    speed: speedOf(times),
  }
}

/** A file of lines. A full disk is told at the end, so that it does not end the inference. */
function writeLines(path: string): { write(line: string): void; end(): Promise<string | null> } {
  // On the disk before the result is, which says how many lines there are.
  const stream = createWriteStream(path, { flush: true })
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
