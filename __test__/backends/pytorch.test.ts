import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import type { InferenceSession, RunOptions, StartOptions } from '../../dist/backends/backend.js'
import { listBackends } from '../../dist/backends/list.js'
import type { Prompt, RequestOf, RequestRecord, RunTotals } from '../../dist/backends/protocol.js'
import { workerCommand } from '../../dist/backends/pytorch/worker-command.js'
import { findBackend } from '../../dist/backends/registry.js'
import { configFacts, type ModelConfig } from '../../dist/models/config/facts.js'
import type { ModelFacts } from '../../dist/models/facts.js'
import { Worker } from '../../dist/workers/worker.js'
import {
  extrasFolder,
  INSTALL_LIMIT_MS,
  installExtras,
  installRealPytorch,
  models,
  pytorchDataDir,
  testPython,
  tinyLlama,
} from '../models/hugging-face.js'
import { atNight, byDay, groupAtNight, isNight } from '../setup/at-night.js'
import { childPids, endsWithin, isRunning } from './processes.js'
import { scratchFolder } from './tiny-model.js'

// What needs CUDA (UUIDs, names, peak memory) cannot run where there is no GPU; uuids_of is tried on properties shaped like
// torch's.

// Importing torch takes seconds on a machine that is busy with other tests.
vi.setConfig({ testTimeout: 120_000 })

const WORKER = fileURLToPath(new URL('../../python/pytorch_worker.py', import.meta.url))
const pytorch = findBackend('pytorch')
const folder = scratchFolder()
const generation = { max_tokens: 40, temperature: 0, top_p: 1, top_k: 0, seed: 7, ignore_eos: false }
const TEXTS = [
  'hello',
  'the quick brown fox jumps over the lazy dog',
  'a',
  '0123456789',
  'Once upon a time there was a',
  'é漢字🦙',
  'x y z',
]
const prompts = TEXTS.map((text): Prompt => ({ text }))

let missing: string | null = null
let model: string
/** What each prompt and its greedy answer are, found out without the worker. */
let reference: { prompt: number[]; answer: number[] }[]
let session: InferenceSession
/** The same with three prompts at once. */
let batched: InferenceSession

const start = (options: Record<string, unknown> = {}, overrides: Partial<StartOptions> = {}) =>
  pytorch.start({
    model,
    options: { num_threads: 1, device: 'cpu', dtype: 'float32', ...options },
    dataDir: pytorchDataDir,
    ...overrides,
  })

/** Runs the prompts and gives the records beside the totals. */
async function collect(
  which: InferenceSession,
  asked: Prompt[],
  options: Partial<RunOptions['generation']> = {},
): Promise<{ records: RequestRecord[]; totals: RunTotals }> {
  const records: RequestRecord[] = []
  const onRequest = (record: RequestRecord) => records.push(record)
  const totals = await which.run(asked, { generation: { ...generation, ...options }, onRequest })
  return { records, totals }
}

const digestOf = (ids: number[]) => createHash('sha256').update(ids.join(',')).digest('hex').slice(0, 16)

beforeAll(async () => {
  missing = (await installRealPytorch()) ?? (isNight ? installExtras() : null)
  if (missing !== null) return
  model = tinyLlama(folder)
  reference = JSON.parse(models('answers', [model, '40'], JSON.stringify(TEXTS)))
  session = await start()
  batched = await start({ batch_size: 3 })
}, INSTALL_LIMIT_MS)

beforeEach((context) => {
  if (missing !== null) context.skip(missing)
})

afterAll(async () => {
  await session?.close()
  await batched?.close()
})

describe('an installation', () => {
  it('is listed with its version and what it computes on', () => {
    expect(listBackends(pytorchDataDir)).toContainEqual({
      name: 'pytorch',
      installed: true,
      version: '2.13.0',
      gpu: expect.any(Array),
      path: expect.stringMatching(/backends\/pytorch\/torch-2\.13\.0-transformers-5\.23\.0$/),
      problem: null,
    })
  })

  it('is not made for Vulkan', async () => {
    const dataDir = scratchFolder()
    await expect(pytorch.install({ gpu: 'vulkan', dataDir })).rejects.toMatchObject({
      code: 'BACKEND_UNSUPPORTED',
    })
  })
})

