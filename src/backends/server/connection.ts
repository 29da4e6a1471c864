import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { limitedJson, limitedText } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { errorText, errorTextOf } from './error-text.js'
import { isRedirect, retryAfterMs } from './response-headers.js'

/** How long is waited for an answer that may as well be missing, and how long once one did not come. */
const PATIENT_MS = 5000
const IMPATIENT_MS = 300
const CONNECT_TIMEOUT_MS = 10_000
/** Shorter than what servers keep an idle connection for (uvicorn: 5 s), so that none is closed under a request. */
const KEEP_ALIVE_MS = 4000
/** Most servers end an answer's last packet within a millisecond of its last event. */
const CLOSES_WITHIN_MS = 20
/** Most send the usage with the reason of the end; a gateway may ask somebody else for it first. */
const USAGE_WITHIN_MS = 3000
const MOST_REDIRECTS = 5
const FOR_GOOD: readonly number[] = [301, 308]
/** A question beside the measurement is asked again at most so often, after as long as the server asks for. */
const MOST_WAITS = 5
const LONGEST_WAIT_MS = 30_000

interface Asking {
  body?: unknown
  timeoutMs?: number
  /** An answer that is longer is none. */
  maxBytes?: number
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  /** The body where it is JSON, else undefined. */
  json: unknown
  text: string
}

/** Where a request goes. */
export interface Target {
  pool: Pool
  origin: string
  path: string
  headers: Record<string, string>
}

interface Redirect {
  status: number
  /** Null where it names none. */
  location: string | null
}

/** One server: where it is, the key it wants, and its connections, as many as there are requests in flight. */
export class Connection {
  /** It has answered at all, so that a connection may have been used before. */
  hasAnswered = false
  /**
   * How long is waited after an answer, milliseconds: for its connection to close; for its usage while it keeps its place; and
   * for its usage in all. Less once one was waited for in vain.
   */
  readonly waits = { close: CLOSES_WITHIN_MS, usageInPlaceMs: CLOSES_WITHIN_MS, usage: USAGE_WITHIN_MS }
  readonly #url: URL
  /** What stands before the paths of OpenAI's API, and before those of the server itself. */
  readonly #prefixes: { api: string; server: string }
  readonly #key: string | null
  #patienceMs = PATIENT_MS
  readonly #closed = new AbortController()
  readonly #pools = new Map<string, Pool>()
  /** Where the server itself has sent requests to, by where they were sent first. */
  readonly #moved = new Map<string, Target>()

  /** `baseUrl` as written where it names a version (/v1, /openai/v1, /v3), else OpenAI's API is below its /v1. */
  constructor(
    readonly baseUrl: string,
    key: string | null,
  ) {
    this.#url = new URL(baseUrl)
    this.#prefixes = prefixesOf(this.#url.pathname)
    this.#key = key
  }

  /** `path`: /v1/... is OpenAI's API, wherever this server has it; any other is the server's own. */
  path(path: string): string {
    const { api, server } = this.#prefixes
    const own = path.startsWith('/v1/') ? `${api}${path.slice('/v1'.length)}` : `${server}${path}`
    return `${own}${this.#url.search}`
  }

  target(path: string): Target {
    return this.#moved.get(path) ?? this.#targetAt(new URL(`${this.#url.origin}${this.path(path)}`))
  }

