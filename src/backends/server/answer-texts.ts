import { LIMITS } from '../../core/limits.js'
import type { Outcome } from './load-generator.js'
import type { ServedPrompt } from './request-body.js'

/** Of so many answers the tokenizer is asked as a witness beside the usage. */
const WITNESSED = 16
/** Questions to the tokenizer at once. */
const ASK_AT_ONCE = 8

/** An answer whose text is kept until the run is over, because a tokenizer that works meanwhile would be measured too. */
interface Kept {
  outcome: Outcome
  text: string
}

/** How many tokens an answer has by the tokenizer. */
export interface TokenizedAnswer {
  outcome: Outcome
  tokens: number
}

/**
 * The texts of answers that a tokenizer is to count after the run: those for which a server told no usage, and a few others
 * to compare with it. Bounded, however many there are.
 */
export class AnswerTexts {
  readonly #texts = new Map<number, string>()
  readonly #uncounted: Kept[] = []
  readonly #witnesses: Kept[] = []
  #chars = 0

  /** What keeps the text of a request as it comes. */
  listener(index: number): (text: string) => void {
    this.#texts.set(index, '')
    return (text) => this.#texts.set(index, this.#texts.get(index) + text)
  }

  /** True where the answer is to be counted after the run, by its text. */
  ended(outcome: Outcome, { ignoreEos }: ServedPrompt): boolean {
    const text = this.#texts.get(outcome.index) ?? ''
    this.#texts.delete(outcome.index)
    if (!outcome.end.ok || text === '' || this.#chars + text.length > LIMITS.answer_chars) return false
    const isUncounted = outcome.end.usage === null
    // An end-of-text token that is ignored brings no text, and half a character is no text of its tokens.
    const isWitness = !ignoreEos && !text.includes('\uFFFD') && this.#witnesses.length < WITNESSED
    if (!isUncounted && !isWitness) return false
    this.#chars += text.length
    ;(isUncounted ? this.#uncounted : this.#witnesses).push({ outcome, text })
    return isUncounted
  }

  /** Asks the tokenizer, which answers null where it does not tell: of those without usage, all; of the others, those it told of. */
  async counted(countOf: (text: string) => Promise<number | null>) {
    const uncounted = await inLanes(this.#uncounted, async ({ outcome, text }) => ({
      outcome,
      tokens: await countOf(text),
    }))
    const asked = await inLanes(this.#witnesses, async ({ outcome, text }) => ({
      outcome,
      tokens: await countOf(text),
    }))
    const witnesses = asked.flatMap(({ outcome, tokens }) => (tokens === null ? [] : [{ outcome, tokens }]))
    return { uncounted, witnesses }
  }
}

async function inLanes<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  let next = 0
  const lane = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at] as T)
  }
  await Promise.all(Array.from({ length: ASK_AT_ONCE }, lane))
  return results
}