describe('loading', () => {
  it('tells what was loaded and on what', () => {
    expect(session.info).toMatchObject({
      backend: 'pytorch',
      model,
      dtype: 'float32',
      quantisation: null,
      compute: 'cpu',
      device_uuids: [],
      device_names: [],
      gpu_layers: null,
      threads: 1,
      context_size: 512,
      train_context_size: 512,
      versions: { torch: expect.stringMatching(/^2\.13\.0/), transformers: '5.23.0', attention: 'sdpa' },
    })
  })

  it('knows the same of the model as its config.json says', async () => {
    expect(session.info.facts).toEqual(await pytorch.checkModel(model))
  })

  it('tells the resident memory, and no GPU memory where there is no GPU', async () => {
    const { rss_bytes, vram_bytes, vram_peak_bytes } = await session.memory()
    expect(rss_bytes).toBeGreaterThan(100e6)
    expect([vram_bytes, vram_peak_bytes]).toEqual([null, null])
  })

  atNight('takes the type and the attention that it is told', async () => {
    const other = await start({ dtype: 'bf16', attn_implementation: 'eager' })
    await other.close()
    expect(other.info).toMatchObject({ dtype: 'bfloat16', versions: { attention: 'eager' } })
  })
})

describe('counting', () => {
  it('counts the tokens that an independent tokenizer counts, and the answer without its end', async () => {
    const { records } = await collect(session, prompts)
    expect(records.map((record) => [record.input_tokens, record.output_tokens])).toEqual(
      reference.map(({ prompt, answer }) => [prompt.length, answer.length]),
    )
    expect(records.map((record) => record.finish_reason)).toEqual(
      reference.map(({ answer }) => (answer.length < 40 ? 'stop' : 'length')),
    )
    // Otherwise the test would say nothing of one of them.
    expect(new Set(records.map((record) => record.finish_reason)).size).toBe(2)
    // An answer that ends with its first token has none.
    expect(records.find((record) => record.output_tokens === 0)).toMatchObject({
      ttft_ms: null,
      itl_ms: null,
    })
  })

  it('gives the same tokens in batches of unequal lengths as alone, and counts no padding', async () => {
    const { records, totals } = await collect(batched, prompts)
    expect(records.map((record) => record.output_digest)).toEqual(
      reference.map(({ answer }) => digestOf(answer)),
    )
    expect(totals).toMatchObject({
      requests: 7,
      input_tokens: reference.reduce((sum, { prompt }) => sum + prompt.length, 0),
      output_tokens: reference.reduce((sum, { answer }) => sum + answer.length, 0),
    })
    // Members begin together and end each for itself.
    const [first, second, third, fourth] = records
    expect(new Set([first?.start_ns, second?.start_ns, third?.start_ns]).size).toBe(1)
    expect(Number(fourth?.start_ns)).toBeGreaterThanOrEqual(Number(second?.end_ns))
    expect(first?.output_tokens).toBeLessThan(Number(second?.output_tokens))
    expect(Number(first?.end_ns)).toBeLessThan(Number(second?.end_ns))
  })

  it('goes on behind the end of the text where it is told to', async () => {
    const { records } = await collect(session, prompts, { ignore_eos: true })
    expect(records.map((record) => record.output_tokens)).toEqual(prompts.map(() => 40))
  })

  it('evaluates and generates exactly as many tokens as a prompt asks for, each its own in a batch', async () => {
    const { records } = await collect(batched, [
      { text: 'too short', input_tokens: 100, output_tokens: 17 },
      { text: 'far too long '.repeat(100), input_tokens: 9, output_tokens: 5 },
      { text: 'x', input_tokens: 1, output_tokens: 1 },
      { text: 'as it is' },
    ])
    expect(records.map((record) => [record.input_tokens, record.output_tokens])).toEqual([
      [100, 17],
      [9, 5],
      [1, 1],
      [9, expect.any(Number)],
    ])
    expect(records.slice(0, 3).map((record) => record.finish_reason)).toEqual(['length', 'length', 'length'])
    expect(records[2]?.itl_ms).toBeNull()
    expect(records.some((record) => record.truncated)).toBe(false)
  })

  it('computes a long prompt and a longer answer apart where together they leave the context', async () => {
    const { records } = await collect(batched, [
      { text: 'long', input_tokens: 400, output_tokens: 3 },
      { text: 'short', input_tokens: 5, output_tokens: 120 },
      { text: 'also short', input_tokens: 6, output_tokens: 2 },
    ])
    expect(records.map((record) => [record.index, record.input_tokens, record.output_tokens])).toEqual([
      [0, 400, 3],
      [1, 5, 120],
      [2, 6, 2],
    ])
    const [first, second, third] = records.map(({ start_ns }) => start_ns)
    expect(first).not.toBe(second)
    expect(third).toBe(second)
  })

  atNight('cuts a prompt to at most as many tokens as it is told, and says so as llamacpp does', async () => {
    const limited = { text: 'far too long '.repeat(100), max_input_tokens: 30 }
    const worker = await opened()
    const said = await worker.say('infer_one', { prompt: limited, generation })
    const short = await worker.say('infer_one', { prompt: { ...limited, text: 'ab' }, generation })
    await worker.close()
    expect(said).toMatchObject({ input_tokens: 30, truncated: true })
    expect(short).toMatchObject({ input_tokens: 3, truncated: false })
  })

  it('cuts a prompt that does not fit and says so', async () => {
    const { records, totals } = await collect(session, [{ text: 'long '.repeat(500) }, { text: 'short' }])
    expect(records.map((record) => record.truncated)).toEqual([true, false])
    expect(records[0]?.input_tokens).toBe(512 - 40)
    expect(totals.truncated).toBe(1)
  })

  atNight('puts a prompt into the chat template where it is told to', async () => {
    const chatting = await start({ chat_template: true })
    const { records } = await collect(chatting, [{ text: 'abc' }])
    await chatting.close()
    // <s>[abc]
    expect(records[0]?.input_tokens).toBe(6)
  })

  atNight('tells the system what it is told, as a message where there are messages', async () => {
    const prompt = { system: 'de', text: 'abc' }
    const plain = await collect(session, [prompt])
    // <s>de, two line feeds, abc
    expect(plain.records[0]?.input_tokens).toBe(8)
    const chatting = await start({ chat_template: true })
    const { records } = await collect(chatting, [prompt])
    await chatting.close()
    // <s>[de]<s>[abc]
    expect(records[0]?.input_tokens).toBe(11)
  })
})

