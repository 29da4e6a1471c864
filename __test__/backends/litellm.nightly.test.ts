// llem against LiteLLM's real proxy, which stands in front of servers of the zoo.

import { afterAll, afterEach, beforeAll, describe, expect, it, type TestContext, vi } from 'vitest'
import type { InferenceSession } from '../../dist/backends/backend.js'
import { findBackend } from '../../dist/backends/registry.js'
import { INSTALL_LIMIT_MS, installLitellm, type RunningProxy, startLitellm } from './litellm.js'
import { startPortServer } from './port-server.js'
import { undisturbed } from './undisturbed.js'
import { ROWS } from './zoo/rows.mjs'

vi.setConfig({ testTimeout: 60_000 })

/** Its models, and the row that each is. A comma in a name would be two models to it. */
const MODELS = {
  plain: 'vLLM: chat, a role first',
  thinking: 'xAI: thoughts beside completion_tokens',
  'at-once': 'everything in one packet',
  failing: 'SGLang: an error in the stream',
}

const generation = { max_tokens: 8, temperature: 0, top_p: 1, top_k: 0, seed: 1, ignore_eos: false }
const load = {
  concurrency: 1,
  request_rate: null,
  arrival: 'constant' as const,
  seed: 1,
  retries: 0,
  max_failed_share: 0,
}

let missing: string | null = null
let proxy: RunningProxy | null = null
let zoo: Awaited<ReturnType<typeof startPortServer>> | null = null
const open: InferenceSession[] = []

beforeAll(async () => {
  missing = installLitellm()
  if (missing !== null) return
  zoo = await startPortServer('./zoo/server.mjs', [], { forAll: true, wrap: undisturbed })
  const at = (row: string) => `http://127.0.0.1:${zoo?.port}/${ROWS.findIndex(({ name }) => name === row)}/v1`
  proxy = await startLitellm(
    Object.fromEntries(Object.entries(MODELS).map(([model, row]) => [model, at(row)])),
  )
}, INSTALL_LIMIT_MS)

afterEach(async () => {
  for (const session of open.splice(0)) await session.close()
})

afterAll(() => {
  proxy?.end()
  zoo?.end()
})

async function attach(context: TestContext, model: keyof typeof MODELS): Promise<InferenceSession> {
  if (missing !== null) context.skip(`no LiteLLM: ${missing}`)
  const session = await findBackend('server').start({
    model,
    options: { base_url: String(proxy?.baseUrl), model, endpoint: 'chat' },
    dataDir: '/nowhere',
    timeouts: { requestMs: 20_000, loadMs: 20_000 },
  })
  open.push(session)
  return session
}

const prompts = Array.from({ length: 3 }, () => ({ text: 'What does a token cost?' }))

describe("LiteLLM's proxy", () => {
  it('is attached to within a moment, without the question that calls its models', async (context) => {
    const startMs = performance.now()
    const { info } = await attach(context, 'plain')
    expect(performance.now() - startMs).toBeLessThan(5000)
    expect(info.compute).toBe('server')
  })

  it('passes tokens on as they come, and they are counted', async (context) => {
    const session = await attach(context, 'plain')
    // The first request to it loads what it needs.
    await session.inferOne({ text: 'x' }, { generation })
    const totals = await session.run(prompts, { generation, load })
    expect(totals).toMatchObject({ requests: 3, failures: 0, output_tokens: 24, input_tokens: 30 })
    expect(totals.served).toMatchObject({ token_source: 'usage', ledger: { unexplained: null } })
    expect(totals.served?.streams.buffered).toBe(0)
    expect(totals.ttft_ms?.count).toBe(3)
  })

  it('in front of a server that counts thoughts beside the others has all of them', async (context) => {
    const totals = await (await attach(context, 'thinking')).run(prompts, { generation, load })
    expect(totals).toMatchObject({ output_tokens: 120, served: { ledger: { unexplained: null } } })
  })

  it('in front of a server that answers at once is known to be no stream', async (context) => {
    const totals = await (await attach(context, 'at-once')).run(prompts, { generation, load })
    expect(totals).toMatchObject({ output_tokens: 24, ttft_ms: null, itl_ms: null })
    expect(totals.served?.streams).toMatchObject({ buffered: 3 })
  })

  it('tells the words of the server behind it', async (context) => {
    const session = await attach(context, 'failing')
    await expect(session.run(prompts, { generation, load })).rejects.toMatchObject({
      message: expect.stringContaining('Out of memory'),
    })
  })
})
