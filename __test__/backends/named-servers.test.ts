// Servers by name. Those here are doubles in the shapes of the vendors' documentation (named-program.mjs, scripted-server.ts);
// the real llama-server is in run-server.test.ts.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { findBackend } from '../../dist/backends/registry.js'
import { findServers } from '../../dist/backends/server/find-servers.js'
import type { ExperimentResult } from '../../dist/results/experiment.js'
import { llem } from '../native/llem.js'
import { scratchFolder } from '../native/scenario.js'
import { listOf, scriptedServer } from './scripted-server.js'

vi.setConfig({ testTimeout: 60_000 })

const DOUBLE = fileURLToPath(new URL('named-program.mjs', import.meta.url))

const OLLAMA = {
  '/v1/models': listOf({ id: 'llama3.2:latest', owned_by: 'library' }),
  '/api/version': { version: '0.12.6' },
  '/api/tags': { models: [{ name: 'llama3.2:latest', details: { quantization_level: 'Q4_K_M' } }] },
  '/api/show': { details: { format: 'gguf', quantization_level: 'Q4_K_M' }, model_info: {} },
  '/api/ps': { models: [{ name: 'llama3.2:latest', context_length: 4096 }] },
}
const LM_STUDIO = {
  '/v1/models': listOf({ id: 'qwen2.5-7b-instruct', owned_by: 'organization_owner' }),
  '/api/v0/models': {
    object: 'list',
    data: [
      {
        ...{
          id: 'qwen2.5-7b-instruct',
          object: 'model',
          type: 'llm',
          publisher: 'lmstudio-community',
          arch: 'qwen2',
        },
        ...{ compatibility_type: 'gguf', quantization: 'Q4_K_M', state: 'loaded' },
        ...{ max_context_length: 32768, loaded_context_length: 8192 },
      },
    ],
  },
}
const SGLANG = {
  '/v1/models': listOf({ id: 'o/m', owned_by: 'sglang', root: 'o/m', max_model_len: 4096 }),
  '/server_info': {
    model_path: 'o/m',
    version: '0.5.5',
    tp_size: 2,
    context_length: 4096,
    dtype: 'bfloat16',
  },
}
const TGI = {
  '/v1/models': listOf({ id: 'o/m', owned_by: 'o/m' }),
  '/info': { model_id: 'o/m', model_dtype: 'torch.float16', max_total_tokens: 4096, version: '3.3.6' },
}
const LLAMA_SERVER = {
  '/v1/models': listOf({ id: '/models/m.gguf', owned_by: 'llamacpp' }),
  '/props': {
    build_info: 'b7000',
    model_path: '/models/m.gguf',
    default_generation_settings: { n_ctx: 2048 },
  },
  '/health': { status: 'ok' },
}
const ALL = [
  [
    'ollama',
    'llama3.2',
    OLLAMA,
    { engine: 'ollama', engine_version: '0.12.6', context_size: 4096, quantisation: 'Q4_K_M' },
  ],
  [
    'lmstudio',
    'qwen2.5-7b-instruct',
    LM_STUDIO,
    { engine: 'lmstudio', context_size: 8192, quantisation: 'Q4_K_M' },
  ],
  [
    'sglang',
    'o/m',
    SGLANG,
    { engine: 'sglang', engine_version: '0.5.5', context_size: 4096, tensor_parallel: 2 },
  ],
  ['tgi', 'o/m', TGI, { engine: 'tgi', engine_version: '3.3.6', context_size: 4096, dtype: 'float16' }],
  [
    'llama-server',
    '/models/m.gguf',
    LLAMA_SERVER,
    { engine: 'llamacpp', engine_version: 'b7000', context_size: 2048 },
  ],
] as const

const check = (
  backend: string,
  model: string,
  options: Record<string, unknown>,
  env?: NodeJS.ProcessEnv,
  python?: string,
) => findBackend(backend).check({ model, options, dataDir: '/nowhere', imports: 'never', env, python })

