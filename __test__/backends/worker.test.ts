import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InferenceSession } from '../../dist/backends/backend.js'
import { openWorkerSession, type SessionOptions } from '../../dist/backends/worker-session.js'
import { Worker } from '../../dist/workers/worker.js'
import { WorkerError } from '../../dist/workers/worker-error.js'
import type { WorkerCommand } from '../../dist/workers/worker-process.js'
import { endsWithin, isRunning, within } from './processes.js'

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const generation = { max_tokens: 3, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
const prompts = [{ text: 'one' }, { text: 'two' }, { text: 'three' }]
const open: InferenceSession[] = []

function fake(mode: string): WorkerCommand {
  const script = fileURLToPath(new URL('./fake-worker.mjs', import.meta.url))
  return { backend: 'fake', command: process.execPath, args: [script, mode] }
}

async function start(mode: string, options: Partial<SessionOptions> = {}): Promise<InferenceSession> {
  const session = await openWorkerSession(fake(mode), {
    model: 'fake',
    options: {},
    graceMs: 300,
    ...options,
  })
  open.push(session)
  return session
}

function pidOf(session: InferenceSession): number {
  expect(session.info.pid).toBeTypeOf('number')
  return Number(session.info.pid)
}

/** The error a promise rejects with. */
async function errorOf(promise: Promise<unknown>): Promise<WorkerError> {
  const error = await promise.then(
    () => null,
    (reason) => reason,
  )
  expect(error).not.toBeNull()
  return error
}

afterEach(async () => {
  for (const session of open.splice(0)) await session.close()
})

describe('a worker that keeps to the protocol', () => {
  it('tells of itself, of each request in order, and of the whole', async () => {
    const session = await start('good')
    const indexes: number[] = []
    const totals = await session.run(prompts, { generation, onRequest: ({ index }) => indexes.push(index) })
    expect(session.info).toMatchObject({ backend: 'fake', versions: { fake: '1.2.3' }, compute: 'cpu' })
    expect(indexes).toEqual([0, 1, 2])
    expect(totals).toMatchObject({ requests: 3, output_tokens: 9 })
  })

  it('answers calls made at once one after the other', async () => {
    const session = await start('good')
    const answers = ['a', 'b', 'c'].map((text) => session.inferOne({ text }, { generation }))
    expect((await Promise.all(answers)).map(({ text }) => text)).toEqual(['a', 'b', 'c'])
  })

  it('carries 8 MB there and back without a deadlock', async () => {
    const session = await start('good')
    const text = 'word '.repeat(1_600_000)
    expect((await session.inferOne({ text }, { generation })).text).toBe(text)
  })

  it('is drained when it floods stderr, of which the host keeps 4 KiB', async () => {
    const session = await start('floods-stderr')
    await session.inferOne({ text: 'x' }, { generation })
    process.kill(pidOf(session), 'SIGKILL')
    const { stderrTail } = await errorOf(session.memory())
    expect(stderrTail.length).toBeGreaterThan(4000)
    expect(stderrTail.length).toBeLessThanOrEqual(4096)
  })

  it('may refuse a request and go on', async () => {
    const session = await start('fault')
    await expect(session.run(prompts, { generation })).rejects.toMatchObject({ code: 'INFERENCE_FAILED' })
    await expect(session.memory()).resolves.toMatchObject({ rss_bytes: 1 })
  })
})

describe('a worker that dies', () => {
  it('is WORKER_DIED with its exit code, the verb and the tail of its stderr', async () => {
    const session = await start('dies')
    const error = await errorOf(session.run(prompts, { generation }))
    expect(error).toBeInstanceOf(WorkerError)
    expect(error).toMatchObject({ code: 'WORKER_DIED', exitCode: 3, signal: null })
    expect(error.message).toBe('the fake worker exited with code 3 during run')
    expect(error.stderrTail).toContain('illegal memory access')
    expect(error.hint).toContain('illegal memory access')
    expect(error.stderrTail.length).toBeLessThanOrEqual(4096)
  })

  it('names the signal, and what SIGKILL usually means', async () => {
    const session = await start('out-of-memory')
    const error = await errorOf(session.run(prompts, { generation }))
    expect(error).toMatchObject({ code: 'WORKER_DIED', exitCode: null, signal: 'SIGKILL' })
    expect(error.message).toContain('was killed by SIGKILL during run')
    expect(error.hint).toContain('memory')
  })

  it('fails every later call the same way', async () => {
    const session = await start('dies')
    await errorOf(session.run(prompts, { generation }))
    await expect(session.memory()).rejects.toMatchObject({ code: 'WORKER_DIED' })
  })

  it('is WORKER_DIED when the program does not exist', async () => {
    const worker = openWorkerSession(
      { backend: 'fake', command: '/nowhere/python', args: [] },
      { model: 'x', options: {} },
    )
    await expect(worker).rejects.toMatchObject({
      code: 'WORKER_DIED',
      message: expect.stringMatching('could not be started'),
    })
  })
})

describe('a worker that hangs', () => {
  it("is WORKER_TIMEOUT after its verb's limit, and is killed", async () => {
    const session = await start('hangs', { timeouts: { requestMs: 200 } })
    const error = await errorOf(session.run(prompts, { generation }))
    expect(error.code).toBe('WORKER_TIMEOUT')
    expect(error.message).toBe('the fake worker did not answer run within 0.2 s')
    expect(await endsWithin(pidOf(session), 2000)).toBe(true)
  })

  it('leaves nothing running when it never says hello', async () => {
    const worker = new Worker(fake('never-answers'))
    await worker.close()
    await expect(start('never-answers', { timeouts: { helloMs: 200 } })).rejects.toMatchObject({
      code: 'WORKER_TIMEOUT',
    })
    expect(isRunning(Number(worker.pid))).toBe(false)
  })
})

describe('a worker that speaks nonsense', () => {
  it.each([
    ['prints', 'no JSON to stdout: Loading checkpoint shards: 50%'],
    ['bad-hello', 'answered hello wrongly'],
    ['endless-line', 'wrote no lines to stdout'],
    ['old', 'speaks protocol 1, llem speaks 2'],
  ])('is WORKER_PROTOCOL while it starts: %s', async (mode, message) => {
    const error = await errorOf(start(mode))
    expect(error).toMatchObject({ code: 'WORKER_PROTOCOL', message: expect.stringContaining(message) })
  })

  it.each([
    ['stray-event', 'answered a question that was not asked'],
    ['miscounts', 'got 3 prompts, told of 2 and counted 3'],
  ])('is WORKER_PROTOCOL in a run: %s', async (mode, message) => {
    const session = await start(mode)
    const error = await errorOf(session.run(prompts, { generation }))
    expect(error).toMatchObject({ code: 'WORKER_PROTOCOL', message: expect.stringContaining(message) })
  })
})

describe('ending', () => {
  it('closes stdin, at which a worker exits, and may be asked twice', async () => {
    const session = await start('good')
    await Promise.all([session.close(), session.close()])
    expect(isRunning(pidOf(session))).toBe(false)
    await expect(session.memory()).rejects.toMatchObject({ code: 'WORKER_DIED' })
  })

  it('goes on to SIGKILL for a worker that ignores stdin and SIGTERM', async () => {
    const session = await start('stubborn')
    await session.close()
    expect(isRunning(pidOf(session))).toBe(false)
  })

  it('takes along what the worker started', async () => {
    const lines: string[] = []
    const session = await start('has-child', { log: (line) => lines.push(line) })
    expect(await within(2000, () => lines.length > 0)).toBe(true)
    const child = Number(lines[0]?.split(' ')[1])
    expect(isRunning(child)).toBe(true)
    await session.close()
    expect(await endsWithin(child, 2000)).toBe(true)
  })

  it('rejects a call in hand with ABORTED and kills the worker when the signal fires', async () => {
    const session = await start('hangs')
    const controller = new AbortController()
    const running = errorOf(session.run(prompts, { generation, signal: controller.signal }))
    await sleep(50) // The call is with the worker.
    controller.abort(new Error('Ctrl-C'))
    expect(await running).toMatchObject({ code: 'ABORTED', cause: { message: 'Ctrl-C' } })
    expect(await endsWithin(pidOf(session), 2000)).toBe(true)
  })

  it('ends a run whose listener throws with what it threw, and kills the worker', async () => {
    const session = await start('good')
    const onRequest = () => {
      throw new Error('disk full')
    }
    await expect(session.run(prompts, { generation, onRequest })).rejects.toThrow('disk full')
    expect(await endsWithin(pidOf(session), 2000)).toBe(true)
  })

  it('does not disturb the worker for a call that was aborted before it began', async () => {
    const session = await start('good')
    const signal = AbortSignal.abort()
    await expect(session.run(prompts, { generation, signal })).rejects.toMatchObject({ code: 'ABORTED' })
    await expect(session.memory()).resolves.toMatchObject({ rss_bytes: 1 })
  })
})
