import type { z } from 'zod'
import { LlemError } from '../core/errors.js'
import { shortened } from '../core/foreign-text.js'
import type { WorkerFault } from './wire.js'
import { abortedError, WorkerError, type WorkerErrorCode } from './worker-error.js'
import { parseWorkerLine } from './worker-line.js'
import { type WorkerCommand, type WorkerEnd, WorkerProcess } from './worker-process.js'

export interface WorkerOptions {
  /** Called with each line that the worker writes to stderr. */
  log?: ((line: string) => void) | undefined
  /** How long `close` waits after closing stdin, and again after SIGTERM. */
  graceMs?: number | undefined
  /** How long it waits after SIGTERM, where that is to be another time. */
  termGraceMs?: number | undefined
  /**
   * It ends by itself what it has started, also what left its process group, once its stdin closes. So a failure closes
   * its stdin instead of killing it at once.
   */
  endsItself?: boolean | undefined
}

export interface CallOptions<T, E = never> {
  /** What the reply must look like. */
  schema: z.ZodType<T>
  /** Time without an answer or an event after which the worker counts as hung. */
  timeoutMs: number
  signal?: AbortSignal | undefined
  /** What the worker may tell before it answers; anything else that it tells is nonsense. */
  events?: { schema: z.ZodType<E>; on: (event: E) => void } | undefined
}

/** The call that the worker is busy with. */
interface Pending {
  id: number
  verb: string
  onReply: (body: unknown) => void
  onEvent: (body: unknown) => void
  reject: (error: unknown) => void
}

const DEFAULT_GRACE_MS = 3000
/** Faults that the person caused by what they typed. */
const USAGE_CODES = new Set(['MODEL_NOT_FOUND', 'MODEL_UNREADABLE', 'OPTIONS_INVALID'])

/**
 * The host's side of the protocol. Calls run one after the other. A worker that dies, hangs or speaks nonsense
 * fails the call in hand and every later one with the same `WorkerError`, and is killed. Whoever starts one
 * must `close` it.
 */
export class Worker {
  readonly #process: WorkerProcess
  readonly #backend: string
  readonly #graceMs: number
  readonly #termGraceMs: number
  readonly #endsItself: boolean
  #turn: Promise<unknown> = Promise.resolve()
  #pending: Pending | null = null
  #failure: unknown = null
  #closing: Promise<void> | null = null
  /** After a failure, where it is left to end by itself. */
  #ending: Promise<void> | null = null
  #nextId = 1

