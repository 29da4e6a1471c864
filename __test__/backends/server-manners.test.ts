// How llem behaves towards servers that put it off, send it on, load, or live elsewhere than below /v1.

import { afterEach, describe, expect, it, vi } from 'vitest'
import type { InferenceSession } from '../../dist/backends/backend.js'
import type { OfferedLoad, RequestRecord } from '../../dist/backends/protocol.js'
import { findBackend } from '../../dist/backends/registry.js'
import { startPortServer } from './port-server.js'
import { notesOf } from './server-notes.js'

vi.setConfig({ testTimeout: 60_000 })

const KEY = 'sk-manners-0123456789'
const generation = { max_tokens: 4, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
const load: OfferedLoad = {
  concurrency: 1,
  request_rate: null,
  arrival: 'constant',
  seed: 1,
  retries: 0,
  max_failed_share: 0,
}
const open: InferenceSession[] = []

afterEach(async () => {
  for (const session of open.splice(0)) await session.close()
})

interface Told {
  method: string
  url: string
  key: string | null
  body: Record<string, unknown> | null
}

async function serverOf(mode: string, ...more: string[]) {
  const { port, stderr } = await startPortServer('./manners-server.mjs', [mode, ...more])
  const told = (): Told[] =>
    stderr()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
      // Whether it has a tokenizer is asked once, as the server is found.
      .filter(({ url }) => url !== '/tokenize')
  return { port, told }
}

async function attach(
  port: number,
  { path = '', loadMs = 20_000, ...options }: Record<string, unknown> = {},
) {
  const session = await findBackend('server').start({
    model: 'm',
    options: { base_url: `http://127.0.0.1:${port}${path}`, ...options },
    dataDir: '/nowhere',
    env: { ...process.env, TEST_KEY: KEY },
    timeouts: { requestMs: 10_000, loadMs: Number(loadMs) },
  })
  open.push(session)
  return session
}

async function drive(session: InferenceSession, count: number, changes: Partial<OfferedLoad> = {}) {
  const records: RequestRecord[] = []
  const totals = await session.run(
    Array.from({ length: count }, () => ({ text: 'x' })),
    { generation, load: { ...load, ...changes }, onRequest: (record) => records.push(record) },
  )
  return { totals, records }
}

describe('a server that does not know stream_options', () => {
  it('is asked without them, which is neither a failure nor a retry', async () => {
    const { port, told } = await serverOf('no-stream-options')
    const session = await attach(port)
    await session.inferOne({ text: 'x' }, { generation })
    const { totals, records } = await drive(session, 6, { concurrency: 3 })
    expect(totals).toMatchObject({ requests: 6, failures: 0, retries: 0, output_tokens: 24 })
    expect(records.map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1, 1])
    const asked = told().flatMap(({ body }) => (body === null ? [] : ['stream_options' in body]))
    // Once, and never again.
    expect(asked).toEqual([true, ...Array(7).fill(false)])
  })

  it('is learned in a run, too, with all that are in flight', async () => {
    const { port } = await serverOf('no-stream-options')
    const { totals } = await drive(await attach(port), 8, { concurrency: 4 })
    expect(totals).toMatchObject({ requests: 8, failures: 0, retries: 0, output_tokens: 32 })
  })
})

describe('a server that is away for a second', () => {
  it('is there for a request that may be sent again, after a pause that doubles', async () => {
    const { port, told } = await serverOf('away')
    const { totals } = await drive(await attach(port), 2, { retries: 5 })
    expect(totals).toMatchObject({ requests: 2, failures: 0 })
    expect(totals.retries).toBeGreaterThan(1)
    // 0.1, 0.2, 0.4 and 0.8 s: not a storm.
    expect(told().filter(({ method }) => method === 'POST').length).toBeLessThan(16)
  })
})

describe('a server that puts requests off', () => {
  it('is waited for as long as it asks, which is counted and told and is no retry', async () => {
    const { port } = await serverOf('one-a-second')
    const startMs = performance.now()
    const { totals, records } = await drive(await attach(port), 3)
    expect(performance.now() - startMs).toBeGreaterThan(2000)
    expect(totals).toMatchObject({ requests: 3, failures: 0, retries: 0, output_tokens: 12 })
    expect(totals.served?.put_off).toEqual({ count: 2, sec: 2 })
    expect(notesOf(totals)).toEqual([
      expect.stringMatching(/^requests_put_off: the server put requests off 2 times \(Retry-After\), 2\.0 s/),
    ])
    expect(records.map(({ attempts }) => attempts)).toEqual([1, 2, 2])
    // Times are those of the last attempt, without the second that was waited.
    for (const { start_ns, end_ns } of records) expect((end_ns - start_ns) / 1e6).toBeLessThan(1000)
  })

  it('till a date, by 503, is waited for too, also by the request that warms up', async () => {
    const { port } = await serverOf('busy-till-a-date')
    const session = await attach(port)
    expect(await session.inferOne({ text: 'x' }, { generation })).toMatchObject({ output_tokens: 4 })
    expect((await drive(session, 1)).totals.served?.put_off.count).toBe(0)
  })

  it('for longer than a request may take is no server to wait for', async () => {
    const { port } = await serverOf('comes-back-tomorrow')
    await expect(drive(await attach(port), 1)).rejects.toMatchObject({
      message: expect.stringContaining('HTTP_429: quota is used up (it asks to wait 86400 s)'),
    })
  })

  it('when it is asked for its models is asked again', async () => {
    const { port } = await serverOf('limits-questions')
    expect((await attach(port)).info.compute).toBe('server')
  })
})