  /** Where a redirect leads, which later requests are sent to at once if it is for good; or why it is not followed. */
  followed(path: string, from: Target, { status, location }: Redirect): Target | string {
    const base = `${from.origin}${from.path}`
    if (location === null || !URL.canParse(location, base))
      return `redirects to nowhere (${shortened(String(location))})`
    const url = new URL(location, base)
    const to = shortened(`${url.origin}${url.pathname}`, 200)
    if (url.hostname !== this.#url.hostname || !/^https?:$/.test(url.protocol))
      return `redirects to ${to}, which is another host; set base_url to it if that is meant`
    const target = this.#targetAt(url)
    if (FOR_GOOD.includes(status)) this.#moved.set(path, target)
    return target
  }

  /** A small request beside the measurement. Rejects where nobody answers; any status is an answer. */
  async ask(path: string, asking: Asking = {}): Promise<Answer> {
    let target = this.target(path)
    let redirects = 0
    for (let waits = 0; ; ) {
      const answer = await this.#askAt(target, path, asking)
      const { status, headers } = answer
      if (isRedirect(status) && redirects < MOST_REDIRECTS) {
        redirects += 1
        const next = this.followed(path, target, { status, location: one(headers.location) })
        if (typeof next === 'string') throw new Error(`it ${next}`)
        target = next
        continue
      }
      const waitMs = status === 429 ? retryAfterMs((name) => one(headers[name])) : null
      if (waitMs === null || waitMs > LONGEST_WAIT_MS || waits === MOST_WAITS) return answer
      waits += 1
      await sleep(waitMs, undefined, { signal: this.#closed.signal })
    }
  }

  /**
   * Its JSON, null where it does not answer 200 with JSON. Never rejects. A server that lets one such question go
   * unanswered is given little time for the next: there are ten, and nothing depends on one of them.
   */
  async tryJson(path: string, body?: unknown): Promise<unknown> {
    const timeoutMs = this.#patienceMs
    const answer = await this.ask(path, { timeoutMs, ...(body === undefined ? {} : { body }) }).catch(
      (error: unknown) => {
        if (isTimeout(error)) this.#patienceMs = IMPATIENT_MS
        return null
      },
    )
    return answer?.status === 200 ? (answer.json ?? null) : null
  }

  /** What a server says of a failed request, without secrets. */
  wordsOf(text: string): string {
    return shortened(errorText(parseJson(text)) ?? errorTextOf(text), 500)
  }

  /** Ends what is under way, too. */
  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }

  async #askAt(
    { pool, path: full, headers }: Target,
    path: string,
    { body, timeoutMs = 10_000, maxBytes = LIMITS.answer_bytes }: Asking,
  ): Promise<Answer> {
    const response = await pool.request({
      path: full,
      method: body === undefined ? 'GET' : 'POST',
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    this.hasAnswered = true
    const text = await limitedText(response.body, maxBytes, `the answer of ${path}`)
    return { status: response.statusCode, headers: response.headers, json: parseJson(text), text }
  }

  #targetAt({ origin, pathname, search }: URL): Target {
    const isOwn = origin === this.#url.origin
    const headers = {
      'content-type': 'application/json',
      // Nobody but the origin that it is for gets the key.
      ...(this.#key === null || !isOwn ? {} : { authorization: `Bearer ${this.#key}` }),
    }
    return { pool: this.#poolOf(origin), origin, path: `${pathname}${search}`, headers }
  }

  #poolOf(origin: string): Pool {
    const known = this.#pools.get(origin)
    if (known !== undefined) return known
    const pool = new Pool(origin, {
      connections: null,
      pipelining: 1,
      // A model may think for minutes: each request has its own limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: LIMITS.header_bytes,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    })
    this.#pools.set(origin, pool)
    return pool
  }
}

/** `pathname` may also be that of an endpoint, as people copy it. */
function prefixesOf(pathname: string): { api: string; server: string } {
  const path = pathname.replace(/\/+$/, '').replace(/(?:\/chat)?\/completions$/, '')
  const version = /\/v\d[^/]*(?=\/|$)/.exec(path)
  return version === null
    ? { api: `${path}/v1`, server: path }
    : { api: path, server: path.slice(0, version.index) }
}

/** Nobody answers at this address. */
export function unreachable(what: string, baseUrl: string, cause: unknown): LlemError {
  return new LlemError(`${what} does not answer at ${baseUrl}: ${messageOf(cause)}`, {
    code: 'SERVER_UNREACHABLE',
    hint: 'See whether the server runs and base_url is its address.',
    cause,
  })
}

function isTimeout(error: unknown): boolean {
  return error instanceof Error && error.name === 'TimeoutError'
}

function one(header: string | string[] | undefined): string | null {
  return (Array.isArray(header) ? header[0] : header) ?? null
}

function parseJson(text: string): unknown {
  try {
    return limitedJson(text)
  } catch {
    return undefined
  }
}
