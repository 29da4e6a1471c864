import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { InferenceSession, RunOptions } from '../../dist/backends/backend.js'
import { workerCommand } from '../../dist/backends/llamacpp/worker-command.js'
import type { Prompt, RequestOf, RequestRecord, RunTotals } from '../../dist/backends/protocol.js'
import { findBackend } from '../../dist/backends/registry.js'
import { Worker } from '../../dist/workers/worker.js'
import { ggufBytes } from '../models/gguf-bytes.js'
import { atNight, groupAtNight } from '../setup/at-night.js'
import { childPids, endsWithin, isRunning } from './processes.js'
import { installedLlamacpp, scratchFolder, testDataDir, tinyModel } from './tiny-model.js'

// Processes start slowly on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 60_000 })

const llamacpp = findBackend('llamacpp')
const folder = scratchFolder()
const model = tinyModel(folder, 'tiny')
const cpu = { gpu: 'none', threads: 1, context_size: 512 }
const generation = { max_tokens: 32, temperature: 0.8, top_p: 0.95, top_k: 40, seed: 7, ignore_eos: false }
const stderr: string[] = []

const start = (overrides: Record<string, unknown> = {}, path = model, dataDir = testDataDir) =>
  llamacpp.start({
    model: path,
    options: { ...cpu, ...overrides },
    dataDir,
    log: (line) => stderr.push(line),
  })

/** Runs the prompts and gives the records beside the totals. */
async function collect(
  session: InferenceSession,
  prompts: Prompt[],
  options: Partial<RunOptions['generation']> = {},
): Promise<{ records: RequestRecord[]; totals: RunTotals }> {
  const records: RequestRecord[] = []
  const onRequest = (record: RequestRecord) => records.push(record)
  const totals = await session.run(prompts, { generation: { ...generation, ...options }, onRequest })
  return { records, totals }
}

let session: InferenceSession

beforeAll(async () => {
  await installedLlamacpp()
  session = await start()
}, 180_000)

afterAll(() => session?.close())

describe('loading', () => {
  it('tells what was loaded and on what', () => {
    expect(session.info).toMatchObject({
      backend: 'llamacpp',
      model,
      dtype: 'F16',
      quantisation: null,
      compute: 'cpu',
      device_uuids: [],
      gpu_layers: 0,
      threads: 1,
      context_size: 512,
      train_context_size: 2048,
      versions: { node: process.versions.node, 'node-llama-cpp': '3.22.1', 'llama.cpp': expect.any(String) },
      facts: { architecture: 'llama', parameters: { total: 115_392, non_embedding_active: 94_400 } },
    })
  })

  it('writes nothing to stderr while all is well', () => {
    expect(stderr).toEqual([])
  })

  it('tells the resident memory, and no GPU memory where there is no GPU', async () => {
    const { rss_bytes, vram_bytes } = await session.memory()
    expect(rss_bytes).toBeGreaterThan(20e6)
    expect(vram_bytes).toBeNull()
  })

  it.each([
    ['tied', ['--tied']],
    ['experts', ['--experts', '4']],
  ])('runs a model with %s', async (name, args) => {
    const other = await start({}, tinyModel(folder, name, ...args))
    const { totals } = await collect(other, [{ text: 'the' }], { ignore_eos: true })
    await other.close()
    expect(totals.output_tokens).toBe(32)
  })
})

