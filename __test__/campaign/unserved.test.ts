// A campaign of several models on one server that runs already: what it does not serve is not measured.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { listOf, scriptedServer } from '../backends/scripted-server.js'
import { byDay } from '../setup/at-night.js'
import { campaignOf, resultsIn } from './running.js'
import { loaded } from './written.js'

vi.setConfig({ testTimeout: 120_000 })

const campaign = (models: string, server: string) => `campaign_name: two
backend: server
server: ${server}
n_prompts: 2
baseline: { enabled: false }
warmup: { enabled: false }
generation: { max_tokens: 2 }
grid: { models: ${models} }
execution: { cycles: 2, config_gap_seconds: 0, cycle_gap_seconds: 0 }
`

describe('a campaign of A and B on one server that serves A', () => {
  it('measures A and not B, says why, and goes on with B once it is served', async () => {
    const routes = { '/v1/models': listOf('A') }
    const { baseUrl } = await scriptedServer({ routes })
    const under = campaignOf(campaign('[A, B]', `{ base_url: "${baseUrl}" }`))
    const first = await under.run()
    expect(first.stderr).toMatch(
      /^Filtered: .*B.*: the server does not serve "B", but A; .* \[MODEL_NOT_SERVED\]$/m,
    )
    expect(first.code).toBe(0)
    expect([...resultsIn(under.dir()).keys()].map((name) => name.split('/')[0])).toHaveLength(2)
    const { counts, entries } = await under.status()
    expect(counts).toMatchObject({ completed: 2, skipped: 2, failed: 0 })
    for (const { name, status, error } of entries)
      expect([name.includes('B'), status, error?.code ?? null]).toEqual(
        name.includes('B') ? [true, 'skipped', 'MODEL_NOT_SERVED'] : [false, 'completed', null],
      )
    expect(readdirSync(join(under.dir(), 'runs')).length).toBe(2)

    routes['/v1/models'] = listOf('A', 'B')
    expect(await under.run()).toMatchObject({ code: 0 })
    expect((await under.status()).counts).toMatchObject({ completed: 4, skipped: 0 })
  })

  it('is told of with --validate-only, which measures nothing', async () => {
    const { baseUrl, asked } = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
    const under = campaignOf(campaign('[A, B]', `{ base_url: "${baseUrl}" }`))
    const { code, stderr } = await under.run('--validate-only')
    expect(code).toBe(0)
    expect(stderr).toMatch(/^Filtered: .*B.*\[MODEL_NOT_SERVED\]$/m)
    expect(stderr).toContain('1 of 2 experiments can be run. Nothing was measured.')
    expect(asked.some((line) => line.startsWith('POST'))).toBe(false)
    const before = asked.length
    expect(await under.run('--dry-run')).toMatchObject({ code: 0 })
    expect(asked.length).toBe(before)
  })

  it('of which it serves none is paused, and nothing is run', async () => {
    const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('C') } })
    const under = campaignOf(campaign('[A, B]', `{ base_url: "${baseUrl}" }`))
    const { code, stderr } = await under.run()
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Paused: the server does not serve "A", but C/m)
    expect(resultsIn(under.dir()).size).toBe(0)
  })
})

it('two names that a server takes for one model are measured once', async () => {
  const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('llama3.2:latest') } })
  const under = campaignOf(campaign('[llama3.2, "llama3.2:latest"]', `{ base_url: "${baseUrl}" }`))
  const { stderr } = await under.run()
  expect(stderr).toMatch(/^Filtered: .*it is the same model \[MODEL_REPEATED\]$/m)
  expect(resultsIn(under.dir()).size).toBe(2)
})

it.for(byDay(1, ['[A, B]', '[B, A]']))(
  'of %s with one served_as the model of that name is measured',
  async (models) => {
    const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
    const under = campaignOf(campaign(models, `{ base_url: "${baseUrl}", served_as: A }`))
    const { stderr } = await under.run()
    expect(stderr).toContain('the server answers for "B" as "A", as it does for "A": it is the same model')
    const { entries } = await under.status()
    const measured = entries.filter(({ status }) => status === 'completed').map(({ name }) => name)
    expect(measured).toHaveLength(2)
    expect(measured.every((name) => name.endsWith('A'))).toBe(true)
  },
)

it('one server by several addresses is one server', async () => {
  const { port } = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
  const at = (model: string, address: string) =>
    `  - { model: ${model}, server: { base_url: "${address}", served_as: A } }\n`
  const under = campaignOf(`campaign_name: spelt
backend: server
server: { base_url: "http://127.0.0.1:${port}" }
n_prompts: 2
baseline: { enabled: false }
warmup: { enabled: false }
generation: { max_tokens: 2 }
experiments:
${at('A', `http://127.0.0.1:${port}`)}${at('B', `http://127.0.0.1:${port}/v1`)}${at('C', `http://localhost:${port}/`)}
execution: { cycles: 1, config_gap_seconds: 0, cycle_gap_seconds: 0 }
`)
  const { stderr } = await under.run('--validate-only')
  expect(stderr.match(/it is the same model \[MODEL_REPEATED\]/g)).toHaveLength(2)
  expect(stderr).toContain('1 of 3 experiments can be run')
})

describe('a grid whose server has one name for all models', () => {
  it('keeps the model of that name, without asking anybody', () => {
    const { experiments, filtered } = loaded(
      campaign('[A, B]', '{ base_url: "http://127.0.0.1:9", model: A }'),
    )
    expect(experiments.map(({ model }) => model)).toEqual(['A'])
    expect(filtered).toEqual([
      {
        own: { model: 'B' },
        reason:
          'server.model calls every model of the grid "A" at http://127.0.0.1:9, and model "B" is another; leave it out, or give each model a grid or an experiment of its own',
      },
    ])
  })

  it.for([
    ['one model', '[A]', '{ base_url: "http://127.0.0.1:9", model: x }', 1],
    ['a server that is started', '[A, B]', '{ command: [serve, "{model}", "{port}"], model: x }', 2],
    ['no name of its own', '[A, B]', '{ base_url: "http://127.0.0.1:9" }', 2],
  ] as const)('filters nothing for %s', ([, models, server, kept]) => {
    const { experiments, filtered } = loaded(campaign(models, server))
    expect([experiments.length, filtered.length]).toEqual([kept, 0])
  })
})
