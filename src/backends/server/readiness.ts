import { setTimeout as sleep } from 'node:timers/promises'
import { LlemError, messageOf } from '../../core/errors.js'
import { shortened } from '../../core/foreign-text.js'
import { LIMITS } from '../../core/limits.js'
import { type Answer, type Connection, unreachable } from './connection.js'
import type { ServerProcess } from './server-process.js'

const ASK_EVERY_MS = 200
const TELL_EVERY_MS = 10_000
/** A server that runs already answers at once, or says that it loads. */
const ATTACH_TIMEOUT_MS = 10_000

export interface Waiting {
  title: string
  /** The server that was started; null for one that runs already. */
  server: ServerProcess | null
  timeoutMs: number
  /** What it waits for, in words. */
  tell(text: string): void
  /** Called once one that runs already says that it loads, which is waited for long. */
  onLoading?: () => void
  /** Ends the waiting at once. */
  signal?: AbortSignal | undefined
}

/**
 * Waits until the server lists its models, and says itself that it is ready where it has a cheap question for that. What
 * runs inference is never asked: `/health` of a gateway calls each of its models. Rejects with SERVER_EXITED,
 * SERVER_NOT_READY or SERVER_UNREACHABLE, and with an AbortError.
 */
export async function waitUntilReady(
  connection: Connection,
  { title, server, timeoutMs, tell, onLoading, signal }: Waiting,
): Promise<void> {
  const startMs = performance.now()
  let toldMs = startMs
  let answer: Readiness = { ready: false, loads: false, why: null }
  let hasSaid = false
  for (;;) {
    if (server?.how != null) throw exited(server)
    answer = await askReadiness(connection)
    signal?.throwIfAborted()
    if (answer.ready) return
    if (answer.loads && server === null && !hasSaid) {
      hasSaid = true
      onLoading?.()
    }
    const nowMs = performance.now()
    // One that runs already and says that it loads is waited for as long as one that was started.
    const isPatient = server !== null || answer.loads
    if (nowMs - startMs > (isPatient ? timeoutMs : Math.min(timeoutMs, ATTACH_TIMEOUT_MS))) break
    if (nowMs - toldMs > TELL_EVERY_MS) {
      toldMs = nowMs
      const last = server?.lastLine ?? (answer.why === null ? null : messageOf(answer.why))
      const seconds = Math.round((nowMs - startMs) / 1000)
      tell(
        `waiting for ${title} to be ready (${seconds} s)${last === null ? '' : `: ${shortened(last, 200)}`}`,
      )
    }
    await Promise.race([
      sleep(ASK_EVERY_MS, undefined, { signal }),
      ...(server === null ? [] : [server.ended]),
    ])
  }
  if (server === null && !answer.loads) throw unreachable(title, connection.baseUrl, answer.why)
  const last = server?.lastWords ?? (answer.why === null ? '' : `It says: ${messageOf(answer.why)}`)
  throw new LlemError(`${title} was not ready within ${timeoutMs / 1000} s`, {
    code: 'SERVER_NOT_READY',
    hint: `Raise load_timeout_sec if the model is just slow to load. ${last}`,
    cause: answer.why,
  })
}

interface Readiness {
  ready: boolean
  /** It answers that it is not ready yet. */
  loads: boolean
  /** Why not, where something was answered or refused. */
  why: unknown
}

const READY: Readiness = { ready: true, loads: false, why: null }
/** A model that loads still, or a gateway whose server is not there yet. */
const NOT_YET: readonly number[] = [425, 502, 503, 504]
/** llama-server lists its model while it loads, and its /health does nothing but say so. */
const LISTS_EARLY = 'llamacpp'

async function askReadiness(connection: Connection): Promise<Readiness> {
  try {
    const list = await connection.ask('/v1/models', { timeoutMs: 5000 })
    if (NOT_YET.includes(list.status)) return loading('/v1/models', list, connection)
    // One that wants another key is there, and says so better in a request.
    if (!ownersIn(list.json).includes(LISTS_EARLY)) return READY
    const health = await connection.ask('/health', { timeoutMs: 5000, maxBytes: LIMITS.health_bytes })
    return NOT_YET.includes(health.status) ? loading('/health', health, connection) : READY
  } catch (error) {
    return { ready: false, loads: false, why: error }
  }
}

function loading(path: string, { status, text }: Answer, connection: Connection): Readiness {
  const words = connection.wordsOf(text)
  return {
    ready: false,
    loads: true,
    why: new Error(`${path} answers ${status}${words === '' ? '' : ` (${words})`}`),
  }
}

/** Who owns the models of a list, whatever else is in it. */
function ownersIn(list: unknown): unknown[] {
  const entries = (list as { data?: unknown } | null | undefined)?.data
  return Array.isArray(entries) ? entries.map((entry) => entry?.owned_by) : []
}

/** The server ended while it loaded. */
function exited(server: ServerProcess): LlemError {
  return new LlemError(`${server.title} ${server.how} before it was ready`, {
    code: 'SERVER_EXITED',
    hint: server.lastWords,
  })
}