describe('several sequences', () => {
  const prompts = Array.from({ length: 7 }, (_, index) => ({ text: 'the '.repeat(index + 1) }))
  const greedy = { temperature: 0, ignore_eos: true, max_tokens: 48 }

  it('answer at the same time what one answers in turn, with the same tokens', async () => {
    const parallel = await start({ parallel: 3 })
    expect(parallel.info.context_size).toBe(512)
    const together = await collect(parallel, prompts, greedy)
    await parallel.close()
    const inTurn = await collect(session, prompts, greedy)
    const byIndex = (records: RequestRecord[]) => [...records].sort((a, b) => a.index - b.index)
    const facts = (records: RequestRecord[]) =>
      byIndex(records).map(({ index, input_tokens, output_tokens, output_digest }) => {
        return { index, input_tokens, output_tokens, output_digest }
      })
    expect(facts(together.records)).toEqual(facts(inTurn.records))
    const inFlight = (records: RequestRecord[]) =>
      Math.max(
        ...records.map(
          ({ start_ns: t }) => records.filter(({ start_ns, end_ns }) => start_ns <= t && t < end_ns).length,
        ),
      )
    expect([inFlight(together.records), inFlight(inTurn.records)]).toEqual([3, 1])
  })

  it('have the whole context each', async () => {
    const parallel = await start({ parallel: 2, context_size: 128 })
    const long = { text: 'the', input_tokens: 100, output_tokens: 28 }
    const { records } = await collect(parallel, [long, long, long])
    await parallel.close()
    expect(
      records.map(({ input_tokens, output_tokens, truncated }) => [input_tokens, output_tokens, truncated]),
    ).toEqual(Array(3).fill([100, 28, false]))
  })

  it('are all warmed up', async () => {
    const parallel = await start({ parallel: 2 })
    const { latency_ms, output_tokens } = await parallel.inferOne(
      { text: 'the' },
      { generation: { ...generation, ...greedy } },
    )
    await parallel.close()
    expect(output_tokens).toBe(48)
    expect(latency_ms).toBeGreaterThan(0)
  })
})

describe('counting', () => {
  it('counts the tokens that were evaluated, the BOS among them', async () => {
    // Capitals are not in the vocabulary: a BOS, the leading space, then one token a byte.
    const { records } = await collect(session, [{ text: 'Z' }, { text: 'ZZZZ' }, { text: 'É' }])
    expect(records.map((record) => record.input_tokens)).toEqual([3, 6, 4])
  })

  it('sums the requests into the totals, inside the window', async () => {
    const prompts = ['one', 'two or three', 'a b c d e f'].map((text) => ({ text }))
    const { records, totals } = await collect(session, prompts)
    const sum = (count: (record: RequestRecord) => number) =>
      records.reduce((all, record) => all + count(record), 0)
    expect(totals).toMatchObject({
      requests: 3,
      input_tokens: sum((record) => Number(record.input_tokens)),
      output_tokens: sum((record) => record.output_tokens),
    })
    const edges = records.flatMap(({ start_ns, end_ns }) => [start_ns, end_ns])
    const inOrder = [totals.start_ns, ...edges, totals.end_ns]
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b))
    expect(Math.abs(totals.end_ns - Number(process.hrtime.bigint()))).toBeLessThan(5e9)
  })

  it('observes the first token, and the time between any two', async () => {
    const { records, totals } = await collect(session, [{ text: 'the' }], { ignore_eos: true })
    const [record] = records
    expect(record?.itl_ms?.count).toBe(31)
    const latencyMs = (Number(record?.end_ns) - Number(record?.start_ns)) / 1e6
    const parts = Number(record?.ttft_ms) + Number(record?.itl_ms?.mean) * 31
    expect(parts / latencyMs).toBeGreaterThan(0.9)
    expect(parts / latencyMs).toBeLessThanOrEqual(1.0001)
    expect(totals.itl_ms).toEqual(record?.itl_ms)
  })

  it('ends at the end-of-text token and does not count it', async () => {
    const prompts = Array.from({ length: 6 }, (_, index) => ({ text: `prompt ${index}` }))
    const hot = { temperature: 3, top_k: 0, top_p: 1, max_tokens: 480 }
    const { records } = await collect(session, prompts, hot)
    const stopped = records.filter((record) => record.finish_reason === 'stop')
    expect(stopped.length).toBeGreaterThan(0)
    expect(stopped.every((record) => record.output_tokens < 480)).toBe(true)
    const ignoring = await collect(session, prompts, { ...hot, ignore_eos: true })
    expect(ignoring.records.map((record) => record.output_tokens)).toEqual([480, 480, 480, 480, 480, 480])
  })

  it('evaluates and generates exactly as many tokens as a prompt asks for', async () => {
    const { records } = await collect(session, [
      { text: 'too short', input_tokens: 100, output_tokens: 17 },
      { text: 'far too long '.repeat(100), input_tokens: 9, output_tokens: 5 },
      { text: 'x', input_tokens: 1, output_tokens: 1 },
    ])
    expect(records.map((record) => [record.input_tokens, record.output_tokens])).toEqual([
      [100, 17],
      [9, 5],
      [1, 1],
    ])
    expect(records.some((record) => record.truncated)).toBe(false)
    expect(records[2]?.itl_ms).toBeNull()
  })

  it('cuts a prompt to its most tokens, the BOS among them, and leaves a shorter one alone', async () => {
    const { records, totals } = await collect(session, [
      { text: 'far too long '.repeat(20), max_input_tokens: 9 },
      { text: 'Z', max_input_tokens: 9 },
      { text: 'ZZZ', max_input_tokens: 1 },
    ])
    expect(records.map((record) => [record.input_tokens, record.truncated])).toEqual([
      [9, true],
      [3, false],
      [1, true],
    ])
    expect(totals.truncated).toBe(2)
  })

  it('cuts a prompt that does not fit and says so', async () => {
    const { records, totals } = await collect(session, [{ text: 'long '.repeat(5000) }, { text: 'short' }])
    expect(records.map((record) => record.truncated)).toEqual([true, false])
    expect(records[0]?.input_tokens).toBe(512 - 32)
    expect(totals.truncated).toBe(1)
  })

  it('carries text that would break a line', async () => {
    const text = 'a\u2028b\u2029c\r\nd\u0000 "quoted" \\ é 漢字 🦙'
    const answer = await session.inferOne({ text }, { generation })
    expect(answer).toMatchObject({ output_tokens: 32, truncated: false })
    expect(answer.latency_ms).toBeGreaterThan(Number(answer.ttft_ms))
  })
})

