// Requests to the hub, or to a mirror (HF_ENDPOINT). A token comes from HF_TOKEN alone; it is sent to the hub itself and to
// no host that the hub leads to, and is neither kept nor shown.

import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import { mayCarryKey } from '../core/key-policy.js'
import { limitedJson, limitedText } from '../core/limited.js'
import { LIMITS } from '../core/limits.js'
import { llemVersion } from '../core/version.js'
import { type Observer, silentObserver } from '../progress/observer.js'
import { interrupted, stopIfInterrupted, waitVisibly } from '../progress/wait.js'

const OFFICIAL = 'https://huggingface.co'
/** Until an answer begins. */
const ANSWER_MS = 60_000
const MOST_REDIRECTS = 10
/** The hub limits how often one may ask; others of these are over in a moment. */
const PASSING: readonly number[] = [408, 429, 500, 502, 503, 504]
const TRIES = 5
/** Whoever asks for a longer pause is told to the person. The hub counts requests over five minutes. */
const LONGEST_PAUSE_S = 300
const FIRST_PAUSE_MS = 500

export interface Asking {
  observer: Observer
  signal: AbortSignal | undefined
  /** Before the second try where the server asks for nothing, and twice as long before each further one. */
  firstPauseMs?: number
}

/** Where models are asked for, without a slash at its end. Throws MODEL_NAME_INVALID for what is no address. */
export function hubEndpoint(env: NodeJS.ProcessEnv = process.env): string {
  const address = (env.HF_ENDPOINT || OFFICIAL).replace(/\/+$/, '')
  if (/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/.test(address)) return address
  throw new LlemError(`HF_ENDPOINT is no address: ${shortened(address)}`, {
    code: 'HUB_FAILED',
    hint: 'Set it as in HF_ENDPOINT=https://mirror.example.com, or leave it out.',
    kind: 'usage',
  })
}

/** An answer, and whether a host gave it that the hub led to. */
export interface HubAnswer {
  response: Response
  /** What the hub itself said before it led elsewhere. */
  first: Headers
  isElsewhere: boolean
}

/** The hub cannot be reached, or ended its answer in the middle: asking again may do. */
export class Dropped extends Error {
  /** What the server asks to be waited, in seconds; null where it asks for nothing. */
  readonly pauseS: number | null
  /** Its status; null where there was no answer. */
  readonly status: number | null

  constructor(message: string, { pauseS = null, status = null, cause }: Partial<Dropped> = {}) {
    super(message, { cause })
    this.pauseS = pauseS
    this.status = status
  }
}

/**
 * One request, wherever it leads. Throws Dropped where another try may do, and INTERRUPTED; resolves with any other status.
 * `signal` ends the answer too.
 */
export async function askOnce(
  address: string | URL,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<HubAnswer> {
  const { origin } = new URL(hubEndpoint())
  hubToken()
  let url = new URL(address)
  let first: Headers | null = null
  for (let hops = 0; hops <= MOST_REDIRECTS; hops += 1) {
    const token = tokenFor(url, origin)
    const response = await get(url, { ...headers, ...token }, signal)
    if (response.status === 401 && 'authorization' in token && isOfToken(response.headers)) {
      await response.body?.cancel().catch(() => undefined)
      throw badToken(`${url.host} does not know it`)
    }
    first ??= response.headers
    const target = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || target === null) {
      if (!PASSING.includes(response.status)) return { response, first, isElsewhere: url.origin !== origin }
      await response.body?.cancel().catch(() => undefined)
      throw new Dropped(`${url.host} answers ${response.status}`, {
        status: response.status,
        pauseS: pauseIn(response.headers.get('retry-after')),
      })
    }
    await response.body?.cancel().catch(() => undefined)
    if (!URL.canParse(target, url)) throw leadsNowhere(url)
    url = new URL(target, url)
    if (!/^https?:$/.test(url.protocol)) throw leadsNowhere(url)
  }
  throw leadsNowhere(url)
}

/** The token goes nowhere but to the hub, and there nowhere unencrypted, but to this machine. */
function tokenFor(url: URL, hubOrigin: string): Record<string, string> {
  const token = hubToken()
  return token !== null && url.origin === hubOrigin && mayCarryKey(url)
    ? { authorization: `Bearer ${token}` }
    : {}
}

/** HF_TOKEN; null where it is not set. Throws HUB_TOKEN_INVALID for what no request can have. */
function hubToken(): string | null {
  const token = process.env.HF_TOKEN?.trim()
  if (!token) return null
  if (!/^[\x21-\x7e]+$/.test(token))
    throw badToken('it has a space, a line break or another character that none has')
  return token
}

/** The hub says so of each request with a token that it does not know, also where none is needed. */
function isOfToken(headers: Headers): boolean {
  return /invalid credentials|invalid.*token|expired/i.test(headers.get('x-error-message') ?? '')
}

function badToken(why: string): LlemError {
  return new LlemError(`HF_TOKEN is not valid: ${why}`, {
    code: 'HUB_TOKEN_INVALID',
    hint: `Make a new one at ${hubEndpoint()}/settings/tokens, or unset HF_TOKEN: a model that is open to all needs none.`,
    kind: 'usage',
  })
}

