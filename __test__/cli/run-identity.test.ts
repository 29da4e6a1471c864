// `llem run` against servers that are not what was asked for, and what a result says of one that is.

import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { listOf, type Script, scriptedServer } from '../backends/scripted-server.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { byDay } from '../setup/at-night.js'
import { resultIn } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const QUICK = [
  'backend=server',
  'n_prompts=3',
  'generation.max_tokens=4',
  'baseline.enabled=false',
  'warmup.thermal_floor_seconds=0',
  'warmup.max_prompts=5',
]

async function run(model: string, script: Script, ...sets: string[]) {
  const server = await scriptedServer(script)
  const outputDir = scratchFolder()
  const all = [...QUICK, `server.base_url=${server.baseUrl}`, ...sets].flatMap((set) => ['--set', set])
  const ended = await llem(['run', '-m', model, '--simulate', '-o', outputDir, ...all])
  return { ...ended, server, outputDir }
}

describe('a server that lists another model', () => {
  it('is refused before anything is spent, with what to type', async () => {
    const { code, stderr, server, outputDir } = await run('A', { routes: { '/v1/models': listOf('B') } })
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /llem: the server does not serve "A", but B; what would be measured is not what was asked for\. Ask for "B" with `model`; or where "B" is the server's name for it, say so with `served_as` in the server's group\. \[MODEL_NOT_SERVED\]\n$/,
    )
    expect(readdirSync(outputDir)).toEqual([])
    expect(server.asked.some((line) => line.startsWith('POST'))).toBe(false)
  })

  it('is measured where server.served_as says that it is meant, and the result tells', async () => {
    const { code, outputDir } = await run(
      'A',
      { routes: { '/v1/models': listOf('B') } },
      'server.served_as=B',
    )
    expect(code).toBe(0)
    expect(resultIn(outputDir)).toMatchObject({
      model: 'A',
      identity: {
        asked: { model: 'A', name: null, served_as: 'B' },
        resolved: { name: 'B', by: 'served_as' },
        observed: { model: 'B', owner: 'somebody', answered: [{ model: 'B', answers: 3 }] },
      },
    })
  })
})

it('a name for requests that is another model is refused, unless served_as says that it is meant', async () => {
  const routes = { '/v1/models': listOf('Llama-3-70B') }
  const named = 'server.model=Llama-3-70B'
  const { code, stderr, server } = await run('Llama-3-8B', { routes }, named)
  expect(code).toBe(1)
  expect(stderr).toContain(
    'would be asked for "Llama-3-70B" by the key `model` of its group, which is not "Llama-3-8B"',
  )
  expect(server.asked.some((line) => line.startsWith('POST'))).toBe(false)
  const meant = await run('Llama-3-8B', { routes }, named, 'server.served_as=Llama-3-70B')
  expect(meant.code).toBe(0)
  // An alias is no other model.
  expect(
    (await run('Llama-3-8B', { routes: { '/v1/models': listOf('prod') } }, 'server.model=prod')).code,
  ).toBe(0)
})

describe('a server that gives one model several names', () => {
  const listing = (root: string) => ({
    '/v1/models': { data: ['acme/A-7b', 'acme/B-7b'].map((id) => ({ id, root, parent: null })) },
  })

  it('is refused for the name that is not its own', async () => {
    const { code, stderr, server } = await run('acme/B-7b', { routes: listing('acme/A-7b') })
    expect(code).toBe(1)
    expect(stderr).toContain(
      'the server lists "acme/B-7b" as a name for "acme/A-7b" (its root), which is not "acme/B-7b"',
    )
    expect(stderr).toContain(`say so with served_as: "acme/A-7b" in the server's group`)
    expect(server.asked.some((line) => line.startsWith('POST'))).toBe(false)
    const meant = await run('acme/B-7b', { routes: listing('acme/A-7b') }, 'server.served_as=acme/A-7b')
    expect(meant.code).toBe(0)
  })

  it('is measured with a finding where what it stands for cannot be compared', async () => {
    const codesWith = async (root: string) => {
      const { code, outputDir } = await run('acme/B-7b', { routes: listing(root) })
      expect(code).toBe(0)
      return resultIn(outputDir).findings.map(({ code }) => code)
    }
    expect(await codesWith('/srv/weights')).toContain('served_root_unclear')
    expect(await codesWith('/srv/B-7b')).not.toContain('served_root_unclear')
  })
})

describe('a server that runs already on this machine', () => {
  it('has the model in memory while idle power is measured, which is told and not subtracted', async () => {
    const { code, outputDir } = await run(
      'A',
      { routes: { '/v1/models': listOf('A') }, tokenMs: 25 },
      'baseline.enabled=true',
      'baseline.duration_sec=5',
      'n_prompts=20',
    )
    expect(code).toBe(0)
    const { energy_breakdown, findings } = resultIn(outputDir)
    expect(energy_breakdown).toMatchObject({
      ...{ adjusted_j: null, bare_j: null, parked_j: null },
      baseline_reason: expect.stringContaining('the server ran before llem did'),
    })
    expect(findings.map(({ code }) => code)).toContain('baseline_model_loaded')
  })
})

describe('a server whose answers name another model', () => {
  const routes = { '/v1/models': listOf('A') }

  it.for(
    byDay(1, [
      ['in the warmup', []],
      ['in the measurement, where there is no warmup', ['warmup.enabled=false']],
    ] as const),
  )('ends the experiment %s', async ([, sets]) => {
    const { code, stderr, outputDir } = await run('A', { routes, answersAs: 'B' }, ...sets)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /llem: the server was asked for "A" and answers as "B"\. Set served_as: "B" in the server's group .* \[MODEL_ANSWERS_OTHER\]\n$/,
    )
    for (const id of readdirSync(outputDir)) expect(existsSync(`${outputDir}/${id}/result.json`)).toBe(false)
  })

  it('is measured where served_as says that it is meant', async () => {
    const { code, stdout, outputDir } = await run('A', { routes, answersAs: 'B' }, 'server.served_as=B')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^ +Served by +a server as A, which it lists; it answers as B$/m)
    expect(resultIn(outputDir).identity).toMatchObject({
      resolved: { name: 'A', by: 'listed' },
      observed: { answered: [{ model: 'B', answers: 3 }] },
    })
  })

  it('of a date is the same model', async () => {
    const { code, outputDir } = await run('gpt-4o', {
      routes: { '/v1/models': listOf('gpt-4o') },
      answersAs: 'gpt-4o-2024-08-06',
    })
    expect(code).toBe(0)
    expect(resultIn(outputDir).identity?.observed.answered).toEqual([
      { model: 'gpt-4o-2024-08-06', answers: 3 },
    ])
  })

  it('in turns is told', async () => {
    let turn = 0
    const { stdout, code, outputDir } = await run('A', {
      routes,
      answersAs: () => (turn++ % 2 === 0 ? 'A' : 'owner/a'),
    })
    expect(code).toBe(0)
    expect(stdout).toContain('several_models_answered')
    expect(resultIn(outputDir).findings.map(({ code }) => code)).toContain('several_models_answered')
  })
})
