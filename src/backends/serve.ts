import type { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { learnEnvironment } from '../core/secrets.js'
import { systemFault } from '../core/system-fault.js'
import { claimStdout } from '../workers/claim-stdout.js'
import { LineSplitter } from '../workers/line-splitter.js'
import type { WorkerFault } from '../workers/wire.js'
import {
  type FailedRequest,
  type helloSchema,
  type InferOne,
  type LoadInfo,
  PROTOCOL_VERSION,
  type RequestOf,
  type RequestRecord,
  type RunTotals,
  requestSchema,
  type WorkerMemory,
  type WorkerRequest,
} from './protocol.js'

/** What a worker may say before it answers. */
export interface Telling {
  request(record: RequestRecord): void
  /** A request of a run that came to nothing and does not end it. */
  failure(failed: FailedRequest): void
  /** During a run, or while preparing one, where nothing else may be told for long. */
  alive(): void
  /** While it loads: what it waits for. */
  progress(text: string): void
}

/** What a worker written in TypeScript does for each verb. A thrown `LlemError` is told to the host as it is. */
export interface WorkerHandlers {
  hello(): Promise<Omit<z.infer<typeof helloSchema>, 'protocol'>>
  load(request: RequestOf<'load'>, tell: Telling): Promise<LoadInfo>
  inferOne(request: RequestOf<'infer_one'>): Promise<InferOne>
  prepare?(request: RequestOf<'prepare'>, tell: Telling): Promise<void>
  run(request: RequestOf<'run'>, tell: Telling): Promise<RunTotals>
  memory(): Promise<WorkerMemory>
  unload(): Promise<void>
  /** Ends what the worker has started; it must resolve. Called once, when the host is gone or the worker is told to end. */
  leave?(): Promise<void>
}

/** The worker's side of the protocol: reads requests from stdin until it ends, answers them in order. */
export function serveWorker(handlers: WorkerHandlers): void {
  learnEnvironment(process.env)
  const say = claimStdout()
  const lines = new LineSplitter()
  let queue: Promise<void> = Promise.resolve()
  let busy = 0
  const answerLine = async (line: string) => {
    await answer(line, handlers, say, leave)
    busy -= 1
  }
  process.stdin.on('data', (chunk: Buffer) => {
    for (const line of lines.push(chunk)) {
      busy += 1
      queue = queue.then(() => answerLine(line))
    }
  })
  let isLeaving = false
  const leave = () => {
    if (handlers.leave !== undefined) {
      if (isLeaving) return
      isLeaving = true
      void handlers.leave().then(() => process.exit(0))
      return
    }
    // `process.exit` waits for native threads, so a long prefill would hold the GPU after the host is gone.
    if (busy > 0) process.kill(process.pid, 'SIGKILL')
    process.exit(0)
  }
  process.stdin.once('end', leave)
  // Each time: what is written after the host is gone fails again, and an error that nobody hears ends the worker before it
  // has ended what it started.
  for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', leave)
  if (handlers.leave !== undefined)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, leave)
}

async function answer(
  line: string,
  handlers: WorkerHandlers,
  say: (message: object) => void,
  leave: () => void,
): Promise<void> {
  const request = requestSchema.safeParse(parseJson(line))
  if (!request.success) {
    // Only a faulty host sends this, and without an id there is nobody to answer.
    console.error(`bad request: ${request.error.message}`)
    process.exit(1)
  }
  const { id, verb } = request.data
  try {
    const body = await perform(request.data, handlers, {
      request: (record) => say({ event: 'request', id, ...record }),
      failure: (failed) => say({ event: 'failure', id, ...failed }),
      alive: () => say({ event: 'alive', id }),
      progress: (text) => say({ event: 'progress', id, text }),
    })
    say({ id, ok: true, ...body })
    if (verb === 'bye') handlers.leave === undefined ? process.exit(0) : leave()
  } catch (error) {
    say({ id, ok: false, error: faultOf(error) })
  }
}

async function perform(request: WorkerRequest, handlers: WorkerHandlers, tell: Telling): Promise<object> {
  switch (request.verb) {
    case 'hello':
      return { protocol: PROTOCOL_VERSION, ...(await handlers.hello()) }
    case 'load':
      return handlers.load(request, tell)
    case 'infer_one':
      return handlers.inferOne(request)
    case 'prepare':
      await handlers.prepare?.(request, tell)
      return {}
    case 'run':
      return handlers.run(request, tell)
    case 'memory':
      return handlers.memory()
    case 'unload':
      await handlers.unload()
      return {}
    case 'bye':
      return {}
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

function faultOf(thrown: unknown): WorkerFault {
  const error = thrown instanceof LlemError ? thrown : (systemFault(thrown) ?? thrown)
  if (error instanceof LlemError) return { code: error.code, message: error.message, hint: error.hint }
  console.error(error)
  return { code: 'WORKER_FAULT', message: messageOf(error) }
}