  constructor(
    command: WorkerCommand,
    { log, graceMs = DEFAULT_GRACE_MS, termGraceMs = graceMs, endsItself = false }: WorkerOptions = {},
  ) {
    this.#backend = command.backend
    this.#graceMs = graceMs
    this.#termGraceMs = termGraceMs
    this.#endsItself = endsItself
    this.#process = new WorkerProcess(command, {
      onLine: (line) => this.#onLine(line),
      onGarbled: (error) => this.#fail(this.#error('WORKER_PROTOCOL', 'wrote no lines to stdout', error)),
      log,
    })
    void this.#process.ended.then((end) => this.#onEnd(end))
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.#process.pid
  }

  /** Sends a verb and resolves with the checked body of its reply. An abort while it runs kills the worker. */
  call<T, E = never>(verb: string, body: Record<string, unknown>, options: CallOptions<T, E>): Promise<T> {
    const answer = this.#turn.then(() => this.#exchange(verb, body, options))
    this.#turn = answer.catch(() => {})
    return answer
  }

  /** Closes stdin; after a grace SIGTERM, then SIGKILL, to the whole process group. Always resolves. */
  close(): Promise<void> {
    this.#pending?.reject(this.#error('WORKER_DIED', `was closed during ${this.#pending.verb}`))
    this.#closing ??= this.#ending ?? this.#process.end(this.#graceMs, this.#termGraceMs)
    return this.#closing
  }

  #exchange<T, E>(verb: string, body: Record<string, unknown>, options: CallOptions<T, E>): Promise<T> {
    const { schema, timeoutMs, signal, events } = options
    const what = `${this.#backend} ${verb}`
    return new Promise<T>((resolve, reject) => {
      if (this.#closing) return reject(this.#error('WORKER_DIED', `was closed before ${verb}`))
      if (this.#failure !== null) return reject(this.#failure)
      if (signal?.aborted) return reject(abortedError(what, signal))
      const onAbort = () => signal && this.#fail(abortedError(what, signal))
      const onTimeout = () =>
        this.#fail(this.#error('WORKER_TIMEOUT', `did not answer ${verb} within ${timeoutMs / 1000} s`))
      let timer = setTimeout(onTimeout, timeoutMs)
      signal?.addEventListener('abort', onAbort, { once: true })
      const settle = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#pending = null
      }
      const id = this.#nextId++
      this.#pending = {
        id,
        verb,
        onReply: (reply) => {
          const parsed = schema.safeParse(reply)
          if (!parsed.success) {
            this.#fail(this.#error('WORKER_PROTOCOL', `answered ${verb} wrongly`, parsed.error))
            return
          }
          settle()
          resolve(parsed.data)
        },
        onEvent: (told) => {
          const parsed = events?.schema.safeParse(told)
          if (parsed?.success !== true) {
            this.#fail(this.#error('WORKER_PROTOCOL', `told what ${verb} does not tell`, parsed?.error))
            return
          }
          clearTimeout(timer)
          timer = setTimeout(onTimeout, timeoutMs)
          events?.on(parsed.data)
        },
        reject: (error) => {
          settle()
          reject(error)
        },
      }
      this.#process.write(JSON.stringify({ id, verb, ...body }))
    })
  }

  #onLine(line: string): void {
    if (this.#failure !== null || line.trim() === '') return
    const said = parseWorkerLine(line)
    if (said.kind === 'nonsense') {
      this.#nonsense(said.why, line, said.cause)
    } else if (this.#pending?.id !== said.id) {
      this.#nonsense('answered a question that was not asked', line)
    } else if (said.kind === 'reply') {
      this.#pending.onReply(said.body)
    } else if (said.kind === 'fault') {
      this.#pending.reject(this.#faultError(said.fault))
    } else {
      try {
        this.#pending.onEvent(said.body)
      } catch (error) {
        this.#fail(error) // A fault of the caller's; it is the caller's call that ends with it.
      }
    }
  }

  #onEnd({ what, ...end }: WorkerEnd): void {
    const during = this.#pending ? ` during ${this.#pending.verb}` : ''
    const stderr = this.#process.stderr
    const message = `the ${this.#backend} worker ${what}${during}`
    this.#fail(new WorkerError(message, { code: 'WORKER_DIED', stderr, ...end }))
  }

  #nonsense(why: string, line: string, cause?: unknown): void {
    this.#fail(this.#error('WORKER_PROTOCOL', `${why}: ${shortened(line, 120)}`, cause))
  }

  /** The first failure is the one that tells why. */
  #fail(error: unknown): void {
    this.#failure ??= error
    this.#pending?.reject(this.#failure)
    if (this.#endsItself) this.#ending ??= this.#process.end(this.#graceMs)
    else this.#process.kill('SIGKILL')
  }

  #error(code: WorkerErrorCode, what: string, cause?: unknown): WorkerError {
    return new WorkerError(`the ${this.#backend} worker ${what}`, {
      code,
      stderr: this.#process.stderr,
      cause,
    })
  }

  #faultError({ code, message, hint }: WorkerFault): LlemError {
    const lastLines = this.#process.stderr.lastLines(3)
    return new LlemError(message, {
      code,
      hint: hint ?? (lastLines === null ? null : `The worker's last words: ${lastLines}`),
      kind: USAGE_CODES.has(code) ? 'usage' : 'runtime',
    })
  }
}