describe('a redirect', () => {
  it('is followed on the same host, for questions and requests', async () => {
    const { port } = await serverOf('moved')
    expect((await drive(await attach(port), 2)).totals).toMatchObject({ requests: 2, output_tokens: 8 })
  })

  it('to another origin of the same host is followed without the key', async () => {
    const other = await serverOf('plain')
    const first = await serverOf('to-other-port', String(other.port))
    const session = await attach(first.port, { api_key_env: 'TEST_KEY' })
    expect((await drive(session, 1)).totals.requests).toBe(1)
    expect(first.told().map(({ key }) => key)).toContain(`Bearer ${KEY}`)
    expect(other.told().map(({ url, key }) => [url, key])).toEqual([['/v1/completions', null]])
  })

  it.each([
    [
      'to-other-host',
      /HTTP_307: redirects to http:\/\/localhost:\d+\/v1\/completions, which is another host; set base_url/,
    ],
    ['in-circles', /HTTP_307: redirects without end/],
  ])('%s is refused in words', async (mode, words) => {
    const other = await serverOf('plain')
    const { port } = await serverOf(mode, String(other.port))
    await expect(drive(await attach(port), 1)).rejects.toMatchObject({
      message: expect.stringMatching(words),
    })
    expect(other.told()).toEqual([])
  })
})

describe('a connection that its server has given up', () => {
  it('is opened anew, once, which is no retry', async () => {
    const { port } = await serverOf('stale')
    const { totals } = await drive(await attach(port), 3)
    expect(totals).toMatchObject({ requests: 3, retries: 0, failures: 0 })
  })

  it('each time is an error', async () => {
    const { port, told } = await serverOf('always-stale')
    await expect(drive(await attach(port), 1)).rejects.toMatchObject({
      message: expect.stringMatching(/CONNECTION: /),
    })
    expect(told().filter(({ method }) => method === 'POST')).toHaveLength(2)
  })
})

describe('readiness', () => {
  it('is never asked for where asking runs inference', async () => {
    const { port, told } = await serverOf('health-infers')
    const startMs = performance.now()
    await drive(await attach(port), 1)
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(told().map(({ url }) => url)).not.toContain('/health')
  })

  it('of a server that runs already and says that it loads is waited for up to load_timeout_sec', async () => {
    const { port } = await serverOf('loads')
    const startMs = performance.now()
    await attach(port)
    expect(performance.now() - startMs).toBeGreaterThan(10_000)
  })

  it('that does not come within it is told in the words of the server', async () => {
    const { port } = await serverOf('loads')
    await expect(attach(port, { loadMs: 800 })).rejects.toMatchObject({
      code: 'SERVER_NOT_READY',
      hint: expect.stringContaining('/v1/models answers 503 (Loading model)'),
    })
  })
})

describe('an address', () => {
  it.each([
    ['v3', '/v3', '/v3/completions'],
    ['openai-v1', '/openai/v1/', '/openai/v1/completions'],
    ['api-v1', '/api/v1', '/api/v1/completions'],
    ['proxied', '/proxy', '/proxy/v1/completions'],
    ['plain', '/v1', '/v1/completions'],
    ['plain', '/v1/chat/completions', '/v1/completions'],
  ])('%s: %s is where requests go to %s', async (mode, path, url) => {
    const { port, told } = await serverOf(mode)
    expect((await drive(await attach(port, { path }), 1)).totals.requests).toBe(1)
    expect(told().at(-1)?.url).toBe(url)
  })
})

describe('the body of a request', () => {
  it('leaves out what extra_body sets to null', async () => {
    const { port, told } = await serverOf('plain')
    await drive(await attach(port, { extra_body: { seed: null, stream_options: null, user: 'u' } }), 1)
    const { body } = told().at(-1) as Told
    expect(body).toMatchObject({ user: 'u', stream: true })
    expect(Object.keys(body ?? {})).not.toContain('seed')
    expect(Object.keys(body ?? {})).not.toContain('stream_options')
  })
})
