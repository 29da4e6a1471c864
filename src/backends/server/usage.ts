import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'

/** What a server counted, as far as it said: tokens; null is what it did not say. */
export interface Usage {
  prompt: number | null
  completion: number | null
  total: number | null
  /** Of thoughts: within `completion` by OpenAI's word, beside it where others count. */
  reasoning: number | null
  /** Of the prompt's tokens, those that came from its cache. */
  cached: number | null
  /** Of `completion`, those of a predicted answer that were not taken (OpenAI's predicted outputs). */
  rejected?: number | undefined
  /** By a name whose count is beside `prompt`, as Anthropic has it, and beside `total`. */
  isCachedBeside?: boolean
  /** What was told in the place of a count and is none, by its name: "completion_tokens -1". */
  noCount?: { prompt?: string | undefined; completion?: string | undefined }
}

type Counts = Exclude<keyof Usage, 'isCachedBeside' | 'rejected' | 'noCount'>

/** What each count is called, by whom. A name with a dot is below another one. */
const NAMES = {
  // OpenAI and most; Anthropic and OpenAI's later API; Ollama.
  prompt: ['prompt_tokens', 'input_tokens', 'prompt_eval_count'],
  // The third is TGI's `details`.
  completion: ['completion_tokens', 'output_tokens', 'generated_tokens', 'eval_count'],
  total: ['total_tokens'],
  reasoning: [
    'completion_tokens_details.reasoning_tokens',
    'output_tokens_details.reasoning_tokens',
    'reasoning_tokens',
  ],
  cached: [
    'prompt_tokens_details.cached_tokens',
    'input_tokens_details.cached_tokens',
    'prompt_cache_hit_tokens',
    'cache_read_input_tokens',
    'cached_tokens',
  ],
} as const satisfies Record<Counts, readonly string[]>
const REJECTED = ['completion_tokens_details.rejected_prediction_tokens'] as const
const BESIDE = 'cache_read_input_tokens'

/** The counts of a `usage`; null where it holds none, or nothing but zeros, as what some send until they know. */
export function usageOf(raw: unknown): Usage | null {
  if (typeof raw !== 'object' || raw === null) return null
  const count = (kind: Counts) => firstCount(raw, NAMES[kind])
  const [prompt, completion, total] = [count('prompt'), count('completion'), count('total')]
  if (!prompt && !completion && !total) return null
  const counts = { prompt, completion, total, reasoning: count('reasoning'), cached: count('cached') }
  const rejected = firstCount(raw, REJECTED)
  const noCount = {
    ...wordsInPlace(raw, 'prompt'),
    ...wordsInPlace(raw, 'completion'),
  }
  return {
    ...counts,
    ...(Object.keys(noCount).length > 0 && { noCount }),
    ...(rejected && { rejected }),
    ...(BESIDE in raw && { isCachedBeside: true }),
  }
}

/** llama.cpp's `timings`, whose `prompt_n` are the tokens that were computed; null where there are none. */
export function countsOfTimings(timings: unknown): Usage | null {
  if (typeof timings !== 'object' || timings === null) return null
  const { prompt_n, predicted_n, cache_n } = timings as Record<string, unknown>
  const [computed, completion, cached] = [countOf(prompt_n), countOf(predicted_n), countOf(cache_n)]
  const prompt = computed === null ? null : computed + (cached ?? 0)
  return completion === null ? null : { prompt, completion, total: null, reasoning: null, cached }
}

/** What a server says where a count would be. */
function wordsInPlace(raw: object, kind: 'prompt' | 'completion'): Usage['noCount'] {
  if (firstCount(raw, NAMES[kind]) !== null) return {}
  const fields = raw as Record<string, unknown>
  const name = NAMES[kind].find((each) => fields[each] != null)
  return name === undefined ? {} : { [kind]: `${name} ${shortened(JSON.stringify(fields[name]), 40)}` }
}

function firstCount(raw: object, names: readonly string[]): number | null {
  for (const name of names) {
    const [first = '', second] = name.split('.')
    const outer = (raw as Record<string, unknown>)[first]
    const value =
      second === undefined ? outer : (outer as Record<string, unknown> | null | undefined)?.[second]
    const count = countOf(value)
    if (count !== null) return count
  }
  return null
}

/** A count is a whole number that some request may have had; some send it as text. */
function countOf(value: unknown): number | null {
  const number = typeof value === 'string' && /^\s*\d{1,12}\s*$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) && Number(number) >= 0 && Number(number) <= LIMITS.request_tokens
    ? Number(number)
    : null
}

/**
 * The usages of one answer: one at its end, or one in each chunk, which is either the count so far or that of the chunk
 * alone.
 */
export class UsageSum {
  #last: Usage | null = null
  #count = 0
  #sum = 0
  #most = 0
  #before = -1
  #isRising = true

  get isEmpty(): boolean {
    return this.#last === null
  }

  add(usage: Usage): void {
    const { completion } = usage
    const known = this.#last
    // A later one that says less takes nothing back.
    this.#last = {
      prompt: usage.prompt || (known?.prompt ?? usage.prompt),
      completion: completion ?? known?.completion ?? null,
      total: usage.total || (known?.total ?? usage.total),
      reasoning: usage.reasoning ?? known?.reasoning ?? null,
      cached: usage.cached ?? known?.cached ?? null,
      ...((usage.rejected || known?.rejected) && { rejected: usage.rejected || known?.rejected }),
      ...((usage.noCount ?? known?.noCount) && { noCount: { ...known?.noCount, ...usage.noCount } }),
      ...((usage.isCachedBeside ?? known?.isCachedBeside) && { isCachedBeside: true }),
    }
    if (completion === null) return
    this.#count += 1
    this.#sum += completion
    this.#most = Math.max(this.#most, completion)
    if (completion < this.#before) this.#isRising = false
    this.#before = completion
  }

  /** Of the whole answer, which came in so many chunks. */
  of(chunks: number): Usage | null {
    const usage = this.#last
    if (usage === null || this.#count < 2) return usage
    const last = this.#before
    if (this.#isSoFar(last, chunks)) return { ...usage, completion: last }
    if (last === 0 && this.#most >= chunks - 1) return { ...usage, completion: this.#most }
    // Of the output alone a part comes with each chunk: their totals add up to nothing.
    return { ...usage, completion: this.#sum, total: null, reasoning: null }
  }

  /**
   * Whether the last count is that of the whole answer. An answer has about a token for each chunk at least; where one token
   * took several chunks, counts so far rise to twice their mean, and those of single chunks stay near it.
   */
  #isSoFar(last: number, chunks: number): boolean {
    if (last >= chunks - 1 && last === this.#most) return true
    return this.#isRising && last > (1.5 * this.#sum) / this.#count && last * 2 > this.#count
  }
}
