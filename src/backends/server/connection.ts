import { Pool } from 'undici'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { limitedJson, limitedText } from '../../core/limited.js'
import { LIMITS } from '../../core/limits.js'

const CONNECT_TIMEOUT_MS = 10_000
/** Shorter than what servers keep an idle connection for (uvicorn: 5 s), so that none is closed under a request. */
const KEEP_ALIVE_MS = 4000

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

/** One server: where it is, the key it wants, and its connections, as many as there are requests in flight. */
export class Connection {
  readonly pool: Pool
  readonly headers: Record<string, string>
  readonly #prefix: string

  /** `baseUrl` with or without the final /v1. */
  constructor(
    readonly baseUrl: string,
    key: string | null,
  ) {
    const url = new URL(baseUrl)
    this.#prefix = url.pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
    this.headers = {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    }
    this.pool = new Pool(url.origin, {
      connections: null,
      pipelining: 1,
      // A model may think for minutes: each request has its own limit.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: LIMITS.header_bytes,
      connect: { timeout: CONNECT_TIMEOUT_MS },
    })
  }

  path(path: string): string {
    return `${this.#prefix}${path}`
  }

  /** A small request beside the measurement. Rejects where nobody answers; any status is an answer. */
  async ask(
    path: string,
    { body, timeoutMs = 10_000, maxBytes = LIMITS.answer_bytes }: Asking = {},
  ): Promise<Answer> {
    const {
      statusCode,
      headers,
      body: content,
    } = await this.pool.request({
      path: this.path(path),
      method: body === undefined ? 'GET' : 'POST',
      headers: this.headers,
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await limitedText(content, maxBytes, `the answer of ${path}`)
    return { status: statusCode, headers, json: parseJson(text), text }
  }

  /** Its JSON, null where it does not answer 200 with JSON. Never rejects. */
  async tryJson(path: string, body?: unknown): Promise<unknown> {
    const answer = await this.ask(path, body === undefined ? {} : { body }).catch(() => null)
    return answer?.status === 200 ? (answer.json ?? null) : null
  }

  /** What a server says of a failed request, without secrets. */
  wordsOf(text: string): string {
    return shortened(errorText(parseJson(text)) ?? text.trim(), 500)
  }

  close(): Promise<void> {
    return this.pool.destroy()
  }
}

/** The message of an error in OpenAI's shape, of FastAPI's `detail`, or of vLLM's older flat one. */
export function errorText(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return null
  const { error, message, detail } = body as Record<string, unknown>
  if (typeof error === 'object' && error !== null) return errorText(error)
  const text = [error, message, detail].find((value) => typeof value === 'string')
  if (typeof text === 'string') return text
  return detail === undefined ? null : JSON.stringify(detail)
}

/** Nobody answers at this address. */
export function unreachable(what: string, baseUrl: string, cause: unknown): LlemError {
  return new LlemError(`${what} does not answer at ${baseUrl}: ${messageOf(cause)}`, {
    code: 'SERVER_UNREACHABLE',
    hint: 'See whether the server runs and base_url is its address.',
    cause,
  })
}

function parseJson(text: string): unknown {
  try {
    return limitedJson(text)
  } catch {
    return undefined
  }
}
