import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'
import type { Meanings } from '../../core/meanings.js'
import type { Generation, RequestRecord, RunTotals, Served } from '../protocol.js'
import { spreadOf } from '../spread.js'
import { AnswerLedger } from './answer-ledger.js'
import type { TokenizedAnswer } from './answer-texts.js'
import { Latencies } from './latencies.js'
import { hiddenThoughts, reckon } from './ledger.js'
import { agree } from './ledger-rules.js'
import type { Driven, Outcome } from './load-generator.js'
import { fewestTokensOf, mostTokensOf, type ServedPrompt } from './request-body.js'
import type { Answered } from './stream.js'
import { type StreamVerdict, verdictOf } from './stream-verdict.js'
import type { Reckoning, Witnesses } from './witnesses.js'

/** Tokens of an answer and of its prompt, by all that was told of them. `tokenizer`: those of its text, where it was asked. */
export function tokensOf(prompt: ServedPrompt, answer: Answered, tokenizer: number | null = null): Reckoning {
  return reckon(witnessesOf(prompt, answer, tokenizer))
}

/** What was told of an answer. */
export function witnessesOf(
  prompt: ServedPrompt,
  { usage, chunkTimesNs, reasoningChunks, size, listed, finishReason }: Answered,
  tokenizer: number | null = null,
): Witnesses {
  const { inputTokens, maxTokens, isLimitUnknown } = prompt
  return {
    usage,
    chunks: chunkTimesNs.length,
    reasoningChunks,
    size,
    listed,
    tokenizer,
    prompt: inputTokens,
    mostPrompt: mostTokensOf(prompt),
    fewestPrompt: fewestTokensOf(prompt),
    limit: isLimitUnknown ? null : maxTokens,
    endedByItself: finishReason === 'stop',
  }
}

/** Sums a run up, request by request, in memory that does not grow with it. */
export class Tally {
  readonly #ttft = new Latencies()
  readonly #itl = new Latencies()
  readonly #sendDelay = new Latencies()
  readonly #ttftFromSchedule = new Latencies()
  readonly #e2eFromSchedule = new Latencies()
  readonly #ledger = new AnswerLedger()
  readonly #verdicts: Record<StreamVerdict, number> = { stream: 0, bursts: 0, buffered: 0 }
  #requests = 0
  #inputTokens: number | null = 0
  #outputTokens = 0
  /** As they are counted before a tokenizer is asked. */
  #untokenized = 0
  /** What the first usage says of a prompt that is no count. */
  #noPrompt: string | null = null
  #truncated = 0
  #chunks = 0
  /** Null as long as no answer told it. */
  #cached: number | null = null
  #failures = 0
  #timedOut = 0
  #heldOpen = 0
  #short = 0
  readonly #prompts: readonly ServedPrompt[]

  constructor(prompts: readonly ServedPrompt[]) {
    this.#prompts = prompts
  }

  /** Counts a request; the record of one that was answered, null of one that came to nothing. */
  add(
    { index, end, attempts, scheduledNs, sentNs }: Outcome,
    tokenizer: number | null = null,
  ): RequestRecord | null {
    if (scheduledNs !== null) this.#sendDelay.add(Math.max(0, sentNs - scheduledNs) / 1e6)
    if (!end.ok) {
      this.#failures += 1
      if (end.code === 'TIMEOUT') this.#timedOut += 1
      return null
    }
    const prompt = this.#prompts[index]
    if (prompt === undefined) throw new Error(`there is no prompt ${index}`)
    const reckoning = tokensOf(prompt, end, tokenizer)
    const { output, input } = reckoning
    const verdict = verdictOfAnswer(end, output)
    this.#verdicts[verdict] += 1
    const firstNs = verdict === 'buffered' ? undefined : end.chunkTimesNs[0]
    const itls = verdict === 'stream' ? gapsMs(end.chunkTimesNs) : []
    for (const itl of itls) this.#itl.add(itl)
    const ttftMs = firstNs === undefined ? null : (firstNs - end.startNs) / 1e6
    if (ttftMs !== null) this.#ttft.add(ttftMs)
    if (scheduledNs !== null) {
      if (firstNs !== undefined) this.#ttftFromSchedule.add((firstNs - scheduledNs) / 1e6)
      this.#e2eFromSchedule.add((end.endNs - scheduledNs) / 1e6)
    }
    this.#ledger.add(reckoning, end, tokenizer)
    this.#count(prompt, end, reckoning)
    this.#untokenized += tokenizer === null ? output : tokensOf(prompt, end).output
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

  /** Answers that were counted already, by a tokenizer too. */
  compare(answers: readonly TokenizedAnswer[]): void {
    for (const { outcome, tokens } of answers) {
      const prompt = this.#prompts[outcome.index]
      if (prompt === undefined || !outcome.end.ok) continue
      const reckoning = tokensOf(prompt, outcome.end)
      const visible = reckoning.output - hiddenThoughts(outcome.end)
      this.#ledger.compare(visible, tokens)
      if (agree(visible, tokens)) this.#ledger.bearOut(reckoning, outcome.end)
    }
  }

  totals(driven: Driven, notes: readonly string[], generation: Generation): RunTotals {
    const { steady, reason } = this.#steadyOf(driven)
    return {
      requests: this.#requests,
      input_tokens: this.#inputTokens,
      output_tokens: this.#outputTokens,
      truncated: this.#truncated,
      start_ns: driven.startNs,
      end_ns: driven.endNs,
      ttft_ms: this.#isMostlyBuffered ? null : this.#ttft.spread,
      itl_ms: this.#isMostlyBuffered ? null : this.#itl.spread,
      failures: this.#failures,
      retries: driven.retries,
      steady,
      steady_reason: reason,
      served: this.#served(driven, [...notes, ...this.#notes(generation)]),
    }
  }

  /** What slips through of answers that are kept back is no time of the run. */
  get #isMostlyBuffered(): boolean {
    return this.#requests > 0 && this.#verdicts.buffered * 2 >= this.#requests
  }

