import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf } from '../../core/errors.js'
import { withoutColour } from '../../core/printable.js'
import { SecretStream } from '../../core/secret-stream.js'
import { LineSplitter } from '../../workers/line-splitter.js'
import { isAlive, type ProcessId, processTree } from '../../workers/process-tree.js'
import { StderrTail } from '../../workers/stderr-tail.js'

export interface ServerCommand {
  /** For messages, e.g. "vllm serve". */
  title: string
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** For a server in a container: what its client reads first. Closing the client's stdin then ends the server. */
  preamble?: string | undefined
  /** Called with each line that it writes to stdout or stderr, without secrets and colours. */
  log(line: string): void
}

/** Long enough for a server to end by itself, short enough that it is gone 5 s after llem was told to end. */
const GRACE_MS = 2500
const REAP_MS = 500
/** How long python/in_service.py gives a server, and a moment more. */
const REMOTE_GRACE_MS = 3200
const MAX_LINE_BYTES = 1024 * 1024
const LAST_LINES = 5

/**
 * A server as a child of the worker and in its process group, so that whoever kills the worker's group kills the
 * server too, and its output always drained.
 */
export class ServerProcess {
  readonly title: string
  /** Resolves once it has ended, with how, e.g. "exited with code 1". */
  readonly ended: Promise<string>
  readonly #child: ChildProcessByStdio<Writable | null, Readable, Readable>
  readonly #tail = new StderrTail()
  #lastLine: string | null = null
  #how: string | null = null

  constructor({ title, command, args, env, preamble, log }: ServerCommand) {
    this.title = title
    const options = { env, stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'] }
    this.#child =
      preamble === undefined
        ? spawn(command, [...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
        : spawn(command, [...args], options)
    // Writing to a process that died raises EPIPE; its exit says more.
    this.#child.stdin?.on('error', () => {})
    if (preamble !== undefined) this.#child.stdin?.write(`${preamble}\n`)
    const keep = (written: string) => {
      if (written.trim() === '') return
      const line = withoutColour(written)
      this.#lastLine = line.trim()
      this.#tail.push(Buffer.from(`${line}\n`))
      log(line)
    }
    for (const stream of [this.#child.stdout, this.#child.stderr]) drain(stream, keep)
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#how ??= how
        resolve(this.#how)
      }
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) end(`could not be started (${messageOf(error)})`)
      })
      // Its last words may still be in the pipes, which a descendant may hold open.
      this.#child.once('exit', (code, signal) => {
        const how = signal === null ? `exited with code ${code}` : `was killed by ${signal}`
        const late = setTimeout(() => end(how), 300)
        this.#child.once('close', () => {
          clearTimeout(late)
          end(how)
        })
      })
    })
  }

  /** Null when it could not be started. */
  get pid(): number | null {
    return this.#child.pid ?? null
  }

  /** How it ended, null while it runs. */
  get how(): string | null {
    return this.#how
  }

  /** What it wrote last, null while it wrote nothing. */
  get lastLine(): string | null {
    return this.#lastLine
  }

  /** For a hint. */
  get lastWords(): string {
    const lines = this.#tail.lastLines(LAST_LINES)
    return lines === null ? 'It wrote nothing.' : `Its last words: ${lines}`
  }

  /** It and what it has started. */
  get processes(): ProcessId[] {
    return this.pid === null || this.#how !== null ? [] : processTree(this.pid)
  }

  /** SIGTERM, after a grace SIGKILL, to it and to all that it has started. Always resolves, within 3 s (6 s in a container). */
  async end(): Promise<void> {
    if (this.#child.stdin !== null) {
      // Signals to the client of a container reach nothing inside.
      this.#child.stdin.end()
      await Promise.race([this.ended, sleep(REMOTE_GRACE_MS)])
    }
    const own = new Map(this.processes.map((process) => [process.pid, process]))
    if (this.pid !== null && this.#how === null) this.#child.kill('SIGTERM')
    const deadline = performance.now() + GRACE_MS
    // Engines that it started end a moment after it.
    while (performance.now() < deadline && [...own.values()].some(isAlive)) {
      for (const process of this.processes) own.set(process.pid, process)
      await sleep(20)
    }
    for (const process of [...own.values()].filter(isAlive)) kill(process.pid)
    // Seen off by its parent, so that nothing of it is left in the table of processes.
    await Promise.race([this.ended, sleep(REAP_MS)])
  }
}

function drain(stream: Readable, keep: (line: string) => void): void {
  let lines = new LineSplitter(MAX_LINE_BYTES)
  // Before it is cut into lines, of which one that is too long is left away.
  const secrets = new SecretStream()
  stream.on('data', (chunk: Buffer) => {
    try {
      // A progress bar moves back to the beginning of its line.
      for (const line of lines.push(Buffer.from(secrets.push(chunk))))
        keep(line.split('\r').findLast((part) => part !== '') ?? '')
    } catch {
      lines = new LineSplitter(MAX_LINE_BYTES)
    }
  })
  stream.on('error', () => {})
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already, which is what was wanted.
  }
}