describe('a server that runs already', () => {
  it.each(ALL)('%s is known by what it says', async (backend, model, routes, observed) => {
    const { baseUrl } = await scriptedServer({ routes })
    const { server } = await check(backend, model, { base_url: baseUrl })
    expect(server?.observed).toMatchObject(observed)
  })

  it.each(ALL)('%s is listed with the name to type', async (backend, model, routes) => {
    const { baseUrl } = await scriptedServer({ routes })
    expect(await findServers([baseUrl])).toMatchObject([{ url: baseUrl, backend }])
    const { stdout, stderr } = await llem(['servers', baseUrl])
    expect(stdout).toContain(`-b ${backend}`)
    expect(stderr).toMatch(
      new RegExp(
        `llem run -m \\S*${model.replace(/.*\//, '')}\\S* -b ${backend} --set ${backend}.base_url=${baseUrl}`,
      ),
    )
  })

  it('of another kind, by its own word, is refused with the name that it has', async () => {
    const { baseUrl } = await scriptedServer({ routes: LLAMA_SERVER })
    await expect(check('ollama', 'm', { base_url: baseUrl })).rejects.toMatchObject({
      code: 'SERVER_IS_OTHER',
      kind: 'usage',
      hint: `Use -b llama-server --set llama-server.base_url=${baseUrl}, or correct the address.`,
    })
  })

  it('is refused for a model that it has for embeddings', async () => {
    const id = 'text-embedding-nomic-embed-text-v1.5'
    const { baseUrl } = await scriptedServer({
      routes: {
        '/v1/models': listOf({ id, owned_by: 'organization_owner' }),
        '/api/v0/models': { data: [{ id, type: 'embeddings', state: 'not-loaded' }] },
      },
    })
    await expect(check('lmstudio', id, { base_url: baseUrl })).rejects.toMatchObject({
      code: 'MODEL_NOT_SERVED',
      message: expect.stringContaining('for embeddings'),
    })
  })

  it('that does not say what it is may be a proxy before it', async () => {
    const { baseUrl } = await scriptedServer({ routes: { '/v1/models': listOf('llama3.2') } })
    expect((await check('ollama', 'llama3.2', { base_url: baseUrl })).server?.observed.engine).toBeNull()
  })

  it('is asked for the model by the name that it has for it', async () => {
    const { baseUrl } = await scriptedServer({ routes: OLLAMA })
    const { stdout } = await llem([
      ...[
        'run',
        '--simulate',
        '--json',
        '-b',
        'ollama',
        '-m',
        'ollama:llama3.2',
        '-n',
        '3',
        '-o',
        scratchFolder(),
      ],
      ...QUICK,
      '--set',
      `ollama.base_url=${baseUrl}`,
    ])
    const { identity, model } = JSON.parse(stdout) as ExperimentResult
    expect(model).toBe('ollama:llama3.2')
    expect(identity).toMatchObject({
      resolved: { name: 'llama3.2:latest', by: 'listed' },
      observed: { engine: 'ollama' },
      source: null,
    })
  })
})

describe('where nothing is said', () => {
  it.each([
    ['ollama', 'http://127.0.0.1:11434'],
    ['lmstudio', 'http://127.0.0.1:1234'],
  ])('%s runs already, at %s', async (backend, url) => {
    const { stdout } = await llem(['run', '-m', 'm', '-b', backend, '--dry-run', '--json'])
    expect(JSON.parse(stdout).config[backend].base_url).toBe(url)
  })

  it.each(['sglang', 'tgi', 'llama-server'])(
    '%s is started, and how to have it is told where it is not there',
    async (backend) => {
      await expect(check(backend, 'm', {}, { PATH: '/nowhere' })).rejects.toMatchObject({
        code: 'BACKEND_NOT_INSTALLED',
        hint: expect.stringContaining(`${backend}.base_url, e.g. http://127.0.0.1:`),
      })
    },
  )

  it('LM Studio is never started', async () => {
    const { code, stderr } = await llem([
      'run',
      '-m',
      'm',
      '-b',
      'lmstudio',
      '--dry-run',
      '--set',
      'lmstudio.base_url=null',
    ])
    expect(code).toBe(2)
    expect(stderr).toContain('lmstudio.base_url')
  })

  it('a variable has no dash', async () => {
    const { stdout } = await llem(['run', '-m', 'm', '-b', 'llama-server', '--dry-run', '--json'], {
      env: { LLEM_LLAMA_SERVER__PARALLEL: '4' },
    })
    expect(JSON.parse(stdout).config['llama-server'].parallel).toBe(4)
  })
})

