import { LlemError } from '../core/errors.js'
import type { ExecuteOptions, Executor } from '../executors/executor.js'
import type { RunnerEvent, RunOrder, RunSummary } from '../executors/protocol.js'
import { HEARD_FILE, touch } from './alive.js'

const WRITTEN_EVERY_MS = 15_000

/** An executor that ends a run of which nothing new is heard for so long, with RUN_SILENT, and keeps a file for whoever looks. */
export function watched(executor: Executor, silentMs: number): Executor {
  return {
    name: executor.name,
    responds: (timeoutMs) => executor.responds(timeoutMs),
    restart: () => executor.restart(),
    close: () => executor.close(),
    run: (order, options) => runWatched(executor, silentMs, order, options),
  }
}

async function runWatched(
  executor: Executor,
  silentMs: number,
  order: RunOrder,
  { signal, onEvent, ...options }: ExecuteOptions,
): Promise<RunSummary> {
  const silence = new AbortController()
  let timer: NodeJS.Timeout
  let last = ''
  let writtenMs = Number.NEGATIVE_INFINITY
  const heard = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(new Error('nothing was heard')), silentMs)
    if (performance.now() - writtenMs < WRITTEN_EVERY_MS) return
    writtenMs = performance.now()
    touch(`${order.output_dir}/${HEARD_FILE}`)
  }
  heard()
  try {
    return await executor.run(order, {
      ...options,
      signal: signal === undefined ? silence.signal : AbortSignal.any([signal, silence.signal]),
      onEvent: (event) => {
        // A bar is told again and again while nothing moves.
        const now = textOf(event)
        if (now !== last) heard()
        last = now
        onEvent(event)
      },
    })
  } catch (error) {
    if (!silence.signal.aborted || signal?.aborted) throw error
    throw new LlemError(`nothing was heard of the run for ${silentMs / 60_000} minutes, and it was ended`, {
      code: 'RUN_SILENT',
      hint: 'Look at its run.log, or raise slurm.silent_minutes where a load takes longer.',
      cause: error,
    })
  } finally {
    // biome-ignore lint/style/noNonNullAssertion: heard() has set it.
    clearTimeout(timer!)
  }
}

function textOf(event: RunnerEvent): string {
  return event.event === 'said' ? event.text : `${event.label} ${event.done}`
}
