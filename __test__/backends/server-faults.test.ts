// The load generator against a server with faults. It is a fake: see fake-openai.mjs for what it is shaped on.

import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InferenceSession } from '../../dist/backends/backend.js'
import type { FailedRequest, OfferedLoad, RequestRecord } from '../../dist/backends/protocol.js'
import { findBackend } from '../../dist/backends/registry.js'
import { startPortServer } from './port-server.js'
import { notesOf } from './server-notes.js'

vi.setConfig({ testTimeout: 60_000 })

const KEY = 'sk-fake-0123456789'
const generation = { max_tokens: 6, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: true }
const load: OfferedLoad = {
  concurrency: 2,
  request_rate: null,
  arrival: 'constant',
  seed: 1,
  retries: 0,
  max_failed_share: 0.5,
}
const open: InferenceSession[] = []

afterEach(async () => {
  for (const session of open.splice(0)) await session.close()
})

async function attach(
  mode: string,
  options: Record<string, unknown> = {},
  requestMs = 20_000,
  model = 'fake',
) {
  const { port, stderr } = await startPortServer('./fake-openai.mjs', [mode])
  const session = await findBackend('server').start({
    model,
    options: { base_url: `http://127.0.0.1:${port}/v1/`, ...options },
    dataDir: '/nowhere',
    env: { ...process.env, TEST_KEY: KEY },
    timeouts: { requestMs },
  })
  open.push(session)
  return { session, stderr }
}

/** Runs so many prompts. */
async function drive(session: InferenceSession, count: number, changes: Partial<OfferedLoad> = {}) {
  const records: RequestRecord[] = []
  const failures: FailedRequest[] = []
  const totals = await session.run(
    Array.from({ length: count }, (_, index) => ({ text: `prompt ${index}` })),
    {
      generation,
      load: { ...load, ...changes },
      onRequest: (record) => records.push(record),
      onFailure: (failed) => failures.push(failed),
    },
  )
  return { totals, records, failures }
}

describe('a server that works', () => {
  it('is known by what it says of itself', async () => {
    const { session } = await attach('good')
    expect(session.info).toMatchObject({
      backend: 'server',
      pid: null,
      versions: { vllm: '0.11.0' },
      context_size: 4096,
      device_uuids: null,
      facts: { reasons: { parameters: expect.stringContaining('neither a GGUF file') } },
    })
  })

  it('need not have /health, nor be known', async () => {
    const { session } = await attach('no-health')
    expect((await drive(session, 4)).totals.requests).toBe(4)
    expect((await attach('unknown')).session.info.versions).toMatchObject({ server: 'fake/1.0' })
  })

  it('gets what vLLM understands beyond OpenAI, and extra_body has the last word', async () => {
    const { session, stderr } = await attach('says-bodies', { extra_body: { seed: 9, min_tokens: 3 } })
    await drive(session, 1)
    expect(JSON.parse(stderr())).toEqual({
      model: 'fake',
      prompt: 'prompt 0',
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 6,
      temperature: 0,
      top_p: 1,
      seed: 9,
      ignore_eos: true,
      top_k: -1,
      min_p: 0,
      min_tokens: 3,
    })
  })

  it('gives text whose characters were cut by packets', async () => {
    const { session } = await attach('umlauts')
    const { text } = await session.inferOne({ text: 'x' }, { generation })
    expect(text).toBe('ä€😀'.repeat(6))
  })

  it('with several models takes the one that was asked for, and of another wants to be told which', async () => {
    expect((await attach('two-models')).session.info.server?.name).toBe('fake')
    await expect(attach('two-models', {}, 20_000, 'some model')).rejects.toMatchObject({
      code: 'MODEL_NOT_SERVED',
      message: expect.stringContaining('does not serve "some model", but fake, other'),
    })
    const named = await attach('two-models', { model: 'other' }, 20_000, 'some model')
    expect(named.session.info).toMatchObject({ context_size: 4096, server: { name: 'other', by: 'named' } })
  })
})

