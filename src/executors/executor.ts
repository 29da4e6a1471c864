import type { Observer } from '../progress/observer.js'
import type { RunnerEvent, RunOrder, RunSummary } from './protocol.js'

/** Where the experiments of a campaign run. */
export interface Executor {
  readonly name: string
  /**
   * Runs one experiment in isolation and resolves with what it came to. Rejects with the experiment's own error, or with
   * WORKER_* where its process died or took too long; the next call starts anew.
   */
  run(order: RunOrder, options: ExecuteOptions): Promise<RunSummary>
  /** Whether what runs experiments answers within the time; null where nothing is running. */
  responds(timeoutMs: number): Promise<boolean | null>
  /** Ends what is kept loaded and starts anew what stays up between experiments, such as a container. */
  restart(): Promise<void>
  /** Ends what is running or kept loaded; always resolves, and `run` may be called again. */
  close(): Promise<void>
  /** Called before the first run, of a daemon's round too: starts what stays up between experiments. Rejects with all that is missing. */
  begin?(options: { observer: Observer; signal: AbortSignal | undefined }): Promise<void>
  /** Called after the last run, whatever happened: stops what `begin` has started. Always resolves. */
  end?(observer: Observer): Promise<void>
}

export interface ExecuteOptions {
  timeoutMs: number
  /** Called with what the experiment says, as it happens. */
  onEvent: (event: RunnerEvent) => void
  signal: AbortSignal | undefined
}