const QUICK = [...['warmup.enabled=false', 'baseline.enabled=false', 'generation.max_tokens=8']].flatMap(
  (set) => ['--set', set],
)

/** A folder with the double under the name of a program. */
function program(name: string): { path: string; folder: string } {
  const folder = join(scratchFolder(), 'bin')
  mkdirSync(folder)
  const path = join(folder, name)
  copyFileSync(DOUBLE, path)
  chmodSync(path, 0o755)
  // Without it, a file without an ending is no module.
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  return { path, folder }
}

async function started(name: string, args: string[]) {
  const { path, folder } = program(name)
  if (name === 'python3')
    mkdirSync(join(dirname(folder), 'lib', 'python3.12', 'site-packages', 'sglang-0.5.5.dist-info'), {
      recursive: true,
    })
  const { code, stdout, stderr } = await llem(
    [
      'run',
      '--simulate',
      '--json',
      '-n',
      '3',
      '-o',
      scratchFolder(),
      ...QUICK,
      ...args.map((arg) => arg.replace('{path}', path)),
    ],
    { env: { PATH: `${folder}${delimiter}${process.env.PATH}`, LLEM_TEST_SEEN: folder } },
  )
  if (code !== 0) throw new Error(stderr)
  const seen = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as {
    args: string[]
    host: string | null
  }
  return { result: JSON.parse(stdout) as ExperimentResult, ...seen }
}

describe('a server that llem starts', () => {
  it('ollama serve listens where a variable says', async () => {
    const { args, host, result } = await started('ollama', [
      '-b',
      'ollama',
      '-m',
      'tiny',
      '--set',
      'ollama.base_url=null',
    ])
    expect(args).toEqual(['serve'])
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/)
    expect(result.identity).toMatchObject({
      resolved: { name: 'tiny:latest' },
      observed: { engine: 'ollama', context_size: 4096 },
    })
  })

  it("sglang is a module of the configuration's Python", async () => {
    const { args, result } = await started('python3', [
      ...[
        '-b',
        'sglang',
        '-m',
        'o/m',
        '--set',
        'python={path}',
        '--set',
        'sglang.tp_size=1',
        '--set',
        'sglang.context_length=2048',
      ],
      ...['--set', 'sglang.args=[--log-level, error]'],
    ])
    expect(args).toEqual([
      ...[
        '-m',
        'sglang.launch_server',
        '--model-path',
        'o/m',
        '--host',
        '127.0.0.1',
        '--port',
        expect.stringMatching(/^\d+$/),
      ],
      ...['--tp-size', '1', '--context-length', '2048', '--log-level', 'error'],
    ])
    expect(result.identity).toMatchObject({
      asked: { context_size: 2048, gpus: 1 },
      observed: { engine: 'sglang', engine_version: '0.5.5', context_size: 2048, dtype: 'bfloat16' },
    })
  })

  it('text-generation-launcher has a name of its own for the host', async () => {
    const { args, result } = await started('text-generation-launcher', [
      '-b',
      'tgi',
      '-m',
      'o/m',
      '--set',
      'tgi.quantize=awq',
    ])
    expect(args).toEqual([
      ...[
        '--model-id',
        'o/m',
        '--hostname',
        '127.0.0.1',
        '--port',
        expect.stringMatching(/^\d+$/),
        '--quantize',
        'awq',
      ],
    ])
    expect(result.identity).toMatchObject({
      asked: { quantisation: 'awq' },
      observed: { engine: 'tgi', engine_version: '3.3.6' },
    })
  })

  it('llama-server gets a GGUF file', async () => {
    const file = join(scratchFolder(), 'm.gguf')
    writeFileSync(file, 'GGUF')
    const { args, result } = await started('llama-server', [
      '-b',
      'llama-server',
      '-m',
      file,
      '--set',
      'llama-server.parallel=2',
    ])
    expect(args).toEqual([
      ...['-m', file, '--host', '127.0.0.1', '--port', expect.stringMatching(/^\d+$/), '--parallel', '2'],
    ])
    expect(result.identity).toMatchObject({ observed: { engine: 'llamacpp', context_size: 2048 } })
  })
})