describe('counting', () => {
  it("takes the server's usage, and times between chunks", async () => {
    const { totals, records } = await drive((await attach('good')).session, 5)
    expect(totals).toMatchObject({ requests: 5, input_tokens: 35, output_tokens: 30, failures: 0 })
    expect(totals.served).toMatchObject({ chunks: 30, token_source: 'usage', max_in_flight: 2 })
    expect(notesOf(totals)).toEqual([])
    expect(records.map(({ itl_ms }) => itl_ms?.count)).toEqual([5, 5, 5, 5, 5])
    expect(totals.itl_ms?.count).toBe(25)
  })

  it('allows for the end-of-text token, which brings no text', async () => {
    const { totals } = await drive((await attach('eos')).session, 2)
    expect(totals).toMatchObject({ output_tokens: 14, served: { chunks: 12 } })
    expect(notesOf(totals)).toEqual([])
  })

  it('tells where chunks hold several tokens', async () => {
    const { totals } = await drive((await attach('three-per-chunk')).session, 5)
    expect(totals).toMatchObject({ output_tokens: 30, served: { chunks: 10 } })
    expect(notesOf(totals)).toEqual([
      expect.stringMatching(/^tokens_per_chunk: in 5 of 5 requests .*\(30 tokens in 10 chunks/),
    ])
  })

  it('does not believe a usage above what was asked for, unless the server was asked for more', async () => {
    const { totals } = await drive((await attach('miscounts')).session, 5)
    expect(totals).toMatchObject({
      output_tokens: 30,
      served: {
        token_source: 'chunks',
        ledger: { output_tokens_by_usage: 60, unexplained: { requests: 5 } },
      },
    })
    expect(totals.served?.notes).toContainEqual(expect.stringMatching(/^usage_not_believed: in 5 of 5/))
    expect(totals.served?.notes).toContainEqual(
      expect.stringMatching(
        /^token_counts_disagree: .*12 tokens by the usage, of 6 at most, where 6 chunks came/,
      ),
    )
    const more = await attach('miscounts', { extra_body: { max_tokens: 12 } })
    expect((await drive(more.session, 1)).totals).toMatchObject({
      output_tokens: 24,
      served: { ledger: { unexplained: null } },
    })
  })

  it('counts chunks and leaves the prompts unknown where the server tells no usage', async () => {
    const { totals, records } = await drive((await attach('no-usage')).session, 5)
    expect(totals).toMatchObject({
      input_tokens: null,
      output_tokens: 30,
      served: { token_source: 'chunks' },
    })
    expect(records[0]).toMatchObject({ input_tokens: null, output_tokens: 6 })
    expect(notesOf(totals)?.map((note) => note.split(':')[0])).toEqual([
      'tokens_counted_by_chunks',
      'input_tokens_unknown',
    ])
  })

  it('asks the tokenizer of the server, after the run, where it tells no usage', async () => {
    const { totals, records } = await drive((await attach('no-usage-tokenizer')).session, 5)
    expect(totals).toMatchObject({ output_tokens: 30, served: { chunks: 10, token_source: 'tokenizer' } })
    expect(records.map(({ output_tokens }) => output_tokens)).toEqual([6, 6, 6, 6, 6])
    expect(totals.served?.ledger).toMatchObject({
      output_tokens_by_usage: null,
      output_tokens_by_tokenizer: 30,
      explained: [{ rule: 'no_usage_tokenized', requests: 5 }, { rule: 'tokens_per_chunk' }],
      unexplained: null,
    })
  })

  it('hears the tokenizer as a witness beside the usage', async () => {
    const short = { ...generation, ignore_eos: false }
    const { session } = await attach('miscounts-tokenizer')
    const prompts = [{ text: 'x' }, { text: 'y' }]
    const totals = await session.run(prompts, { generation: short, load })
    expect(totals).toMatchObject({
      output_tokens: 12,
      served: {
        token_source: 'tokenizer',
        ledger: { output_tokens_by_usage: 24, unexplained: { requests: 2 } },
      },
    })
    // Where so many may be, the server's count stands, and the doubt is told.
    const unlimited = await attach('miscounts-tokenizer', { extra_body: { max_tokens: 6 } })
    const doubted = await unlimited.session.run(prompts, { generation: short, load })
    expect(doubted.served?.ledger).toMatchObject({
      output_tokens_by_usage: 24,
      output_tokens_by_tokenizer: 12,
      tokenized_requests: 2,
      tokenized_output_tokens: 24,
      unexplained: {
        requests: 2,
        first: "together 2 answers are counted as 24 tokens, and have 12 by the model's tokenizer",
      },
    })
    expect(doubted.served?.notes).toContainEqual(expect.stringMatching(/^token_counts_disagree: in 2 of 2/))
  })

  it('tells what came from the cache of the server', async () => {
    const { totals } = await drive((await attach('cached')).session, 4)
    expect(totals.served).toMatchObject({ cached_input_tokens: 20 })
    expect(notesOf(totals)).toEqual([expect.stringMatching(/^prefix_cache_hit: 20 of 28 prompt tokens/)])
  })

  it('says where a length cannot be forced', async () => {
    const { totals } = await drive((await attach('unknown')).session, 1)
    expect(totals.served?.notes).toContainEqual(expect.stringMatching(/^output_length_not_forced: /))
  })
})

describe('a request that fails', () => {
  it.each([
    ['http-500', 'HTTP_500', 'the engine is dead (key [redacted])'],
    ['http-400', 'HTTP_400', 'prompt too long'],
    ['http-422', 'HTTP_422', '[{"loc":["body","seed"],"msg":"bad seed"}]'],
    ['hangs-up', 'CONNECTION', 'other side closed'],
    ['breaks', 'STREAM_BROKEN', ''],
    ['stops-short', 'STREAM_BROKEN', 'the stream ended after 3 chunks without a finish_reason'],
    ['error-in-stream', 'STREAM_ERROR', 'CUDA out of memory'],
    ['aborts', 'STREAM_ERROR', 'the server gave up the answer (finish_reason: abort)'],
    ['nonsense', 'STREAM_ERROR', 'an event is no JSON: {"choices": ['],
  ])('names its cause, and a run of nothing else ends with it: %s', async (mode, code, words) => {
    const { session } = await attach(mode, { api_key_env: 'TEST_KEY' })
    await expect(drive(session, 4)).rejects.toMatchObject({
      code: 'REQUESTS_FAILED',
      message: expect.stringContaining(`the first: ${code}: ${words}`),
    })
    await expect(session.inferOne({ text: 'x' }, { generation })).rejects.toMatchObject({
      code: 'REQUEST_FAILED',
      message: expect.stringContaining(`(${code}): ${words}`),
    })
  })

  it('by running out of time ends after its own limit, not after that of the worker', async () => {
    const { session } = await attach('stalls', {}, 700)
    const startMs = performance.now()
    await expect(drive(session, 2, { max_failed_share: 0.9 })).rejects.toMatchObject({
      code: 'REQUESTS_FAILED',
      message: expect.stringMatching(/^2 of 2 requests failed.*TIMEOUT: no end of the answer within 0\.7 s/),
    })
    expect(performance.now() - startMs).toBeLessThan(3000)
    expect(await session.memory()).toEqual({ rss_bytes: null, vram_bytes: null, vram_peak_bytes: null })
  })

  it('is told, is in no sum, and the run goes on below the share that may fail', async () => {
    const { session } = await attach('third-fails')
    const { totals, records, failures } = await drive(session, 9)
    expect(totals).toMatchObject({
      requests: 6,
      failures: 3,
      retries: 0,
      output_tokens: 36,
      input_tokens: 42,
    })
    expect(records).toHaveLength(6)
    expect(failures).toHaveLength(3)
    for (const failed of failures) expect(failed).toMatchObject({ code: 'HTTP_503', message: 'busy' })
  })

  it('ends the run as soon as more than the share has failed', async () => {
    const { session } = await attach('third-fails')
    await expect(drive(session, 30, { max_failed_share: 0.1 })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^4 of 30 requests failed, more than load\.max_failed_share \(0\.1\) allows/,
      ),
    })
  })

  it('is sent again only where that was asked for, and then visibly', async () => {
    const { totals, records } = await drive((await attach('first-fails')).session, 4, {
      retries: 2,
      concurrency: 1,
    })
    expect(totals).toMatchObject({ requests: 4, failures: 0, retries: 1 })
    expect(records.map(({ attempts }) => attempts)).toEqual([2, 1, 1, 1])
  })
})

