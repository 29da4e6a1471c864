import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { LlemError } from '../../core/errors.js'
import type { OfferedLoad } from '../protocol.js'
import { nowNs } from './now.js'
import { waitAfter } from './response-headers.js'
import { arrivals } from './schedule.js'
import { SteadyState } from './steady.js'
import type { Answered, Failed, StreamOptions, TokenStream } from './stream.js'

/** A request with its last attempt. */
export interface Outcome {
  index: number
  end: Answered | Failed
  attempts: number
  /** When an open loop should have sent it; null in a closed one. */
  scheduledNs: number | null
  /** When it was sent first. */
  sentNs: number
}

export interface Drive {
  /** How many requests there are. */
  count: number
  load: OfferedLoad
  /** How long a request may be put off in all because the server asks for it, milliseconds, its attempts included. */
  mostWaitMs: number
  send(index: number, onFirst: StreamOptions['onFirst']): TokenStream
  /** How many tokens an answer has, for the steady state. */
  tokensOf(index: number, answer: Answered): { output: number; input: number | null }
  /** Whether a request that was refused is sent once more in other words, which counts as its first time. */
  isSentOtherwise?(index: number, end: Failed): boolean
  /** Called as each request ends for good. */
  onEnd(outcome: Outcome): void
  /** Rejects where there is no point in going on, as when the server has ended. */
  lost: Promise<never>
}

export interface Driven {
  startNs: number
  endNs: number
  maxInFlight: number
  retries: number
  /** What the server asked to wait for. */
  waits: Waits
  /** Answers that were over and yet kept their place, because their usage or the end of their connection was waited for. */
  lingered: Waits
  steady: SteadyState
}

/** So many requests that waited, as those that a server put off (429, 503 with Retry-After), and how long in all. */
export interface Waits {
  count: number
  ms: number
}

/** Less is the time in which this process reads what came. */
const LINGERS_FROM_MS = 10

/** The closed loop of whoever asks for no load: one request after the other. */
export const ONE_AFTER_THE_OTHER: OfferedLoad = {
  concurrency: 1,
  request_rate: null,
  arrival: 'constant',
  seed: 0,
  retries: 0,
  max_failed_share: 0,
}

/** Sends every request as the load says. Rejects with REQUESTS_FAILED, or as `lost` does; nothing is in flight then. */
export async function driveLoad(drive: Drive): Promise<Driven> {
  const generator = new LoadGenerator(drive)
  void drive.lost.catch((error: unknown) => generator.stop(error))
  const startNs = nowNs()
  await generator.sendAll(startNs)
  if (generator.problem !== null) throw generator.problem.error
  const { lastEndNs, maxInFlight, retries, waits, lingered, steady } = generator
  // A worker that is busy as it begins sends nothing yet.
  const sentNs = generator.firstSentNs ?? startNs
  return {
    startNs: sentNs,
    endNs: Math.max(sentNs, lastEndNs),
    maxInFlight,
    retries,
    waits,
    lingered,
    steady,
  }
}

/** From the opening of one connection to the next, where many are kept in flight. */
const OPENING_NS = 1e6

const FIRST_RETRY_MS = 100
const LONGEST_RETRY_MS = 5000

/** Before a request that failed is sent again, doubled each time. */
function retryDelayMs(retries: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** (retries - 1), LONGEST_RETRY_MS)
}

class LoadGenerator {
  maxInFlight = 0
  /** When the first request was sent; null before. */
  firstSentNs: number | null = null
  retries = 0
  readonly waits: Waits = { count: 0, ms: 0 }
  readonly lingered: Waits = { count: 0, ms: 0 }
  /** When the last answer was here. */
  lastEndNs = 0
  /** Why it was stopped. */
  problem: { error: unknown } | null = null
  readonly steady: SteadyState
  readonly #drive: Drive
  readonly #live = new Set<TokenStream>()
  /** Requests that have given their place to others, and whose usage is still to come. */
  readonly #late = new Set<Promise<void>>()
  #inFlight = 0
  #failures = 0
  #next = 0
  #firstFailure: string | null = null
  /** An open loop that waits for one of `concurrency` to end. */
  #waiting: (() => void) | null = null
  readonly #stopped = new AbortController()
  /** Requests that have ended and are yet to be summed up. */
  readonly #ended: Outcome[] = []
  #summing: Promise<void> | null = null

