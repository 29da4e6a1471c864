// Asks a BMC by Redfish (DMTF DSP0266): JSON over HTTPS, a session or a login with each question, and nothing to anybody else.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Dispatcher } from 'undici'
import { Agent, request } from 'undici'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { limitedJson, limitedText } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'
import { learnSecret } from '../../core/secrets.js'

export type RedfishLogin = { token: string } | { user: string; password: string; hasSession: boolean }

export interface RedfishOptions {
  base: URL
  /** Null: nothing is sent, as a BMC of a laboratory may allow. */
  login: RedfishLogin | null
  /** Certificates in PEM that are trusted beside none other; null: those of the system. */
  ca: string | null
  /** Certificates are not checked. */
  isInsecure: boolean
  /** How long one answer may take. */
  timeoutMs: number
  /** What a person should know, and nobody else can mend. */
  tell: (text: string) => void
}

/** A question that failed. */
export class RedfishFailure extends LlemError {
  /** Asking again changes nothing: a certificate that is not trusted, a place that is no BMC. */
  readonly isLasting: boolean
  /** When the BMC wants to be asked again; null: it does not say. */
  readonly retryAfterMs: number | null

  constructor(
    message: string,
    {
      hint,
      isLasting,
      retryAfterMs,
    }: { hint: string | null; isLasting: boolean; retryAfterMs: number | null },
  ) {
    super(message, { code: 'REDFISH_UNREACHABLE', hint })
    this.isLasting = isLasting
    this.retryAfterMs = retryAfterMs
  }
}

/** A JSON object of a BMC. */
export type Resource = Readonly<Record<string, unknown>>

const SESSIONS = '/redfish/v1/SessionService/Sessions'
const MOST_REDIRECTS = 3
/** Less than whoever ends it waits. */
const LOGOUT_MS = 1800
/** A login that is on its way when it ends opens a session all the same, which has to be closed. */
const LATE_LOGIN_MS = 10_000
const LATE_LOGIN_TOLD_MS = 500
const WHERE = 'Set LLEM_REDFISH_USER and LLEM_REDFISH_PASSWORD, or LLEM_REDFISH_TOKEN'

interface Answer {
  status: number
  headers: Dispatcher.ResponseData['headers']
  text: string
}

export class RedfishClient {
  readonly #options: RedfishOptions
  readonly #agent: Agent
  #session: { token: string; path: string | null } | null = null
  #loggingIn: Promise<void> | null = null