describe('times', () => {
  it('add up: first token and the times between two are the whole of a request', async () => {
    const { records, totals } = await collect(session, prompts, { ignore_eos: true })
    for (const { start_ns, end_ns, ttft_ms, itl_ms } of records) {
      expect(itl_ms?.count).toBe(39)
      const parts = Number(ttft_ms) + Number(itl_ms?.mean) * 39
      expect(parts).toBeCloseTo((end_ns - start_ns) / 1e6, 3)
    }
    expect(totals.itl_ms?.count).toBe(39 * 7)
  })

  it('lie in order inside the window, on the clock of llem', async () => {
    const before = Number(process.hrtime.bigint())
    const { records, totals } = await collect(session, prompts)
    const edges = records.flatMap(({ start_ns, end_ns }) => [start_ns, end_ns])
    const inOrder = [before, totals.start_ns, ...edges, totals.end_ns, Number(process.hrtime.bigint())]
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b))
  })

  it('of a warmup prompt are those of a whole batch', async () => {
    const answer = await batched.inferOne({ text: 'hello' }, { generation })
    expect(answer).toMatchObject({
      input_tokens: 6,
      output_tokens: reference[0]?.answer.length,
      truncated: false,
    })
    expect(answer.latency_ms).toBeGreaterThan(Number(answer.ttft_ms))
  })
})

describe('sampling', () => {
  const hot = { temperature: 1.5, top_p: 0.9, top_k: 100 }
  const digests = async (seed: number) =>
    (await collect(session, prompts, { ...hot, seed })).records.map((record) => record.output_digest)

  it('gives the same tokens for the same seed and others for another', async () => {
    const first = await digests(7)
    expect(await digests(7)).toEqual(first)
    expect(await digests(8)).not.toEqual(first)
    expect(first).not.toEqual(reference.map(({ answer }) => digestOf(answer)))
  })

  atNight('takes nothing from what a model’s author recommends', async () => {
    const advised = join(folder, 'advised')
    cpSync(model, advised, { recursive: true })
    const file = join(advised, 'generation_config.json')
    const advice = {
      do_sample: true,
      temperature: 3,
      repetition_penalty: 5,
      max_new_tokens: 2,
      min_new_tokens: 30,
    }
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...advice }))
    const other = await start({}, { model: advised })
    const { records } = await collect(other, prompts)
    await other.close()
    expect(records.map((record) => record.output_digest)).toEqual(
      reference.map(({ answer }) => digestOf(answer)),
    )
  })
})

