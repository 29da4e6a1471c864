import { LlemError } from '../core/errors.js'
import { type CallOptions, Worker, type WorkerOptions } from '../workers/worker.js'
import type { WorkerCommand } from '../workers/worker-process.js'
import type { Imports, InferenceSession, InferOptions } from './backend.js'
import {
  doneSchema,
  helloSchema,
  inferOneSchema,
  loadEventSchema,
  loadSchema,
  memorySchema,
  PROTOCOL_VERSION,
  type Prompt,
  prepareEventSchema,
  type RequestOf,
  runEventSchema,
  runTotalsSchema,
  type Verb,
} from './protocol.js'

/** Time limits of the verbs, in milliseconds. */
export interface WorkerTimeouts {
  /** Starting up, which for Python means importing its libraries. */
  helloMs: number
  loadMs: number
  /** One request: a warmup prompt, and each prompt of a run. */
  requestMs: number
  memoryMs: number
}

export const DEFAULT_TIMEOUTS: Readonly<WorkerTimeouts> = {
  helloMs: 120_000,
  loadMs: 30 * 60_000,
  requestMs: 10 * 60_000,
  memoryMs: 30_000,
}

export interface SessionOptions extends WorkerOptions {
  model: string
  options: Record<string, unknown>
  timeouts?: Partial<WorkerTimeouts> | undefined
  /** Called with what a loading worker waits for. */
  onLoading?: ((text: string) => void) | undefined
  /** The worker knows the verb `prepare`. */
  canPrepare?: boolean | undefined
  signal?: AbortSignal | undefined
}

/** Starts a worker, agrees on the protocol and loads the model; on failure nothing is left running. */
export async function openWorkerSession(
  command: WorkerCommand,
  { model, options, timeouts, onLoading, canPrepare = false, signal, ...workerOptions }: SessionOptions,
): Promise<InferenceSession> {
  const limits = { ...DEFAULT_TIMEOUTS, ...timeouts }
  const worker = new Worker(command, workerOptions)
  const call = <V extends Verb, T, E>(verb: V, body: RequestOf<V>, callOptions: CallOptions<T, E>) =>
    worker.call(verb, body, callOptions)
  try {
    const hello = await call(
      'hello',
      { protocol: PROTOCOL_VERSION },
      { schema: helloSchema, timeoutMs: limits.helloMs, signal },
    )
    if (hello.protocol !== PROTOCOL_VERSION) throw versionError(command.backend, hello.protocol)
    const load = await call(
      'load',
      { model, options },
      {
        schema: loadSchema,
        timeoutMs: limits.loadMs,
        signal,
        events: { schema: loadEventSchema, on: ({ text }) => onLoading?.(text) },
      },
    )
    const { server_pid = worker.pid ?? null, ...info } = load
    return {
      info: {
        ...info,
        backend: hello.backend,
        pid: server_pid,
        versions: { ...hello.versions, ...load.versions },
      },
      inferOne: (prompt, { generation, signal }) =>
        call(
          'infer_one',
          { prompt, generation },
          { schema: inferOneSchema, timeoutMs: limits.requestMs, signal },
        ),
      ...(canPrepare && {
        prepare: async (prompts: readonly Prompt[], { generation, signal }: InferOptions) => {
          const events = { schema: prepareEventSchema, on: () => undefined }
          const limit = { schema: doneSchema, timeoutMs: limits.requestMs, signal, events }
          await call('prepare', { prompts: [...prompts], generation }, limit)
        },
      }),
      run: async (prompts, { generation, load = null, onRequest, onFailure, signal }) => {
        let records = 0
        let failures = 0
        const totals = await call(
          'run',
          { prompts: [...prompts], generation, load },
          {
            schema: runTotalsSchema,
            timeoutMs: limits.requestMs,
            signal,
            events: {
              schema: runEventSchema,
              on: (told) => {
                if (told.event === 'alive') return
                const { id: _, ...rest } = told
                if (rest.event === 'request') {
                  const { event: __, ...record } = rest
                  records += 1
                  onRequest?.(record)
                } else {
                  const { event: __, ...failed } = rest
                  failures += 1
                  onFailure?.(failed)
                }
              },
            },
          },
        )
        if (
          records + failures !== prompts.length ||
          totals.requests !== records ||
          totals.failures !== failures
        ) {
          throw countError(command.backend, prompts.length, records + failures, totals.requests)
        }
        return totals
      },
      memory: (signal) => call('memory', {}, { schema: memorySchema, timeoutMs: limits.memoryMs, signal }),
      close: () => worker.close(),
    }
  } catch (error) {
    await worker.close()
    throw error
  }
}

/** Starts a worker only to hear that it answers; resolves with its library versions. */
export async function probeWorker(
  command: WorkerCommand,
  { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal | undefined },
): Promise<Record<string, string>> {
  const worker = new Worker(command)
  try {
    const hello = await worker.call(
      'hello',
      { protocol: PROTOCOL_VERSION },
      { schema: helloSchema, timeoutMs, signal },
    )
    return hello.versions
  } finally {
    await worker.close()
  }
}

/** What a worker's libraries are, once they are imported; nothing where they need not be. `isOwn`: the person brings them. */
export async function importsOf(
  what: string,
  command: WorkerCommand,
  { isOwn, imports, signal }: { isOwn: boolean; imports: Imports; signal?: AbortSignal | undefined },
): Promise<string[]> {
  if (imports === 'never' || (imports === 'unproven' && !isOwn)) return []
  const versions = await probeWorker(command, { timeoutMs: DEFAULT_TIMEOUTS.helloMs, signal })
  const all = Object.entries(versions).map(([library, version]) => `${library} ${version}`)
  return [`${what} can be imported: ${all.join(', ')}`]
}

function versionError(backend: string, spoken: number): LlemError {
  return new LlemError(`the ${backend} worker speaks protocol ${spoken}, llem speaks ${PROTOCOL_VERSION}`, {
    code: 'WORKER_PROTOCOL',
    hint: 'Use a worker and an llem of the same release.',
  })
}

function countError(backend: string, sent: number, told: number, total: number): LlemError {
  return new LlemError(`the ${backend} worker got ${sent} prompts, told of ${told} and counted ${total}`, {
    code: 'WORKER_PROTOCOL',
    hint: 'Nothing of this run can be trusted; this is a fault of the worker.',
  })
}