describe('determinism', () => {
  const prompts = [{ text: 'once upon a time' }, { text: 'the' }]
  const digests = async (which: InferenceSession, seed: number) =>
    (await collect(which, prompts, { seed })).records.map((record) => record.output_digest)

  it('gives the same tokens for the same seed, also in a new worker', async () => {
    const first = await digests(session, 7)
    expect(await digests(session, 7)).toEqual(first)
    const other = await start()
    expect(await digests(other, 7)).toEqual(first)
    await other.close()
  })

  it('gives other tokens for another seed', async () => {
    expect(await digests(session, 8)).not.toEqual(await digests(session, 7))
  })

  it('keeps nothing of the prompt before', async () => {
    const [, after] = (await collect(session, [{ text: 'the cat' }, { text: 'the' }])).records
    const [alone] = (await collect(session, [{ text: 'the' }])).records
    expect(after?.output_digest).toBe(alone?.output_digest)
  })
})

describe('refusing', () => {
  it.each([
    ['an unknown option', { thread: 1 }, 'thread'],
    ['a fractional context', { context_size: 10.5 }, 'context_size'],
    ['another GPU', { gpu: 'rocm' }, 'gpu'],
  ])('refuses %s before a process is started', async (_, options, named) => {
    const before = childPids()
    await expect(start(options)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      kind: 'usage',
      message: expect.stringContaining(named),
    })
    expect(childPids()).toEqual(before)
  })

  it('says how to install what is not installed', async () => {
    await expect(start({}, model, scratchFolder())).rejects.toMatchObject({
      code: 'BACKEND_NOT_INSTALLED',
      hint: 'Run: llem backend install llamacpp',
    })
    await expect(start({ gpu: 'vulkan' }, model, scratchFolder())).rejects.toMatchObject({
      code: 'BACKEND_NOT_INSTALLED',
      hint: 'Run: llem backend install llamacpp --gpu vulkan',
    })
  })

  it('refuses more tokens to generate than the context holds, and goes on', async () => {
    const options = { generation: { ...generation, max_tokens: 512 } }
    await expect(session.run([{ text: 'x' }], options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(session.inferOne({ text: 'x' }, { generation })).resolves.toBeDefined()
  })

  it('tells a model that llama.cpp does not know, with its words, and leaves no process', async () => {
    const before = childPids()
    const path = join(folder, 'unknown.gguf')
    const bytes = ggufBytes({ 'general.architecture': 'martian' }, [{ name: 'a', dimensions: [4] }])
    writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(64)]))
    await expect(start({}, path)).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      hint: expect.stringContaining('martian'),
    })
    expect(childPids()).toEqual(before)
  })

  it('refuses a wrong model before a process is started', async () => {
    await expect(start({}, join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    await expect(llamacpp.checkModel(folder)).rejects.toMatchObject({ code: 'MODEL_UNREADABLE' })
  })
})