describe('a key', () => {
  it('is sent from the environment, and is masked in what the server says', async () => {
    const { session } = await attach('wants-key', { api_key_env: 'TEST_KEY' })
    expect((await drive(session, 2)).totals.requests).toBe(2)
    await expect(attach('wants-key')).rejects.toMatchObject({
      code: 'SERVER_REFUSES',
      message: expect.stringContaining('(401): Incorrect API key: undefined'),
    })
  })
})

describe('an open loop', () => {
  it('sends on schedule however slow the answers are', async () => {
    const { session } = await attach('slow')
    const { totals, records } = await drive(session, 10, { concurrency: null, request_rate: 20 })
    const sorted = records.sort((a, b) => a.index - b.index)
    const gapsMs = sorted.slice(1).map(({ scheduled_ns }, i) => {
      return (Number(scheduled_ns) - Number(sorted[i]?.scheduled_ns)) / 1e6
    })
    for (const gap of gapsMs) expect(gap).toBeCloseTo(50, 3)
    expect(totals.served?.max_in_flight).toBe(10)
    expect(totals.served?.send_delay_ms?.p50).toBeLessThan(20)
    expect(totals.steady_reason).toBe('the last request was sent before the first one had ended')
  })

  it('counts the wait for a free place as delay', async () => {
    const { session } = await attach('slow')
    const { totals } = await drive(session, 4, { concurrency: 1, request_rate: 20 })
    expect(totals.served?.max_in_flight).toBe(1)
    // Each answer takes 1.5 s, and the last one should have been sent after 0.15 s.
    expect(totals.served?.send_delay_ms?.max).toBeGreaterThan(4000)
    expect(totals.served?.e2e_from_schedule_ms?.max).toBeGreaterThan(5500)
    expect(totals.ttft_ms?.max).toBeLessThan(1000)
  })

  it('has a steady state from the end of the first request to the sending of the last', async () => {
    const { session } = await attach('slow')
    const { totals, records } = await drive(session, 60, { concurrency: null, request_rate: 20 })
    const sent = records.map(({ start_ns }) => start_ns)
    const { steady } = totals
    const firstEnd = Math.min(...records.map(({ end_ns }) => end_ns))
    expect(Math.abs(Number(steady?.start_ns) - firstEnd)).toBeLessThan(50e6)
    expect(Math.abs(Number(steady?.end_ns) - Math.max(...sent))).toBeLessThan(50e6)
    // 20 requests a second of 6 tokens each.
    const rate = Number(steady?.output_tokens) / ((Number(steady?.end_ns) - Number(steady?.start_ns)) / 1e9)
    expect(Math.abs(rate - 120)).toBeLessThan(20)
  })
})