async function get(
  url: URL,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Promise<Response> {
  stopIfInterrupted(signal)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), ANSWER_MS)
  try {
    return await fetch(url, {
      redirect: 'manual',
      headers: { 'user-agent': `llem/${llemVersion()}`, ...uncompressed(headers), ...headers },
      signal: signal === undefined ? late.signal : AbortSignal.any([late.signal, signal]),
    })
  } catch (cause) {
    if (signal?.aborted) throw interrupted(cause)
    const why = late.signal.aborted ? `no answer in ${ANSWER_MS / 1000} s` : causeOf(cause)
    throw new Dropped(`${url.host} cannot be reached: ${why}`, { cause })
  } finally {
    clearTimeout(timer)
  }
}

/** Compressed on the way, bytes could not be counted. With a range, `fetch` asks for the same by itself. */
function uncompressed(headers: Record<string, string>): Record<string, string> {
  return 'range' in headers ? {} : { 'accept-encoding': 'identity' }
}

/** `fetch failed` says nothing; what is below it does. */
export function causeOf(error: unknown): string {
  const inner = error instanceof Error && error.cause !== undefined ? error.cause : error
  const code = (inner as NodeJS.ErrnoException).code
  // OpenSSL's own words name files of its source.
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return 'what answers there does not speak https (is it http://?)'
  return messageOf(inner) || code || 'the connection broke'
}

/** Asks until there is an answer, as patiently as the server wants. Throws HUB_BUSY and HUB_UNREACHABLE. */
export async function askPatiently<T>(
  ask: () => Promise<T>,
  asking: Asking = { observer: silentObserver, signal: undefined },
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof Dropped)) throw error
      if (tries === TRIES) throw givenUp(error)
      await pauseAfter(error, tries, asking)
    }
  }
}

/** Waits before the next try. Throws HUB_BUSY where the server asks for more than anybody waits, and INTERRUPTED. */
export async function pauseAfter(
  error: Dropped,
  tries: number,
  { observer, signal, firstPauseMs = FIRST_PAUSE_MS }: Asking,
): Promise<void> {
  const { pauseS, message } = error
  if (pauseS !== null && pauseS > LONGEST_PAUSE_S) throw givenUp(error)
  observer.detail(`${message}; asking again`)
  if (pauseS !== null && pauseS > 1)
    await waitVisibly(`Waiting, because ${shortened(message)}`, pauseS, { observer, signal })
  else {
    const ms = pauseS === null ? firstPauseMs * 2 ** (tries - 1) : pauseS * 1000
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch((cause) => {
      throw interrupted(cause)
    })
  }
}

/** No answer, after all tries. */
export function givenUp({ status, pauseS, message, cause }: Dropped): LlemError {
  if (status === null)
    return new LlemError(`the hub of models is not reached: ${shortened(message, 300)}`, {
      code: 'HUB_UNREACHABLE',
      hint: 'Try again (what has come is kept), name a mirror with HF_ENDPOINT, or give the path of a file.',
      cause,
    })
  const later = pauseS === null ? '' : ` It asks for ${Math.ceil(pauseS)} s.`
  return new LlemError(`the hub of models has no answer now: ${shortened(message, 300)}`, {
    code: 'HUB_BUSY',
    hint:
      status === 429
        ? `Try again later; what has come is kept.${later} With HF_TOKEN set it lets more requests pass.`
        : `Try again later; what has come is kept.${later}`,
    cause,
  })
}

/** Seconds, or a date. */
function pauseIn(header: string | null): number | null {
  if (header === null) return null
  const seconds = /^\d+(\.\d+)?$/.test(header.trim())
    ? Number(header)
    : (Date.parse(header) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null
}

function leadsNowhere(url: URL): LlemError {
  return new LlemError(`${url.host} leads from one address to another and to no file`, {
    code: 'HUB_FAILED',
    hint: 'Look at HF_ENDPOINT, if it is set, or try again later.',
  })
}

/**
 * `fetch` for the hub's own library: patient, with the token where it belongs, and with an end to what is read. Answers that
 * are no success come back as they are.
 */
export function hubFetch(asking: Asking): typeof fetch {
  return async (input) => {
    const url = input instanceof Request ? input.url : input
    const { response } = await askPatiently(
      () => askOnce(url, { accept: 'application/json' }, asking.signal),
      asking,
    )
    const { status, headers, body } = response
    try {
      const text = await limitedText(body, LIMITS.hub_listing_bytes, 'its answer')
      if (status === 200) limitedJson(text)
      const kept = Object.fromEntries(['content-type', 'link'].flatMap((name) => pairOf(headers, name)))
      return new Response(text, { status, headers: kept })
    } catch (cause) {
      if (asking.signal?.aborted) throw interrupted(cause)
      throw new LlemError(`the hub's answer cannot be read: ${causeOf(cause)}`, {
        code: 'HUB_FAILED',
        hint: 'Try again later, or look at HF_ENDPOINT.',
        cause,
      })
    }
  }
}

function pairOf(headers: Headers, name: string): [string, string][] {
  const value = headers.get(name)
  return value === null ? [] : [[name, value]]
}