  /** Its edges, and what is between them, are told by first tokens and by chunks as they come. */
  #steadyOf({ steady, endNs }: Driven): SteadyOutcome {
    if (this.#isMostlyBuffered)
      return { steady: null, reason: `when tokens were made was not seen: ${BUFFERED}` }
    const result = steady.resultUntil(endNs)
    if (result.steady === null || this.#outputTokens === this.#untokenized) return result
    // While it ran no tokenizer was asked.
    const share = this.#outputTokens / Math.max(1, this.#untokenized)
    return {
      steady: { ...result.steady, output_tokens: result.steady.output_tokens * share },
      reason: null,
    }
  }

  #count(prompt: ServedPrompt, end: Answered, { output, input, cached }: Reckoning): void {
    this.#requests += 1
    this.#outputTokens += output
    this.#inputTokens = input === null || this.#inputTokens === null ? null : this.#inputTokens + input
    this.#chunks += end.chunkTimesNs.length
    if (input === null) this.#noPrompt ??= end.usage?.noCount?.prompt ?? null
    this.#countModel(end.model)
    if (prompt.truncated) this.#truncated += 1
    if (end.heldOpen) this.#heldOpen += 1
    if (cached !== null) this.#cached = (this.#cached ?? 0) + cached
    if (end.usage !== null && prompt.ignoreEos && output < prompt.maxTokens) this.#short += 1
  }

  /** How often each model answered; a server that thinks of a new name each time fills no memory. */
  readonly #answered = new Map<string, number>()

  #countModel(model: string | null): void {
    if (model === null) return
    const name = shortened(model)
    const known = this.#answered.get(name)
    if (known !== undefined || this.#answered.size < LIMITS.listed_names)
      this.#answered.set(name, (known ?? 0) + 1)
  }