groupAtNight('adapters', () => {
  it('change the answers, and their weights count', async () => {
    const env = { ...process.env, PYTHONPATH: extrasFolder }
    const adapter = join(folder, 'adapter')
    models('adapter', [model, adapter], '', env)
    const adapted = await start({ lora: adapter }, { env })
    const { records } = await collect(adapted, prompts)
    await adapted.close()
    expect(records.map((record) => record.output_digest)).not.toEqual(
      reference.map(({ answer }) => digestOf(answer)),
    )
    // In 4 layers of rank 4: q 64 -> 64, v 64 -> 32.
    const added = 4 * (4 * (64 + 64) + 4 * (64 + 32))
    const [own, plain] = [adapted, session].map(({ info }) => info.facts.parameters.non_embedding_active)
    expect(own).toBe(Number(plain) + added)
    expect(adapted.info.versions).toMatchObject({ peft: '0.21.2' })
  })
})

groupAtNight('quantised weights', () => {
  it.each([
    ['bnb_8bit', 'int8'],
    ['bnb_4bit', 'nf4'],
  ])('%s count logically and not as packed, and generate', async (quantisation, dtype) => {
    const env = { ...process.env, PYTHONPATH: extrasFolder }
    const quantised = await start({ quantisation }, { env })
    const { totals } = await collect(quantised, prompts.slice(0, 2), { max_tokens: 4, ignore_eos: true })
    await quantised.close()
    expect(quantised.info).toMatchObject({ quantisation, dtype, versions: { bitsandbytes: '0.50.2' } })
    expect(quantised.info.facts).toEqual(session.info.facts)
    expect(totals.output_tokens).toBe(8)
  })
})

describe('refusing', () => {
  it.each([
    ['an unknown option', { batchsize: 1 }, 'batchsize'],
    ['an empty batch', { batch_size: 0 }, 'batch_size'],
    ['another type', { dtype: 'int8' }, 'dtype'],
  ])('refuses %s before a process is started', async (_, options, named) => {
    const before = childPids()
    await expect(start(options)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      kind: 'usage',
      message: expect.stringContaining(named),
    })
    expect(childPids()).toEqual(before)
  })

  it.each(
    byDay(1, [
      ['bitsandbytes', { quantisation: 'bnb_4bit' }],
      ['flash_attn', { attn_implementation: 'flash_attention_2' }],
      ['peft', { lora: 'some/adapter' }],
    ] as [string, Record<string, unknown>][]),
  )('says that %s is missing and how to get it, and leaves no process', async (name, options) => {
    const before = childPids()
    await expect(start(options)).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining(`needs the package ${name}, which ${testPython()}`),
      hint: `Run: ${testPython()} -m pip install ${name.replace('_', '-')}`,
    })
    expect(childPids()).toEqual(before)
  })

  it('says how to install what is not installed', async () => {
    await expect(start({}, { dataDir: scratchFolder() })).rejects.toMatchObject({
      code: 'BACKEND_NOT_INSTALLED',
      hint: expect.stringContaining('llem backend install pytorch'),
    })
  })

  it('says what a person’s own interpreter lacks', async () => {
    const venv = scratchFolder()
    execFileSync('python3', ['-m', 'venv', '--without-pip', venv])
    await expect(start({}, { python: join(venv, 'bin', 'python') })).rejects.toMatchObject({
      code: 'BACKEND_NOT_INSTALLED',
      message: expect.stringContaining('has no package torch'),
    })
  })

  it.each([
    ['a folder that is not there', '/no/such/model', 'MODEL_NOT_FOUND'],
    ['an empty folder', () => scratchFolder(), 'MODEL_UNREADABLE'],
  ])('refuses %s before a process is started', async (_, path, code) => {
    const before = childPids()
    const asked = { model: typeof path === 'string' ? path : path() }
    await expect(start({}, asked)).rejects.toMatchObject({ code, kind: 'usage' })
    expect(childPids()).toEqual(before)
  })

  atNight('refuses an id that was not downloaded where nothing may be downloaded', async () => {
    const env = { ...process.env, HF_HUB_OFFLINE: '1', HF_HOME: scratchFolder() }
    await expect(start({}, { model: 'owner/nobody', env })).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: expect.stringContaining('owner/nobody'),
    })
  })

  atNight('tells a model that transformers does not know, with its words', async () => {
    const path = join(scratchFolder(), 'martian')
    cpSync(model, path, { recursive: true })
    writeFileSync(join(path, 'config.json'), '{"model_type": "martian"}')
    await expect(start({}, { model: path })).rejects.toMatchObject({
      code: 'MODEL_LOAD_FAILED',
      message: expect.stringContaining('martian'),
    })
  })

  atNight('refuses CUDA where there is none', async (context) => {
    const script = 'import torch; raise SystemExit(torch.cuda.is_available())'
    const hasGpu = await new Promise((resolve) => spawn(testPython(), ['-c', script]).on('exit', resolve))
    if (hasGpu !== 0) context.skip('torch sees a CUDA device here')
    await expect(start({ device: 'cuda' })).rejects.toMatchObject({ code: 'GPU_UNAVAILABLE' })
  })

  it('refuses more tokens than the context holds, and goes on', async () => {
    const options = { generation: { ...generation, max_tokens: 512 } }
    await expect(session.run([{ text: 'x' }], options)).rejects.toMatchObject({ code: 'OPTIONS_INVALID' })
    await expect(session.inferOne({ text: 'x' }, { generation })).resolves.toBeDefined()
  })

  atNight('says that memory ran out, with what to lower, and goes on', async () => {
    const large = tinyLlama(folder, 4096)
    const eager = await start({ batch_size: 16, attn_implementation: 'eager' }, { model: large })
    // 16 x 4 heads x 4000 x 4000 weights of attention are 4 GB at once.
    leaveMemory(Number(eager.info.pid), 1e9)
    const many = Array.from({ length: 16 }, () => ({ text: 'long', input_tokens: 4000, output_tokens: 1 }))
    await expect(eager.run(many, { generation })).rejects.toMatchObject({
      code: 'OUT_OF_MEMORY',
      hint: expect.stringContaining('batch_size'),
    })
    await expect(eager.run([{ text: 'x' }], { generation })).resolves.toMatchObject({ requests: 1 })
    await eager.close()
  })
})

