// Servers that run already and have their model not in memory yet.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { startLlem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { within } from './processes.js'
import { listOf, scriptedServer } from './scripted-server.js'

vi.setConfig({ testTimeout: 60_000 })

const QUICK = ['warmup.enabled=false', 'baseline.enabled=false', 'generation.max_tokens=8'].flatMap((set) => [
  '--set',
  set,
])

function start(args: readonly string[]) {
  const outputDir = join(scratchFolder(), 'results')
  const { child, ended } = startLlem([
    'run',
    '--simulate',
    '--json',
    '-n',
    '3',
    '-o',
    outputDir,
    ...QUICK,
    ...args,
  ])
  let stderr = ''
  child.stderr?.on('data', (text: string) => {
    stderr += text
  })
  return { child, ended, outputDir, says: (text: string) => within(30_000, () => stderr.includes(text)) }
}

describe('a server that says that it loads its model', () => {
  const LLAMA_SERVER = { '/v1/models': listOf('m'), '/health': { status: 'ok' } }
  const attached = (baseUrl: string) => [
    '-b',
    'llama-server',
    '-m',
    'm',
    '--set',
    `llama-server.base_url=${baseUrl}`,
  ]

  it.each([
    ['SIGTERM', []],
    ['SIGINT', ['--validate-only']],
  ] as const)('is waited for under that name, until the first %s (%j)', async (signal, more) => {
    const { baseUrl } = await scriptedServer({ routes: LLAMA_SERVER, isLoading: () => true })
    const { child, ended, outputDir, says } = start([...attached(baseUrl), ...more])
    expect(await says('llama-server loads its model: up to 600 s')).toBe(true)
    const sentMs = performance.now()
    child.kill(signal)
    const { code } = await ended
    expect(code).toBe(130)
    // The server would be waited for ten minutes.
    expect(performance.now() - sentMs).toBeLessThan(10_000)
    expect(existsSync(outputDir) ? readdirSync(outputDir) : []).toEqual([])
  })

  it('is measured once it has it', async () => {
    let isLoading = true
    const { baseUrl } = await scriptedServer({ routes: LLAMA_SERVER, isLoading: () => isLoading })
    const { ended, says } = start(attached(baseUrl))
    expect(await says('llama-server loads its model')).toBe(true)
    isLoading = false
    expect((await ended).code).toBe(0)
  })
})

describe('a server that loads its model when it is asked for', () => {
  const ollama = (ps: () => object) => ({
    '/v1/models': listOf({ id: 'llama3.2:latest', owned_by: 'library' }),
    '/api/version': { version: '0.12.6' },
    get '/api/ps'() {
      return ps()
    },
  })
  const lmstudio = (models: () => object) => ({
    '/v1/models': listOf({ id: 'qwen', owned_by: 'organization_owner' }),
    get '/api/v0/models'() {
      return models()
    },
  })
  const RUNNING = { models: [{ name: 'llama3.2:latest', context_length: 4096 }] }
  const listed = (state: string) => ({ data: [{ id: 'qwen', state, loaded_context_length: 4096 }] })

  async function measured(backend: string, model: string, routesOf: (isLoaded: () => boolean) => object) {
    let isLoaded = false
    const { baseUrl, asked } = await scriptedServer({
      routes: routesOf(() => isLoaded) as Record<string, unknown>,
      answersAs: (name) => {
        isLoaded = true
        return name
      },
    })
    const { ended, outputDir } = start([
      '-b',
      backend,
      '-m',
      model,
      '--set',
      `${backend}.base_url=${baseUrl}`,
    ])
    const { code, stdout, stderr } = await ended
    if (code !== 0) throw new Error(stderr)
    const result = JSON.parse(stdout) as ExperimentResult
    return { result, outputDir, requests: asked.filter((each) => each === 'POST /v1/completions').length }
  }

  it.each([
    [
      'ollama',
      'llama3.2',
      (isLoaded: () => boolean) => ollama(() => (isLoaded() ? RUNNING : { models: [] })),
    ],
    [
      'lmstudio',
      'qwen',
      (isLoaded: () => boolean) => lmstudio(() => listed(isLoaded() ? 'loaded' : 'not-loaded')),
    ],
  ] as [string, string, (isLoaded: () => boolean) => object][])(
    '%s loads it before the window, by one request that is not measured',
    async (...one) => {
      const { result, requests } = await measured(...one)
      expect(requests).toBe(4)
      expect(result.serving?.requests).toMatchObject({ ok: 3, failed: 0 })
      // What only a loaded model tells is known too.
      expect(result.identity?.observed.context_size).toBe(4096)
      expect(JSON.stringify(result.findings)).not.toContain('model_not_kept')
    },
  )

  it('is asked for nothing where it says that it has the model', async () => {
    const { requests } = await measured('ollama', 'llama3.2', () => ollama(() => RUNNING))
    expect(requests).toBe(3)
  })

  it.each([
    ['forgets it at once', () => ollama(() => ({ models: [] }))],
    ['does not say it', () => ollama(() => ({ error: 'no' }))],
  ])('and %s has a finding', async (_, routes) => {
    const { result, requests } = await measured('ollama', 'llama3.2', routes)
    // When it is loaded, and before the run; the rest is measured.
    expect(requests).toBe(5)
    expect(JSON.stringify(result.findings)).toContain('model_not_kept')
  })
})
