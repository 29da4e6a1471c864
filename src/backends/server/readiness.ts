import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'
import { type Connection, unreachable } from './connection.js'
import type { ServerProcess } from './server-process.js'

const ASK_EVERY_MS = 200
const TELL_EVERY_MS = 10_000
/** A server that runs already answers at once. */
const ATTACH_TIMEOUT_MS = 10_000

export interface Waiting {
  title: string
  /** The server that was started; null for one that runs already. */
  server: ServerProcess | null
  timeoutMs: number
  /** What it waits for, in words. */
  tell(text: string): void
}

/**
 * Waits until the server answers GET /health with 200, or GET /v1/models where it has no /health. Rejects with
 * SERVER_EXITED, SERVER_NOT_READY or SERVER_UNREACHABLE.
 */
export async function waitUntilReady(
  connection: Connection,
  { title, server, timeoutMs, tell }: Waiting,
): Promise<void> {
  const startMs = performance.now()
  const limitMs = server === null ? Math.min(timeoutMs, ATTACH_TIMEOUT_MS) : timeoutMs
  let toldMs = startMs
  let answer: Readiness = { ready: false, why: null }
  for (;;) {
    if (server?.how != null) throw exited(server)
    answer = await askReadiness(connection)
    if (answer.ready) return
    const nowMs = performance.now()
    if (nowMs - startMs > limitMs) break
    if (nowMs - toldMs > TELL_EVERY_MS) {
      toldMs = nowMs
      const last = server?.lastLine ?? (answer.why === null ? null : messageOf(answer.why))
      const seconds = Math.round((nowMs - startMs) / 1000)
      tell(
        `waiting for ${title} to be ready (${seconds} s)${last === null ? '' : `: ${shortened(last, 200)}`}`,
      )
    }
    await Promise.race([sleep(ASK_EVERY_MS), ...(server === null ? [] : [server.ended])])
  }
  if (server === null) throw unreachable(title, connection.baseUrl, answer.why)
  throw new LlemError(`${title} was not ready within ${limitMs / 1000} s`, {
    code: 'SERVER_NOT_READY',
    hint: `Raise load_timeout_sec if the model is just slow to load. ${server.lastWords}`,
    cause: answer.why,
  })
}

interface Readiness {
  ready: boolean
  /** Why not, where something was answered or refused. */
  why: unknown
}

async function askReadiness(connection: Connection): Promise<Readiness> {
  try {
    const health = await connection.ask('/health', { timeoutMs: 5000, maxBytes: LIMITS.health_bytes })
    if (health.status === 200) return { ready: true, why: null }
    // 503 is a model that loads still (llama-server, vLLM); a server without /health answers 404 or 405.
    if (health.status === 503) return { ready: false, why: new Error(`/health answers ${health.status}`) }
    const models = await connection.ask('/v1/models', { timeoutMs: 5000 })
    // One that wants another key is there, and says so better in a request.
    return models.status === 503
      ? { ready: false, why: new Error('/v1/models answers 503') }
      : { ready: true, why: null }
  } catch (error) {
    return { ready: false, why: error }
  }
}

/** The server ended while it loaded. */
function exited(server: ServerProcess): LlemError {
  return new LlemError(`${server.title} ${server.how} before it was ready`, {
    code: 'SERVER_EXITED',
    hint: server.lastWords,
  })
}