  constructor(drive: Drive) {
    this.#drive = drive
    const { concurrency, request_rate } = drive.load
    this.steady = new SteadyState(request_rate === null ? (concurrency ?? 1) : null)
  }

  async sendAll(startNs: number): Promise<void> {
    const { request_rate, concurrency } = this.#drive.load
    if (request_rate === null) await this.#closedLoop(concurrency ?? 1)
    else await this.#openLoop(startNs, request_rate, concurrency)
    await Promise.all(this.#late)
    await this.#summing
    await this.#sumUp()
  }

  stop(error: unknown): void {
    this.problem ??= { error }
    this.#stopped.abort()
    for (const stream of this.#live) stream.abort('the run was given up')
    this.#waiting?.()
  }

  async #closedLoop(concurrency: number): Promise<void> {
    const { count } = this.#drive
    const lane = async () => {
      let lastNs: number | null = null
      while (this.#next < count && this.problem === null) lastNs = await this.#request(this.#next++, null)
      this.steady.drains(lastNs ?? nowNs())
    }
    const lanes: Promise<void>[] = []
    const startNs = nowNs()
    while (lanes.length < Math.min(concurrency, count) && this.problem === null) {
      lanes.push(lane())
      // Opening a connection takes a third of a millisecond, and so does the end of an answer: a thousand at once would hold up
      // what is to be read, first the tokens of those that were opened before, and at the end, when they all end together.
      await sleepUntil(startNs + lanes.length * OPENING_NS, this.#stopped.signal)
    }
    await Promise.all(lanes)
  }

  async #openLoop(startNs: number, request_rate: number, most: number | null): Promise<void> {
    const { count, load } = this.#drive
    const schedule = arrivals({ ...load, request_rate })
    const requests = new Set<Promise<void>>()
    while (this.#next < count && this.problem === null) {
      const scheduledNs = Math.round(startNs + schedule.next().value)
      await sleepUntil(scheduledNs, this.#stopped.signal)
      while (most !== null && this.#inFlight >= most && this.problem === null) {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve
        })
      }
      if (this.problem !== null) break
      const request: Promise<void> = this.#request(this.#next++, scheduledNs).then(() => {
        requests.delete(request)
      })
      requests.add(request)
    }
    this.steady.drains(nowNs())
    await Promise.all(requests)
  }

  /** Until its place is free; when its last token was here. */
  async #request(index: number, scheduledNs: number | null): Promise<number> {
    const { load, send, mostWaitMs } = this.#drive
    this.#inFlight += 1
    this.maxInFlight = Math.max(this.maxInFlight, this.#inFlight)
    let sentNs: number | null = null
    let triedNs: number | null = null
    let retries = 0
    let lastNs: number
    for (let attempts = 1; ; attempts += 1) {
      const stream = send(index, (stream, ns) => this.steady.firstToken(stream, ns))
      this.firstSentNs ??= stream.startNs
      this.#live.add(stream)
      this.steady.sent(stream)
      await stream.free
      if (!stream.isDone) {
        lastNs = this.#leave(stream, { index, attempts, scheduledNs, sentNs: sentNs ?? stream.startNs })
        break
      }
      const end = await stream.done
      if (!end.ok && this.#drive.isSentOtherwise?.(index, end) === true) {
        attempts -= 1
        this.#count(stream, index, end)
        continue
      }
      lastNs = end.endNs
      this.#linger(end)
      sentNs ??= end.startNs
      triedNs ??= end.startNs
      this.#count(stream, index, end)
      if (this.problem !== null) break
      const askedMs = end.ok ? null : end.retryAfterMs
      if (askedMs !== null && (lastNs - triedNs) / 1e6 + askedMs <= mostWaitMs) {
        await this.#putOff(waitAfter(attempts, askedMs))
        if (this.problem !== null) break
        continue
      }
      if (!end.ok && retries < load.retries) {
        retries += 1
        this.retries += 1
        triedNs = null
        // A server that restarts is away for a while, and many tries at once are one.
        await sleep(retryDelayMs(retries), undefined, { signal: this.#stopped.signal }).catch(() => undefined)
        if (this.problem !== null) break
        continue
      }
      this.#finish({ index, end, attempts, scheduledNs, sentNs })
      break
    }
    this.#inFlight -= 1
    this.#waiting?.()
    return lastNs
  }

  /** Its text is here, and its place is free; what it counted comes when it comes. */
  #leave(stream: TokenStream, request: Omit<Outcome, 'end'>): number {
    const { lastNs } = stream
    this.#linger({ ok: true, endNs: lastNs })
    this.steady.left(stream, lastNs)
    const late: Promise<void> = stream.done
      .then((end) => {
        this.#late.delete(late)
        this.#count(stream, request.index, end)
        if (this.problem === null) this.#finish({ ...request, end })
      })
      .catch((error: unknown) => this.stop(error))
    this.#late.add(late)
    return lastNs
  }

  #linger({ ok, endNs }: Pick<Answered | Failed, 'ok' | 'endNs'>): void {
    const ms = (nowNs() - endNs) / 1e6
    if (!ok || ms < LINGERS_FROM_MS) return
    this.lingered.count += 1
    this.lingered.ms += ms
  }

  #count(stream: TokenStream, index: number, end: Answered | Failed): void {
    this.#live.delete(stream)
    this.steady.ended(stream, end.endNs, end.ok ? this.#drive.tokensOf(index, end) : null)
  }

  #finish(outcome: Outcome): void {
    const { end } = outcome
    if (!end.ok) this.#countFailure(end)
    this.lastEndNs = Math.max(this.lastEndNs, end.endNs)
    this.#sumUpLater(outcome)
  }

  async #putOff(waitMs: number): Promise<void> {
    this.waits.count += 1
    this.waits.ms += waitMs
    // Not a moment too early: the server would only put it off again.
    await sleep(waitMs, undefined, { signal: this.#stopped.signal }).catch(() => undefined)
  }

  /** One a turn of the event loop, so that many requests that end at once do not hold up what is to be read. */
  #sumUpLater(outcome: Outcome): void {
    this.#ended.push(outcome)
    this.#summing ??= this.#sumUp().finally(() => {
      this.#summing = null
    })
  }

  async #sumUp(): Promise<void> {
    try {
      for (let outcome = this.#ended.shift(); outcome !== undefined; outcome = this.#ended.shift()) {
        this.#drive.onEnd(outcome)
        await nextTurn()
      }
    } catch (error) {
      this.stop(error)
    }
  }

  #countFailure({ code, message }: Failed): void {
    const { count, load } = this.#drive
    this.#failures += 1
    this.#firstFailure ??= `${code}: ${message}`
    if (this.#failures < count && this.#failures <= load.max_failed_share * count) return
    this.stop(
      new LlemError(
        `${this.#failures} of ${count} requests failed, more than load.max_failed_share (${load.max_failed_share}) allows; the first: ${this.#firstFailure}`,
        { code: 'REQUESTS_FAILED', hint: hintFor(code) },
      ),
    )
  }
}

function hintFor(code: string): string {
  const log = 'See the log of the server, or with -v what it wrote.'
  return ['HTTP_400', 'HTTP_422'].includes(code)
    ? `${log} A key of the request that the server does not know is left out by server.extra_body: { KEY: null }.`
    : log
}

/**
 * Resolves at this moment or a little later, never before, and at once when aborted. Timers count whole milliseconds;
 * what is left is waited for in turns of the event loop, in which answers are read.
 */
async function sleepUntil(ns: number, signal: AbortSignal): Promise<void> {
  for (let leftMs = (ns - nowNs()) / 1e6; leftMs > 0 && !signal.aborted; leftMs = (ns - nowNs()) / 1e6) {
    if (leftMs < 1) await nextTurn()
    else await sleep(Math.min(Math.floor(leftMs), 60_000), undefined, { signal }).catch(() => undefined)
  }
}
