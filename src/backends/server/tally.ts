import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'
import type { Generation, RequestRecord, RunTotals, Served } from '../protocol.js'
import { spreadOf } from '../spread.js'
import { Latencies } from './latencies.js'
import type { Driven, Outcome } from './load-generator.js'
import type { ServedPrompt } from './request-body.js'
import type { Answered } from './stream.js'

/** Tokens of an answer and of its prompt: the server's count where it told one, else chunks and its tokenizer. */
export function tokensOf({ inputTokens }: ServedPrompt, { usage, chunkTimesNs }: Answered) {
  return { output: usage?.completion ?? chunkTimesNs.length, input: usage?.prompt ?? inputTokens }
}

/** Sums a run up, request by request, in memory that does not grow with it. */
export class Tally {
  readonly #ttft = new Latencies()
  readonly #itl = new Latencies()
  readonly #sendDelay = new Latencies()
  readonly #ttftFromSchedule = new Latencies()
  readonly #e2eFromSchedule = new Latencies()
  #requests = 0
  #inputTokens: number | null = 0
  #outputTokens = 0
  #truncated = 0
  #chunks = 0
  #counted = 0
  /** Null as long as no answer told it. */
  #cached: number | null = null
  /** Answers whose count and chunks differ by more than the end-of-text token, which brings no text. */
  #differing = 0
  #failures = 0
  #timedOut = 0
  readonly #prompts: readonly ServedPrompt[]

  constructor(prompts: readonly ServedPrompt[]) {
    this.#prompts = prompts
  }

  /** Counts a request; the record of one that was answered, null of one that came to nothing. */
  add({ index, end, attempts, scheduledNs, sentNs }: Outcome): RequestRecord | null {
    if (scheduledNs !== null) this.#sendDelay.add(Math.max(0, sentNs - scheduledNs) / 1e6)
    if (!end.ok) {
      this.#failures += 1
      if (end.code === 'TIMEOUT') this.#timedOut += 1
      return null
    }
    const prompt = this.#prompts[index]
    if (prompt === undefined) throw new Error(`there is no prompt ${index}`)
    const { output, input } = tokensOf(prompt, end)
    const itls = gapsMs(end.chunkTimesNs)
    for (const itl of itls) this.#itl.add(itl)
    const firstNs = end.chunkTimesNs[0]
    const ttftMs = firstNs === undefined ? null : (firstNs - end.startNs) / 1e6
    if (ttftMs !== null) this.#ttft.add(ttftMs)
    if (scheduledNs !== null) {
      if (firstNs !== undefined) this.#ttftFromSchedule.add((firstNs - scheduledNs) / 1e6)
      this.#e2eFromSchedule.add((end.endNs - scheduledNs) / 1e6)
    }
    this.#count(prompt, end, output, input)
    return {
      index,
      input_tokens: input,
      output_tokens: output,
      start_ns: end.startNs,
      end_ns: end.endNs,
      scheduled_ns: scheduledNs,
      ttft_ms: ttftMs,
      itl_ms: spreadOf(itls),
      finish_reason: end.finishReason,
      attempts,
      truncated: prompt.truncated,
      output_digest: null,
    }
  }

  totals(driven: Driven, notes: readonly string[], generation: Generation): RunTotals {
    const { steady, reason } = driven.steady.result
    return {
      requests: this.#requests,
      input_tokens: this.#inputTokens,
      output_tokens: this.#outputTokens,
      truncated: this.#truncated,
      start_ns: driven.startNs,
      end_ns: driven.endNs,
      ttft_ms: this.#ttft.spread,
      itl_ms: this.#itl.spread,
      failures: this.#failures,
      retries: driven.retries,
      steady,
      steady_reason: reason,
      served: this.#served(driven, [...notes, ...this.#notes(generation)]),
    }
  }

  #count(prompt: ServedPrompt, end: Answered, output: number, input: number | null): void {
    const chunks = end.chunkTimesNs.length
    this.#requests += 1
    this.#outputTokens += output
    this.#inputTokens = input === null || this.#inputTokens === null ? null : this.#inputTokens + input
    this.#chunks += chunks
    this.#countModel(end.model)
    if (prompt.truncated) this.#truncated += 1
    if (end.usage === null) return
    this.#counted += 1
    if (end.usage.cached !== null) this.#cached = (this.#cached ?? 0) + end.usage.cached
    const silent = end.finishReason === 'stop' ? 1 : 0
    if (output < chunks || output > chunks + silent) this.#differing += 1
    const short = prompt.ignoreEos && output < prompt.maxTokens
    if (short) this.#short += 1
  }

  #short = 0

  /** How often each model answered; a server that thinks of a new name each time fills no memory. */
  readonly #answered = new Map<string, number>()

  #countModel(model: string | null): void {
    if (model === null) return
    const name = shortened(model)
    const known = this.#answered.get(name)
    if (known !== undefined || this.#answered.size < LIMITS.listed_names)
      this.#answered.set(name, (known ?? 0) + 1)
  }

  #served({ maxInFlight }: Driven, notes: string[]): Served {
    return {
      timed_out: this.#timedOut,
      send_delay_ms: this.#sendDelay.spread,
      ttft_from_schedule_ms: this.#ttftFromSchedule.spread,
      e2e_from_schedule_ms: this.#e2eFromSchedule.spread,
      max_in_flight: maxInFlight,
      chunks: this.#chunks,
      cached_input_tokens: this.#cached,
      answered: [...this.#answered].map(([model, answers]) => ({ model, answers })),
      token_source: this.#counted === this.#requests ? 'usage' : this.#counted === 0 ? 'chunks' : 'mixed',
      notes,
    }
  }

  #notes({ max_tokens }: Generation): string[] {
    const notes: string[] = []
    const uncounted = this.#requests - this.#counted
    if (uncounted > 0)
      notes.push(
        `tokens_counted_by_chunks: the server told no usage for ${uncounted} of ${this.#requests} requests; their output tokens are the chunks that came, which may hold several tokens each.`,
      )
    if (this.#answered.size > 1)
      notes.push(
        `several_models_answered: ${[...this.#answered].map(([model, answers]) => `${model} (${answers})`).join(', ')}; the numbers are those of all together.`,
      )
    if (this.#inputTokens === null)
      notes.push(
        'input_tokens_unknown: the server told neither usage nor, by /tokenize, the length of prompts.',
      )
    if (this.#differing > 0)
      notes.push(
        `tokens_per_chunk: in ${this.#differing} of ${this.#requests} requests the server counted other than one token a chunk (${this.#outputTokens} tokens in ${this.#chunks} chunks in all). Tokens are the server's count; times between tokens are times between chunks.`,
      )
    if (this.#cached !== null && this.#cached > 0)
      notes.push(
        `prefix_cache_hit: ${this.#cached} of ${this.#inputTokens ?? 'unknown'} prompt tokens came from the server's cache and were not computed. Use prompts that differ, or turn its prefix cache off.`,
      )
    if (this.#short > 0)
      notes.push(
        `answers_too_short: ${this.#short} answers ended before the length that was asked for (max_tokens ${max_tokens} or output_tokens of the prompt) though the end-of-text token was to be ignored.`,
      )
    return notes
  }
}

function gapsMs(timesNs: readonly number[]): number[] {
  const gaps: number[] = new Array(Math.max(0, timesNs.length - 1))
  for (let i = 1; i < timesNs.length; i += 1)
    gaps[i - 1] = (Number(timesNs[i]) - Number(timesNs[i - 1])) / 1e6
  return gaps
}