groupAtNight('the verbs', () => {
  it('load again after unload, and say bye', async () => {
    const worker = await opened()
    await worker.say('unload', {})
    await expect(worker.say('load', { model, options: { device: 'cpu' } })).resolves.toMatchObject({
      compute: 'cpu',
    })
    await worker.say('bye', {})
    expect(await endsWithin(Number(worker.pid), 5000)).toBe(true)
    await worker.close()
  })

  it('are answered by a worker that is piped into an interpreter', async () => {
    const source = readFileSync(WORKER)
    const loader =
      'import sys; n = int(sys.stdin.buffer.readline()); exec(compile(sys.stdin.buffer.read(n), "worker", "exec"))'
    const piped = spawn(testPython(), ['-u', '-c', loader], { stdio: ['pipe', 'pipe', 'ignore'] })
    const [answered] = await new Promise<Buffer[]>((resolve) => {
      piped.stdout.once('data', (chunk) => resolve([chunk]))
      piped.stdin.write(`${source.length}\n`)
      piped.stdin.write(source)
      piped.stdin.write('{"id":1,"verb":"hello","protocol":2}\n')
    })
    piped.stdin.end()
    expect(JSON.parse(String(answered))).toMatchObject({ id: 1, ok: true, protocol: 2, backend: 'pytorch' })
    expect(await endsWithin(Number(piped.pid), 5000)).toBe(true)
  })

  it('keep stdout to themselves, also from what a library prints in C', async () => {
    const loud = join(folder, 'loud')
    cpSync(model, loud, { recursive: true })
    const file = join(loud, 'config.json')
    const auto_map = { AutoConfig: 'shouting.LoudConfig', AutoModelForCausalLM: 'shouting.Loud' }
    writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), model_type: 'loud', auto_map }),
    )
    writeFileSync(
      join(loud, 'shouting.py'),
      `
import os
from transformers import LlamaConfig, LlamaForCausalLM
print("from Python")
os.write(1, b"from C\\n")
class LoudConfig(LlamaConfig):
    model_type = "loud"
class Loud(LlamaForCausalLM):
    config_class = LoudConfig
`,
    )
    const lines: string[] = []
    const heard = await start({ trust_remote_code: true }, { model: loud, log: (line) => lines.push(line) })
    await heard.close()
    expect(lines).toContain('from C')
    expect(lines).toContain('from Python')
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
    await expect(doomed.run(long, { generation, onRequest })).rejects.toMatchObject({
      code: 'WORKER_DIED',
      signal: 'SIGKILL',
    })
    await doomed.close()
  })

  atNight('ends a worker that is busy generating when its stdin closes', async () => {
    const busy = await start()
    const running = expect(busy.run(long, { generation })).rejects.toMatchObject({ code: 'WORKER_DIED' })
    await sleep(300)
    const before = performance.now()
    await busy.close()
    // Before the grace is over, after which it would be killed.
    expect(performance.now() - before).toBeLessThan(2000)
    await running
    expect(isRunning(Number(busy.info.pid))).toBe(false)
  })

  atNight('leaves no worker behind when llem itself is killed', async () => {
    const registry = new URL('../../dist/backends/registry.js', import.meta.url).href
    const asked = { model, options: { device: 'cpu' }, dataDir: pytorchDataDir }
    const script = `
      import { findBackend } from ${JSON.stringify(registry)}
      const session = await findBackend('pytorch').start(${JSON.stringify(asked)})
      console.log(session.info.pid)
      await session.run(${JSON.stringify(long)}, { generation: ${JSON.stringify(generation)} })`
    const llem = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [pid] = await new Promise<Buffer[]>((resolve) =>
      llem.stdout.once('data', (chunk) => resolve([chunk])),
    )
    const worker = Number(String(pid))
    await sleep(300)
    expect(isRunning(worker)).toBe(true)
    llem.kill('SIGKILL')
    expect(await endsWithin(worker, 3000)).toBe(true)
  })
})