  constructor(options: RedfishOptions) {
    this.#options = options
    const { ca, isInsecure, timeoutMs } = options
    this.#agent = new Agent({
      connect: { timeout: timeoutMs, rejectUnauthorized: !isInsecure, ...(ca === null ? {} : { ca }) },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      // A BMC has few connections, and some answer two at once worse than one after the other.
      connections: 1,
      pipelining: 1,
      maxHeaderSize: LIMITS.header_bytes,
    })
  }

  /** A resource; null where there is none of it (404). Throws REDFISH_REFUSED and REDFISH_UNREACHABLE. */
  async get(path: string, signal?: AbortSignal): Promise<Resource | null> {
    await this.#logIn(signal)
    let answer = await this.#ask('GET', path, { signal })
    if (answer.status === 401 && this.#session !== null) {
      // A session ends by itself where nobody asked for a while, or the BMC began anew.
      this.#session = null
      await this.#logIn(signal)
      answer = await this.#ask('GET', path, { signal })
    }
    if (answer.status === 401 || answer.status === 403) throw this.#refused(answer, path)
    if (answer.status === 404) return null
    if (answer.status !== 200)
      throw this.#failed(`answered ${path} with status ${answer.status}${said(answer)}`, {
        retryAfterMs: retryAfterOf(answer),
      })
    return this.#resource(answer, path)
  }

  /** Logs out where it has logged in, and tells where a session may stay open; always resolves. */
  async close(): Promise<void> {
    await this.#lateLogin()
    const session = this.#session
    if (session !== null) {
      const why = session.path === null ? 'it did not say where it is' : await this.#logOut(session.path)
      if (why !== null)
        this.#options.tell(`the session at the BMC stays open until it ends by itself: ${why}`)
    }
    this.#session = null
    await this.#agent.destroy().catch(() => undefined)
  }

  /** Why it could not; null where it could. */
  async #logOut(path: string): Promise<string | null> {
    try {
      const { status } = await this.#ask('DELETE', path, { signal: AbortSignal.timeout(LOGOUT_MS) })
      return status < 300 || status === 401 || status === 404 ? null : `status ${status} for its end`
    } catch (error) {
      return messageOf(error)
    }
  }

  async #lateLogin(): Promise<void> {
    if (this.#loggingIn === null) return
    const told = setTimeout(
      () => this.#options.tell('waits for the answer to its login, as its session would stay open'),
      LATE_LOGIN_TOLD_MS,
    )
    await Promise.race([
      this.#loggingIn.catch(() => undefined),
      sleep(LATE_LOGIN_MS, undefined, { ref: false }),
    ])
    clearTimeout(told)
    if (this.#loggingIn !== null)
      this.#options.tell('a session may stay open at the BMC: its login got no answer')
  }

  async #logIn(signal: AbortSignal | undefined): Promise<void> {
    const { login } = this.#options
    if (this.#session !== null || login === null || 'token' in login || !login.hasSession) return
    // The question is not taken back by the signal: whoever is not there for the answer cannot close what it opens.
    this.#loggingIn ??= this.#openSession(login).finally(() => {
      this.#loggingIn = null
    })
    await Promise.race([this.#loggingIn, whenAborted(signal)])
    signal?.throwIfAborted()
  }

  async #openSession({ user, password }: { user: string; password: string }): Promise<void> {
    const body = JSON.stringify({ UserName: user, Password: password })
    const answer = await this.#ask('POST', SESSIONS, { body })
    if (answer.status === 401 || answer.status === 403) throw this.#refused(answer, SESSIONS)
    const token = headerOf(answer, 'x-auth-token')
    if (answer.status >= 300 || token === null)
      throw this.#failed(`opened no session: status ${answer.status}${said(answer)}`, {
        hint: 'It may have too many open ones already: end some, or add --no-session.',
        retryAfterMs: retryAfterOf(answer),
      })
    learnSecret(token)
    this.#session = { token, path: this.#sessionPath(answer) }
  }

  /**
   * The path alone counts, on this origin: behind another address a BMC writes the name that it knows itself by. Null where
   * neither the header nor the body has one.
   */
  #sessionPath(answer: Answer): string | null {
    const location = headerOf(answer, 'location')
    for (const text of [location, idIn(answer.text)])
      if (text !== null && text !== '' && URL.canParse(text, this.#options.base.href)) {
        const path = new URL(text, this.#options.base).pathname
        if (path !== '/' && !path.startsWith('//')) return path
      }
    return null
  }

  async #ask(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { signal, body }: { signal?: AbortSignal | undefined; body?: string },
  ): Promise<Answer> {
    let url = new URL(path, this.#options.base)
    const limit = AbortSignal.timeout(this.#options.timeoutMs)
    try {
      for (let redirects = 0; ; redirects++) {
        if (url.origin !== this.#options.base.origin)
          throw this.#failed(`leads to another place, ${shortened(url.origin)}, which gets no login`, {
            hint: 'Name the address with --url that the BMC itself uses.',
            isLasting: true,
          })
        const {
          statusCode,
          headers,
          body: stream,
        } = await request(url, {
          method,
          dispatcher: this.#agent,
          headers: this.#headers(body !== undefined),
          ...(body === undefined ? {} : { body }),
          signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        })
        // Some begin with a mark of the order of bytes, which is no JSON.
        const text = (await limitedText(stream, LIMITS.answer_bytes, 'the answer')).replace(/^\uFEFF/, '')
        const location = headerOf({ headers }, 'location')
        if (statusCode < 301 || statusCode > 308 || location === null || method !== 'GET')
          return { status: statusCode, headers, text }
        if (redirects === MOST_REDIRECTS)
          throw this.#failed(`leads from one place to another without end`, { isLasting: true })
        url = new URL(location, url)
      }
    } catch (error) {
      if (error instanceof LlemError) throw error
      if (limit.aborted)
        throw this.#failed(`has not answered ${path} within ${this.#options.timeoutMs / 1000} s`)
      throw this.#failed(`cannot be asked for ${path}: ${whyOf(error)}`, failureOf(error))
    }
  }

  #headers(hasBody: boolean): Record<string, string> {
    const { login } = this.#options
    const headers: Record<string, string> = { accept: 'application/json', 'odata-version': '4.0' }
    if (hasBody) headers['content-type'] = 'application/json'
    const token = this.#session?.token ?? (login !== null && 'token' in login ? login.token : null)
    if (token !== null) headers['x-auth-token'] = token
    else if (login !== null && 'user' in login && !login.hasSession)
      headers.authorization = `Basic ${Buffer.from(`${login.user}:${login.password}`).toString('base64')}`
    return headers
  }

  #resource({ text, headers }: Answer, path: string): Resource {
    const type = headerOf({ headers }, 'content-type') ?? 'no type'
    try {
      const value = limitedJson(text)
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Resource
    } catch {
      // It is told below.
    }
    throw this.#failed(
      `answered ${path} with no JSON object (${shortened(type)}): ${shortened(text.trim(), 60)}`,
      { hint: 'Is it a BMC, and is Redfish switched on?', isLasting: true },
    )
  }

  #refused(answer: Answer, path: string): LlemError {
    const { login } = this.#options
    const had = login === null ? 'no login was sent' : `status ${answer.status}${said(answer)}`
    return new LlemError(`The BMC at ${this.#options.base.host} refuses ${path}: ${had}`, {
      code: 'REDFISH_REFUSED',
      hint: login === null ? `${WHERE}.` : `${WHERE} to those of a user who may log in.`,
      kind: 'usage',
    })
  }

  #failed(
    what: string,
    {
      hint = null,
      isLasting = false,
      retryAfterMs = null,
    }: { hint?: string | null; isLasting?: boolean; retryAfterMs?: number | null } = {},
  ): RedfishFailure {
    return new RedfishFailure(`The BMC at ${this.#options.base.host} ${what}`, {
      hint,
      isLasting,
      retryAfterMs,
    })
  }
}

