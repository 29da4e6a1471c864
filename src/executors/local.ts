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
/** A runner that is told to end writes down what it has measured first. */
const GRACE_MS = 10_000

/** Runs experiments in a child process of this machine, which is started anew after a failure. */
export class LocalExecutor implements Executor {
  readonly name = 'local'
  #runner: Worker | null = null
  #ending: Promise<unknown> = Promise.resolve()

  async run(order: RunOrder, { timeoutMs, onEvent, signal }: ExecuteOptions): Promise<RunSummary> {
    const runner = await this.#started(onEvent)
    // Anything longer than the limit is not a hang of the wire but of the experiment.
    const limit = new AbortController()
    const timer = setTimeout(() => limit.abort(), timeoutMs)
    const stop = () => void this.close()
    limit.signal.addEventListener('abort', stop, { once: true })
    signal?.addEventListener('abort', stop, { once: true })
    try {
      return await runner.call('run', order, {
        schema: runSummarySchema,
        timeoutMs: timeoutMs + 2 * GRACE_MS,
        events: { schema: runnerEventSchema, on: onEvent },
      })
    } catch (error) {
      await this.close()
      if (!limit.signal.aborted) throw error
      throw new LlemError(`the experiment took longer than ${timeoutMs / 1000} s and was ended`, {
        code: 'EXPERIMENT_TIMEOUT',
        hint: 'Raise execution.experiment_timeout_seconds if it is just slow.',
        cause: error,
      })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
    }
  }

  async close(): Promise<void> {
    this.#ending = Promise.all([this.#ending, this.#runner?.close()])
    this.#runner = null
    await this.#ending
  }

  async #started(onEvent: ExecuteOptions['onEvent']): Promise<Worker> {
    if (this.#runner !== null) return this.#runner
    const runner = new Worker(
      {
        backend: 'experiment',
        command: process.execPath,
        args: [fileURLToPath(import.meta.resolve('#runner'))],
      },
      { graceMs: GRACE_MS, log: (text) => onEvent({ event: 'said', id: 0, text, detail: true }) },
    )
    this.#runner = runner
    try {
      const { protocol } = await runner.call('hello', {}, { schema: runnerHelloSchema, timeoutMs: HELLO_MS })
      if (protocol !== RUNNER_PROTOCOL) throw new Error(`the runner speaks protocol ${protocol}`)
      return runner
    } catch (error) {
      await this.close()
      throw error
    }
  }
}