groupAtNight('the verbs', () => {
  it('load again after unload, and say bye', async () => {
    const worker = new Worker(workerCommand(await installedLlamacpp()))
    const say = <V extends 'hello' | 'load' | 'unload' | 'bye'>(verb: V, body: RequestOf<V>) =>
      worker.call(verb, body, { schema: z.looseObject({}), timeoutMs: 30_000 })
    await say('hello', { protocol: 1 })
    for (const round of [1, 2]) {
      const loaded = await say('load', { model, options: cpu })
      expect(loaded, `round ${round}`).toMatchObject({ context_size: 512 })
      await say('unload', {})
    }
    await say('bye', {})
    expect(await endsWithin(Number(worker.pid), 2000)).toBe(true)
    await worker.close()
  })
})

describe('ending', () => {
  const long = Array.from({ length: 2000 }, () => ({ text: 'go on', output_tokens: 400 }))

  it('is WORKER_DIED when the worker is killed in the middle of a run', async () => {
    const doomed = await start()
    const seen: RequestRecord[] = []
    const onRequest = (record: RequestRecord) => {
      seen.push(record)
      if (seen.length === 2) process.kill(Number(doomed.info.pid), 'SIGKILL')
    }
    const running = doomed.run(long, { generation, onRequest })
    await expect(running).rejects.toMatchObject({ code: 'WORKER_DIED', signal: 'SIGKILL' })
    expect(seen.length).toBeGreaterThanOrEqual(2)
    await doomed.close()
  })

  it('ends a busy worker within the grace when it is closed', async () => {
    const busy = await start()
    const running = expect(busy.run(long, { generation })).rejects.toMatchObject({ code: 'WORKER_DIED' })
    await sleep(100)
    const before = performance.now()
    await busy.close()
    expect(performance.now() - before).toBeLessThan(2000)
    await running
    expect(isRunning(Number(busy.info.pid))).toBe(false)
  })

  atNight('leaves no worker behind when llem itself is killed', async () => {
    const script = `
      import { findBackend } from ${JSON.stringify(new URL('../../dist/backends/registry.js', import.meta.url).href)}
      const session = await findBackend('llamacpp').start(${JSON.stringify({ model, options: cpu, dataDir: testDataDir })})
      console.log(session.info.pid)
      await session.run(${JSON.stringify(long)}, { generation: ${JSON.stringify(generation)} })`
    const llem = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [pid] = await new Promise<Buffer[]>((resolve) =>
      llem.stdout.once('data', (chunk) => resolve([chunk])),
    )
    const worker = Number(String(pid))
    await sleep(200)
    expect(isRunning(worker)).toBe(true)
    llem.kill('SIGKILL')
    expect(await endsWithin(worker, 3000)).toBe(true)
  })
})
