// The load protocol: a program that works the GPU and rests in turns, and at each edge prints a JSON line
// {"t_ns": <CLOCK_MONOTONIC>, "on": true | false}. Where it cannot work it prints {"unavailable": reason} and ends.

import type { LoadEdge } from '../native/addon.js'
import { WorkerProcess } from '../workers/worker-process.js'

/** PyTorch and CUDA may take this long to start from a cold disk. */
const START_LIMIT_MS = 120_000
/** After stdin was closed, and again after SIGTERM. */
const END_GRACE_MS = 2_000

/** A program that works the GPU, in a process group of its own. */
export class Load {
  readonly #name: string
  /** Resolves when it is over. */
  readonly ended: Promise<void>
  readonly #process: WorkerProcess
  readonly #killAtExit = () => this.#process.kill('SIGKILL')
  #edges: LoadEdge[] = []
  #unavailable: string | null = null
  #onEdge: () => void = () => undefined
  /** How it ended; null while it runs. */
  #end: string | null = null

  /** Starts it, with nothing but this GPU for CUDA to see. `name`: what a person calls it. */
  constructor(command: readonly string[], uuid: string, name: string) {
    this.#name = name
    const [program = '', ...args] = command
    this.#process = new WorkerProcess(
      { command: program, args, env: { ...process.env, CUDA_VISIBLE_DEVICES: uuid } },
      { onLine: (line) => this.#take(line), onGarbled: () => undefined },
    )
    // A second Ctrl-C ends llem at once, and must not leave the GPU at work.
    process.once('exit', this.#killAtExit)
    this.ended = this.#process.ended.then(({ what }) => {
      process.off('exit', this.#killAtExit)
      this.#end = what
    })
  }

  get isRunning(): boolean {
    return this.#end === null
  }

  /** The edges so far. */
  get edges(): LoadEdge[] {
    return this.#edges
  }

  /** Waits until it works. Resolves with why it does not, or null. */
  async works(signal: AbortSignal): Promise<string | null> {
    let late: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      late = setTimeout(resolve, START_LIMIT_MS)
      signal.addEventListener('abort', () => resolve(), { once: true })
      this.#onEdge = resolve
      this.ended.then(resolve)
      if (this.#edges.length > 0 || signal.aborted) resolve()
    })
    clearTimeout(late)
    return this.#edges.length > 0 ? null : signal.aborted ? 'the calibration ended before' : this.#whyNot()
  }

  /** Ends it and everything that it started. */
  async stop(): Promise<void> {
    await this.#process.end(END_GRACE_MS)
  }

  #whyNot(): string {
    if (this.#unavailable !== null) return `${this.#name} cannot work: ${this.#unavailable}`
    const tail = this.#process.stderr.lastLines(3)
    const what = this.#end ?? `told no edge within ${START_LIMIT_MS / 1000} s`
    return `${this.#name} ${what}${tail === null ? '' : `: ${tail}`}`
  }

  #take(line: string): void {
    const told = parsed(line)
    if (typeof told.unavailable === 'string') this.#unavailable = told.unavailable
    if (typeof told.t_ns !== 'number' || typeof told.on !== 'boolean') return
    this.#edges.push({ tNs: told.t_ns, on: told.on })
    this.#onEdge()
  }
}

/** What else a program prints is its own business. */
function parsed(line: string): { t_ns?: unknown; on?: unknown; unavailable?: unknown } {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