groupAtNight('the facts of a loaded model', () => {
  it('are those of its config.json, for every family that llem knows', () => {
    const told: Record<string, { config: ModelConfig; facts: ModelFacts }> = JSON.parse(
      models('facts', [WORKER]),
    )
    const families = Object.values(told).map(({ facts }) => facts.architecture)
    expect(new Set(families).size).toBeGreaterThanOrEqual(20)
    for (const [name, { config, facts }] of Object.entries(told))
      expect({ name, ...configFacts(config) }).toEqual({ name, ...facts })
  })
})

describe('a GPU', () => {
  it.each([
    [
      'by torch',
      '',
      '[P("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee")]',
      ['GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'],
    ],
    ['as an instance of one', 'MIG-x', '[P("aaaaaaaa-bbbb")]', ['MIG-aaaaaaaa-bbbb']],
    [
      'by the environment where torch does not tell',
      'GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee',
      '[object()]',
      ['GPU-aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee'],
    ],
    ['not at all where nothing tells', '0', '[object()]', null],
  ])('is named %s', (_, visible, properties, uuids) => {
    // The names are those of torch.cuda.get_device_properties; there is no GPU to ask.
    const script = `
import importlib.util, json, types
spec = importlib.util.spec_from_file_location("worker", ${JSON.stringify(WORKER)})
worker = importlib.util.module_from_spec(spec)
spec.loader.exec_module(worker)
class P:
    def __init__(self, uuid):
        self.uuid = uuid
gpus = ${properties}
torch = types.SimpleNamespace(cuda=types.SimpleNamespace(get_device_properties=gpus.__getitem__))
print(json.dumps(worker.uuids_of(torch, range(len(gpus)))))`
    const env = { ...process.env, CUDA_VISIBLE_DEVICES: visible }
    expect(JSON.parse(execFileSync('python3', ['-c', script], { env, encoding: 'utf8' }))).toEqual(uuids)
  })
})

/** A worker that has the model loaded, without the session around it. */
async function opened() {
  const worker = new Worker(workerCommand(testPython()))
  const say = <V extends 'hello' | 'load' | 'unload' | 'bye' | 'infer_one'>(verb: V, body: RequestOf<V>) =>
    worker.call(verb, body, { schema: z.looseObject({}), timeoutMs: 60_000 })
  await say('hello', { protocol: 2 })
  await say('load', { model, options: { device: 'cpu', num_threads: 1 } })
  return { say, pid: worker.pid, close: () => worker.close() }
}

/** From now on the process gets so much more memory and no more. */
function leaveMemory(pid: number, bytes: number): void {
  const kilobytes = /^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  execFileSync('prlimit', ['--pid', String(pid), `--as=${Number(kilobytes) * 1024 + bytes}`])
}