function headerOf({ headers }: Pick<Answer, 'headers'>, name: string): string | null {
  const value = headers[name]
  return (Array.isArray(value) ? value[0] : value) ?? null
}

/** What the BMC says of its refusal: the messages of the extended error, else of the error. */
function said({ text }: Answer): string {
  try {
    const { error } = limitedJson(text) as {
      error?: { message?: unknown; '@Message.ExtendedInfo'?: unknown }
    }
    const more = error?.['@Message.ExtendedInfo']
    const first: unknown = Array.isArray(more) ? more[0]?.Message : undefined
    const message = typeof first === 'string' ? first : error?.message
    return typeof message === 'string' ? `, ${shortened(message, 200)}` : ''
  } catch {
    return ''
  }
}

function whyOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: { code?: string; message?: string } }
  return shortened(cause?.message ?? (messageOf(error) || code || 'unknown'), 200)
}

const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|ERR_TLS/

function failureOf(error: unknown): { hint: string | null; isLasting: boolean } {
  const { code = '', cause } = error as { code?: string; cause?: { code?: string } }
  return CERTIFICATE.test(`${code} ${cause?.code ?? ''}`)
    ? {
        hint: 'BMCs sign their own certificate: name it with --ca FILE, or add --insecure, with which whoever is on the way can read the login.',
        isLasting: true,
      }
    : { hint: null, isLasting: code === 'ENOTFOUND' }
}

/** In seconds or as a date, by RFC 9110; null for neither. */
function retryAfterOf(answer: Answer): number | null {
  const text = headerOf(answer, 'retry-after')
  if (text === null) return null
  const ms = /^\d+$/.test(text.trim()) ? Number(text) * 1000 : Date.parse(text) - Date.now()
  return Number.isFinite(ms) && ms > 0 ? ms : null
}

/** `@odata.id` of a resource; null where there is none. */
function idIn(text: string): string | null {
  try {
    const id = (limitedJson(text) as Resource | null)?.['@odata.id']
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}

function whenAborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve()
    signal?.addEventListener('abort', () => resolve(), { once: true })
  })
}
