import type { Meanings } from '../../core/meanings.js'
import type { Failed } from './stream.js'

/** What a request says that some servers refuse, and that it can do without. */
const DISPENSABLE = ['stream_options', 'seed'] as const
type Dispensable = (typeof DISPENSABLE)[number]
/** What is tried first where a refusal names nothing: the oldest servers do not know it. */
const GUESSED: Dispensable = 'stream_options'
/** A refusal that names nothing may be of a moment: so many requests must have been answered without that key alone. */
const GUESSES = 2

const REFUSED: readonly string[] = ['HTTP_400', 'HTTP_422']
const REFUSES =
  '(?:unknown|unrecogni[sz]ed|unsupported|unexpected|invalid|extra|additional|not (?:supported|permitted|allowed|recogni[sz]ed))'

/** A refusal of that key, and no text that has its name in it: a server may repeat the whole request. */
function names(message: string, key: Dispensable): boolean {
  const name = key === 'stream_options' ? '(?:stream_options|include_usage)' : key
  const quoted = `["'\`]?\\b${name}\\b["'\`]?`
  return [
    // FastAPI's place, and OpenAI's `param`.
    `"loc":\\s*\\[[^\\]]*"${name}"`,
    `\\(${name}\\)$`,
    `${REFUSES}[^"'\`.\\n]{0,40}[:\\s]${quoted}`,
    `^[^."'\`\\n]{0,20}${quoted}[^.\\n]{0,30}${REFUSES}`,
  ].some((pattern) => new RegExp(pattern, 'i').test(message))
}

/**
 * The keys that a server refuses. A request that was refused is sent once more without what it may have been refused for;
 * only where it is answered then, no request has that key from then on, and never where one was answered with it.
 */
export class LeftOut {
  readonly #refused = new Set<Dispensable>()
  /** What answered requests had. */
  readonly #taken = new Set<Dispensable>()
  /** What single requests are sent without, by their numbers. */
  readonly #tried = new Map<number, { keys: Set<Dispensable>; isGuess: boolean }>()
  readonly #own: Record<string, unknown>
  #guesses = 0

  /** `extraBody`: what the user says of a request, which has the last word. */
  constructor(extraBody: Record<string, unknown>) {
    this.#own = extraBody
  }

  /** What a request is to be sent without. */
  keysFor(request: number): ReadonlySet<string> {
    return new Set([...this.#refused, ...(this.#tried.get(request)?.keys ?? [])])
  }

  /** Whether a request that ended so is to be sent again, without what it may have been refused for. */
  isSentOtherwise(request: number, { code, message }: Failed): boolean {
    if (!REFUSED.includes(code)) return false
    const tried = this.#tried.get(request) ?? { keys: new Set(), isGuess: false }
    const mayBeIt = (key: Dispensable) => !(key in this.#own || this.#taken.has(key) || tried.keys.has(key))
    const named = DISPENSABLE.filter((key) => names(message, key))
    const isGuess = named.length === 0
    const keys = (isGuess ? [GUESSED] : named).filter(mayBeIt)
    if (keys.length === 0) return false
    for (const key of keys) tried.keys.add(key)
    this.#tried.set(request, { keys: tried.keys, isGuess: tried.isGuess || isGuess })
    return true
  }

  /** A request has ended for good. */
  ended(request: number, isAnswered: boolean): void {
    const tried = this.#tried.get(request)
    this.#tried.delete(request)
    if (!isAnswered) return
    for (const key of DISPENSABLE)
      if (!this.#refused.has(key) && tried?.keys.has(key) !== true) this.#taken.add(key)
    if (tried === undefined) return
    if (tried.isGuess) this.#guesses += 1
    if (tried.isGuess && this.#guesses < GUESSES) return
    for (const key of tried.keys) if (!this.#taken.has(key)) this.#refused.add(key)
  }

  /** What a reader should know, as sentences that begin with a code. */
  get notes(): string[] {
    const notes = {
      stream_options:
        'usage_not_asked: the server refuses `stream_options`, without which many tell no usage.',
      seed: 'seed_not_sent: the server refuses `seed`, so its answers may differ from run to run.',
    }
    return DISPENSABLE.filter((key) => this.#refused.has(key)).map((key) => notes[key])
  }
}

export const MEANINGS: Meanings = {
  seed_not_sent: {
    meaning:
      'Requests have no `seed`, so answers may differ from run to run, and with them tokens and joules.',
    evidence: 'The server refused requests for their `seed`, and took them without.',
    advice: 'Set `temperature: 0`, or repeat the run and quote the spread.',
  },
  usage_not_asked: {
    meaning: 'Requests do not ask for the usage, so tokens may be counted by chunks.',
    evidence: 'The server refused requests for their `stream_options`, and took them without.',
    advice: 'Use a newer server, or have the tokenizer of the model on this machine.',
  },
}
