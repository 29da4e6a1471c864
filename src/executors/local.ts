import { fileURLToPath } from 'node:url'
import { LlemError } from '../core/errors.js'
import { Worker } from '../workers/worker.js'
import type { ExecuteOptions, Executor } from './executor.js'
import {
  RUNNER_PROTOCOL,
  type RunOrder,
  type RunSummary,
  runnerEventSchema,
  runnerHelloSchema,
  runSummarySchema,
} from './protocol.js'

const HELLO_MS = 60_000
/**
 * A runner that is told to end writes down what it has measured first. Then comes SIGTERM, because whatever a signal
 * interrupts is to have ended within 5 s, what hangs included.
 */
const GRACE_MS = 3500
const TERM_GRACE_MS = 500

/** Runs experiments in a child process of this machine, which is started anew after a failure. */
export class LocalExecutor implements Executor {
  readonly name = 'local'
  #runner: Worker | null = null
  #ending: Promise<unknown> = Promise.resolve()
  readonly #lockPath: string

  /** `lockPath`: a file that the runner locks, so that it waits for one that a killed campaign has left. */
  constructor(lockPath: string) {
    this.#lockPath = lockPath
  }

  async run(order: RunOrder, { timeoutMs, onEvent, signal }: ExecuteOptions): Promise<RunSummary> {
    // Anything longer than the limit is not a hang of the wire but of the experiment.
    const limit = AbortSignal.timeout(timeoutMs)
    const either = signal === undefined ? limit : AbortSignal.any([limit, signal])
    const stop = () => void this.close()
    either.addEventListener('abort', stop, { once: true })
    try {
      // Not by the worker's own signal, which kills: an experiment that is told to end keeps what it has measured.
      const runner = await this.#started(onEvent)
      if (either.aborted) throw either.reason
      return await runner.call('run', order, {
        schema: runSummarySchema,
        timeoutMs: timeoutMs + 2 * GRACE_MS,
        events: { schema: runnerEventSchema, on: onEvent },
      })
    } catch (error) {
      await this.close()
      if (!limit.aborted) throw error
      throw new LlemError(`the experiment took longer than ${timeoutMs / 1000} s and was ended`, {
        code: 'EXPERIMENT_TIMEOUT',
        hint: 'Raise execution.experiment_timeout_seconds if it is just slow.',
        cause: error,
      })
    } finally {
      either.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    this.#ending = Promise.all([this.#ending, this.#runner?.close()])
    this.#runner = null
    await this.#ending
  }

  /** Only that it lives: what it does may take long without a word. */
  async responds(): Promise<boolean | null> {
    return this.#runner === null ? null : this.#runner.pid !== undefined
  }

  async restart(): Promise<void> {
    await this.close()
  }

  async #started(onEvent: ExecuteOptions['onEvent']): Promise<Worker> {
    if (this.#runner !== null) return this.#runner
    const runner = new Worker(
      {
        backend: 'experiment',
        command: process.execPath,
        args: [fileURLToPath(import.meta.resolve('#runner'))],
      },
      {
        graceMs: GRACE_MS,
        termGraceMs: TERM_GRACE_MS,
        log: (text) => onEvent({ event: 'said', id: 0, text, detail: true }),
      },
    )
    this.#runner = runner
    try {
      const { protocol } = await runner.call(
        'hello',
        { lock_path: this.#lockPath },
        { schema: runnerHelloSchema, timeoutMs: HELLO_MS },
      )
      if (protocol !== RUNNER_PROTOCOL) throw new Error(`the runner speaks protocol ${protocol}`)
      return runner
    } catch (error) {
      await this.close()
      throw error
    }
  }
}
