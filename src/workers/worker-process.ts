import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { messageOf } from '../core/errors.js'
import { LineSplitter } from './line-splitter.js'
import { StderrTail } from './stderr-tail.js'

/** A process to start: a program and its arguments, never a shell line. */
export interface WorkerCommand {
  /** The backend's name, for messages. */
  backend: string
  command: string
  args: readonly string[]
  /** The whole environment; by default llem's own. */
  env?: NodeJS.ProcessEnv | undefined
  cwd?: string | undefined
  /** A line that it reads before anything else. */
  preamble?: string | undefined
}

/** How a process came to its end. */
export interface WorkerEnd {
  /** Goes on after "the worker", e.g. "was killed by SIGKILL". */
  what: string
  exitCode: number | null
  signal: NodeJS.Signals | null
  cause?: unknown
}

export interface WorkerStreams {
  /** Gets every line of stdout, and goes on getting them to the end, so that the pipe never fills. */
  onLine: (line: string) => void
  /** Stdout cannot be read as lines. */
  onGarbled: (error: unknown) => void
  /** Gets every line of stderr, without secrets. */
  log?: ((line: string) => void) | undefined
  /** What cuts stdout into lines; by default one that gives up at a line of 16 MiB. */
  lines?: Pick<LineSplitter, 'push'>
}

/** Nothing sane is this long; a stream without newlines must not fill the memory. */
const MAX_LINE_BYTES = 16 * 1024 * 1024
/** After exit, how long to wait for the ends of its pipes, which a grandchild may hold open. */
const DRAIN_MS = 500

/** A child process in a group of its own, its pipes always drained, which can be ended for certain. */
export class WorkerProcess {
  readonly stderr = new StderrTail()
  /** Resolves once it is gone and its output was read, or when it could not be started. */
  readonly ended: Promise<WorkerEnd>
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>

  constructor(command: Omit<WorkerCommand, 'backend'>, streams: WorkerStreams) {
    this.#child = spawn(command.command, [...command.args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: command.env ?? process.env,
      cwd: command.cwd,
      // Its own process group: Ctrl-C reaches llem alone, and whatever the worker starts can be ended with it.
      detached: true,
    })
    this.#readStdout(streams)
    this.#readStderr(streams)
    // Writing to a process that died raises EPIPE; its exit says more.
    this.#child.stdin.on('error', () => {})
    if (command.preamble !== undefined) this.write(command.preamble)
    this.ended = this.#watchEnd()
  }

  /** Undefined when the process could not be started. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Sends a signal to the whole process group. */
  kill(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, signal)
    } catch {
      // The group is gone already, which is what was wanted.
    }
  }

  /** Closes stdin, after a grace sends SIGTERM, after another SIGKILL. Always resolves. */
  async end(graceMs: number, termGraceMs = graceMs): Promise<void> {
    this.#child.stdin.end()
    if (await this.#endsWithin(graceMs)) return
    this.kill('SIGTERM')
    if (await this.#endsWithin(termGraceMs)) return
    this.kill('SIGKILL')
    await this.#endsWithin(graceMs)
  }

  #readStdout({ onLine, onGarbled, lines = new LineSplitter(MAX_LINE_BYTES) }: WorkerStreams): void {
    this.#child.stdout.on('data', (chunk: Buffer) => {
      try {
        for (const line of lines.push(chunk)) onLine(line)
      } catch (error) {
        onGarbled(error)
      }
    })
  }

  #readStderr({ log }: WorkerStreams): void {
    let lines = new LineSplitter(MAX_LINE_BYTES)
    this.#child.stderr.on('data', (chunk: Buffer) => {
      const shown = this.stderr.push(chunk)
      if (!log) return
      try {
        for (const line of lines.push(shown)) log(line)
      } catch {
        lines = new LineSplitter(MAX_LINE_BYTES)
      }
    })
  }

  #watchEnd(): Promise<WorkerEnd> {
    return new Promise((resolve) => {
      this.#child.once('error', (cause) => {
        if (this.#child.pid !== undefined) return
        resolve({ what: `could not be started (${messageOf(cause)})`, exitCode: null, signal: null, cause })
      })
      this.#child.once('exit', (exitCode, signal) => {
        this.kill('SIGKILL') // What it started, if it left any.
        const what = signal === null ? `exited with code ${exitCode}` : `was killed by ${signal}`
        const late = setTimeout(() => {
          // Left open they would keep llem from ending for as long as a grandchild holds them.
          for (const pipe of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) pipe.destroy()
          resolve({ what, exitCode, signal })
        }, DRAIN_MS)
        this.#child.once('close', () => {
          clearTimeout(late)
          resolve({ what, exitCode, signal })
        })
      })
    })
  }

  async #endsWithin(limitMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), limitMs)
    })
    const ended = await Promise.race([this.ended.then(() => true), late])
    clearTimeout(timer)
    return ended
  }
}