  #served(driven: Driven, told: string[]): Served {
    const { maxInFlight, waits } = driven
    const notes = [...told, ...waitNotes(driven)]
    const { stream, bursts, buffered } = this.#verdicts
    return {
      timed_out: this.#timedOut,
      send_delay_ms: this.#sendDelay.spread,
      ttft_from_schedule_ms: this.#isMostlyBuffered ? null : this.#ttftFromSchedule.spread,
      e2e_from_schedule_ms: this.#e2eFromSchedule.spread,
      max_in_flight: maxInFlight,
      chunks: this.#chunks,
      cached_input_tokens: this.#cached,
      answered: [...this.#answered].map(([model, answers]) => ({ model, answers })),
      token_source: this.#ledger.source,
      ledger: this.#ledger.ledger,
      streams: { stream, bursts, buffered, reason: this.#whyUntimed() },
      put_off: { count: waits.count, sec: waits.ms / 1000 },
      held_open: this.#heldOpen,
      notes,
    }
  }

  /** Why times to first tokens, or between tokens, are null; null where both are known of each answer. */
  #whyUntimed(): string | null {
    const { bursts, buffered } = this.#verdicts
    if (buffered > 0) return BUFFERED
    if (bursts > 0) return BURSTS
    if (this.#requests === 0 || this.#itl.spread !== null) return null
    return this.#chunks === 0 ? 'no answer brought text' : 'no answer came in two chunks or more'
  }

  #notes({ max_tokens }: Generation): string[] {
    const notes = this.#ledger.notes
    const { bursts, buffered } = this.#verdicts
    if (this.#answered.size > 1)
      notes.push(
        `several_models_answered: ${[...this.#answered].map(([model, answers]) => `${model} (${answers})`).join(', ')}; the numbers are those of all together.`,
      )
    if (this.#inputTokens === null)
      notes.push(
        `input_tokens_unknown: the server told neither a usage that can be believed${this.#noPrompt === null ? '' : ` (${this.#noPrompt})`} nor, by /tokenize, the length of prompts.`,
      )
    if (buffered > 0)
      notes.push(
        `stream_buffered: ${buffered} of ${this.#requests} answers: ${BUFFERED}; their time to first token, times between and per token, and phases are null.`,
      )
    // Chunks that hold several tokens each are told of already.
    if (bursts > 0 && this.#outputTokens <= this.#chunks + this.#requests)
      notes.push(
        `stream_in_bursts: ${bursts} of ${this.#requests} answers: ${BURSTS}; their times between tokens are null.`,
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

type SteadyOutcome = Pick<RunTotals, 'steady'> & { reason: string | null }

const BUFFERED =
  'buffered: when the first token was made was not seen, as it came with many at once, late, or as blanks before a silence'
const BURSTS = 'tokens came in bursts of several'

/** Less of the time of all places is lost in any run. */
const LEAST_LINGERED_SHARE = 0.002

/** What of the time of a run was spent on waiting. */
function waitNotes({ waits, lingered, startNs, endNs, maxInFlight }: Driven): string[] {
  const notes: string[] = []
  if (waits.count > 0)
    notes.push(
      `requests_put_off: the server put requests off ${waits.count} times (Retry-After), ${(waits.ms / 1000).toFixed(1)} s in all; the energy of that time is in these numbers.`,
    )
  const placesMs = ((endNs - startNs) / 1e6) * maxInFlight
  if (lingered.ms > LEAST_LINGERED_SHARE * placesMs)
    notes.push(
      `answers_end_late: the reason of the end, more words or the end of the connection came long after the last token of ${lingered.count} answers, for which the next request waited ${(lingered.ms / 1000).toFixed(3)} s in all; the energy of that time is in these numbers.`,
    )
  return notes
}

/** How an answer came, by the tokens in it that brought text. */
export function verdictOfAnswer(answer: Answered, output: number): StreamVerdict {
  const { startNs, chunkTimesNs, finishReason, listed, opening } = answer
  const hidden = hiddenThoughts(answer)
  // The end-of-text token brings none.
  const silent = hidden + (finishReason === 'stop' && output > chunkTimesNs.length ? 1 : 0)
  // Also where the count that was taken is another one: its chunks hold what is listed.
  const tokens = Math.max(output - silent, listed?.count ?? 0)
  return verdictOf({ startNs, chunkTimesNs, tokens, hidesThoughts: hidden > 0, opening })
}

function gapsMs(timesNs: readonly number[]): number[] {
  const gaps: number[] = new Array(Math.max(0, timesNs.length - 1))
  for (let i = 1; i < timesNs.length; i += 1)
    gaps[i - 1] = (Number(timesNs[i]) - Number(timesNs[i - 1])) / 1e6
  return gaps
}

/** What each finding of this file means. */
export const MEANINGS: Meanings = {
  requests_put_off: {
    meaning: 'The server asked to wait before some requests. The energy of that time is in the joules.',
    evidence: 'Answers 429 or 503 with Retry-After (`serving.put_off`).',
    advice: 'Lower the load, or raise the limit of the server.',
  },
  answers_end_late: {
    meaning:
      'Requests waited for the end of answers that were complete. The energy of that time is in the joules.',
    evidence:
      'From the last token to the reason of the end, the usage, `[DONE]` or the end of the connection.',
    advice:
      'Let the server send its usage and `[DONE]` with the reason of the end, or look at the proxy before it.',
  },
  several_models_answered: {
    meaning: 'Different models answered. The numbers are those of all together.',
    evidence: '`model` of the answers (`identity.observed`).',
    advice: 'Ask a server that routes to one model only.',
  },
  stream_buffered: {
    meaning:
      'Answers, or a third of each, came at once with what is called the first token, or blanks came before a silence. Times to the first token, between tokens, and phases are null; of half of the answers, for the run.',
    evidence: '`serving.streams`.',
    advice: 'Turn buffering off in the proxy between llem and the engine.',
  },
  stream_in_bursts: {
    meaning: 'Several tokens came at once. Times between tokens are null.',
    evidence: '`serving.streams`.',
    advice: null,
  },
  input_tokens_unknown: {
    meaning: 'Nobody tells how many tokens the prompts have. What is divided by them is null.',
    evidence: 'No `prompt_tokens` in the answers, or no count of them, as -1.',
    advice: 'Start the server so that it sends `usage`.',
  },
  answers_too_short: {
    meaning: 'Answers ended before the length that was asked for.',
    evidence: 'Output tokens of the requests.',
    advice: 'Compare joules per output token, not joules per request.',
  },
  prefix_cache_hit: {
    meaning:
      'The server had the beginning of prompts in its cache, so a part of the prefill was not computed.',
    evidence: '`cached_tokens` of the answers.',
    advice: "Turn the server's prefix cache off, or use other prompts.",
  },
}
