import { setTimeout as sleep } from 'node:timers/promises'
import { type Exchange, exchangeOf, quickest } from './clock.js'
import { nodeId } from './files.js'
import { type Asked, nowNs, type Said, type Wire } from './wire.js'

/** A question about the clock that is not answered by then is given up; the next has its own. */
const ANSWER_MS = 2000

/** The connection to the meter of one node, by the load process. */
export class NodeLink {
  readonly id: string
  readonly node: string
  readonly bootId: string
  readonly #wire: Wire<Said, Asked>
  #isReady = false
  #lost: string | null = null
  #hasEnded = false
  #isToldToEnd = false
  #question = 0
  #asked: { question: number; sentNs: number; answered: (exchange: Exchange) => void } | null = null

  constructor(wire: Wire<Said, Asked>, node: string, bootId: string) {
    this.#wire = wire
    this.node = node
    this.bootId = bootId
    this.id = nodeId(node, bootId)
    void wire.closed.then(() => {
      if (!this.#hasEnded) this.#lost ??= 'its meter was gone before it was told to end'
    })
  }

  /** It measures. */
  get isReady(): boolean {
    return this.#isReady && this.#lost === null
  }

  /** How its meter was lost; null while it is there, and where it ended as it was told to. */
  get lost(): string | null {
    return this.#lost
  }

  hear(message: Said, receivedNs: number): void {
    if ('ready' in message) this.#isReady = true
    else if ('ended' in message) {
      this.#hasEnded = true
      // By a signal: it has whole files, of a part of the window.
      if (!this.#isToldToEnd) this.#lost ??= 'its meter was ended before the window was over'
    } else if ('failed' in message) this.#lost ??= message.failed
    else if ('answer' in message && message.answer === this.#asked?.question) {
      const { sentNs, answered } = this.#asked
      const { received_ns, sent_ns } = message
      answered(exchangeOf({ sentNs, receivedNs: received_ns, answeredNs: sent_ns, gotNs: receivedNs }))
    }
  }

  /** The quickest of a burst of questions about its clock; null where none was answered. */
  async exchange(size: number): Promise<Exchange | null> {
    const burst: Exchange[] = []
    for (let i = 0; i < size; i += 1) {
      const exchange = this.#lost === null && !this.#hasEnded ? await this.#ask() : null
      if (exchange === null) break
      burst.push(exchange)
    }
    return quickest(burst)
  }

  /** Tells it to end, and waits until its files are whole, or for `limitMs`. */
  async end(limitMs: number): Promise<void> {
    if (this.#lost !== null) return
    const late = new AbortController()
    this.#isToldToEnd = true
    this.#wire.say({ end: true })
    await Promise.race([
      this.#wire.closed,
      sleep(limitMs, undefined, { signal: late.signal }).catch(() => undefined),
    ])
    late.abort()
    if (!this.#hasEnded) this.#lost ??= `its meter did not end within ${limitMs / 1000} s`
  }

  async #ask(): Promise<Exchange | null> {
    this.#question += 1
    const question = this.#question
    const late = new AbortController()
    const exchange = new Promise<Exchange>((answered) => {
      const sentNs = nowNs()
      this.#asked = { question, sentNs, answered }
      this.#wire.say({ ask: question })
    })
    const limit = sleep(ANSWER_MS, null, { signal: late.signal }).catch(() => null)
    const answer = await Promise.race([exchange, limit, this.#wire.closed.then(() => null)])
    late.abort()
    this.#asked = null
    return answer
  }
}
