import type { Meanings } from '../../core/meanings.js'
import type { Failed } from './stream.js'

/** What a request says that some servers refuse, and that it can do without. */
const DISPENSABLE = { stream_options: /stream_options|include_usage/, seed: /\bseed\b/ } as const
type Dispensable = keyof typeof DISPENSABLE
/** What is left out where a refusal names nothing. */
const GUESSED: Dispensable = 'stream_options'

/** A request is sent again no more often than there are such keys. */
export const MOST_OTHERWISE = Object.keys(DISPENSABLE).length

const NAMES = Object.keys(DISPENSABLE) as Dispensable[]
const REFUSED: readonly string[] = ['HTTP_400', 'HTTP_422']

/** The keys that a server refuses: no request has them from then on. */
export class LeftOut {
  readonly #keys = new Set<Dispensable>()
  readonly #own: Record<string, unknown>
  /** A refusal in words that name no key may be one of the oldest servers, which do not know `stream_options`. */
  #isGuess = false
  #hasAnswered = false

  /** `extraBody`: what the user says of a request, which has the last word. */
  constructor(extraBody: Record<string, unknown>) {
    this.#own = extraBody
  }

  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** Whether a request that ended so is to be sent again, without what it was refused for. */
  isSentOtherwise({ code, message }: Failed): boolean {
    if (!REFUSED.includes(code)) return false
    const named = NAMES.filter((name) => DISPENSABLE[name].test(message))
    if (named.length === 0) return this.#guess()
    const refused = named.filter((name) => !(name in this.#own))
    for (const name of refused) this.#keys.add(name)
    return refused.length > 0
  }

  /** A request has ended for good. */
  ended(isAnswered: boolean): void {
    if (isAnswered) this.#hasAnswered = true
    else if (this.#isGuess && !this.#hasAnswered) this.#keys.delete(GUESSED)
  }

  /** What a reader should know, as a sentence that begins with a code. */
  get notes(): string[] {
    return this.#keys.has('seed')
      ? ['seed_not_sent: the server refuses `seed`, so its answers may differ from run to run.']
      : []
  }

  #guess(): boolean {
    if (this.#hasAnswered || GUESSED in this.#own) return false
    this.#isGuess = true
    this.#keys.add(GUESSED)
    return true
  }
}

export const MEANINGS: Meanings = {
  seed_not_sent: {
    meaning:
      'Requests have no `seed`, so answers may differ from run to run, and with them tokens and joules.',
    evidence: 'The server refused a request for its `seed`, and took it without.',
    advice: 'Set `temperature: 0`, or repeat the run and quote the spread.',
  },
}
