import { LIMITS } from '../../core/limits.js'
import { wantsTokenizer } from './ledger-rules.js'
import type { Outcome } from './load-generator.js'
import type { ServedPrompt } from './request-body.js'
import { witnessesOf } from './tally.js'

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
 * The texts of answers that a tokenizer is to count after the run: those for which a server told no usage, or one that may be wrong, and a few others
 * to compare with it. Bounded, however many there are.
 */
export class AnswerTexts {
  readonly #texts = new Map<number, { text: string; silent: number }>()
  readonly #uncounted: Kept[] = []
  readonly #witnesses: Kept[] = []
  #chars = 0

  /** What keeps the text of a request as it comes. */
  listener(index: number): (text: string) => void {
    const kept = { text: '', silent: 0 }
    this.#texts.set(index, kept)
    return (text) => {
      kept.text += text
      if (text === '') kept.silent += 1
    }
  }

  /** True where the answer is to be counted after the run, by its text. */
  ended(outcome: Outcome, prompt: ServedPrompt): boolean {
    const { text, silent } = this.#texts.get(outcome.index) ?? { text: '', silent: 0 }
    this.#texts.delete(outcome.index)
    const { end } = outcome
    if (!end.ok || text === '' || this.#chars + text.length > LIMITS.answer_chars) return false
    // Calls of tools have tokens and no text; so has one end-of-text token at most that is ignored.
    if (silent > 1) return false
    // An end-of-text token that is ignored brings no text, and half a character is no text of its tokens.
    const isWhole = !prompt.ignoreEos && silent === 0 && !text.includes('\uFFFD')
    const isUncounted =
      (end.usage === null && end.listed === null) || (isWhole && wantsTokenizer(witnessesOf(prompt, end)))
    const isWitness = isWhole && this.#witnesses.length < WITNESSED
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
