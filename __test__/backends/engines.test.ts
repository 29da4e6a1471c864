// What is known of a server by what it says, in the shapes that the engines document.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ServerIdentity } from '../../dist/backends/identity.js'
import { findBackend } from '../../dist/backends/registry.js'
import { Connection } from '../../dist/backends/server/connection.js'
import { askServedModel } from '../../dist/backends/server/identify.js'
import { listOf, type Script, scriptedServer } from './scripted-server.js'

async function identityOf(
  model: string,
  script: Script,
  options: Record<string, unknown> = {},
): Promise<ServerIdentity> {
  const { baseUrl } = await scriptedServer(script)
  const { server } = await findBackend('server').check({
    model,
    options: { base_url: baseUrl, ...options },
    dataDir: '/nowhere',
    imports: 'never',
  })
  if (server === null) throw new Error('no server was asked')
  return server
}

describe('an engine', () => {
  it.for([
    [
      'vLLM',
      'meta-llama/Llama-3.1-8B',
      {
        '/v1/models': listOf({
          id: 'meta-llama/Llama-3.1-8B',
          owned_by: 'vllm',
          root: '/models/llama',
          parent: null,
          max_model_len: 8192,
        }),
        '/version': { version: '0.11.0' },
      },
      {
        by: 'listed',
        observed: {
          model: 'meta-llama/Llama-3.1-8B',
          owner: 'vllm',
          root: '/models/llama',
          parent: null,
          engine: 'vllm',
          engine_version: '0.11.0',
          context_size: 8192,
          dtype: null,
          tensor_parallel: null,
        },
      },
    ],
    [
      'SGLang, which tells its arguments',
      'qwen/qwen2.5-0.5b-instruct',
      {
        '/v1/models': listOf({
          id: 'qwen/qwen2.5-0.5b-instruct',
          owned_by: 'sglang',
          root: 'qwen/qwen2.5-0.5b-instruct',
          max_model_len: 32768,
        }),
        '/get_server_info': {
          model_path: 'qwen/qwen2.5-0.5b-instruct',
          api_key: 'sk-nobody-keeps-this',
          dtype: 'bfloat16',
          quantization: 'fp8',
          context_length: null,
          tp_size: 2,
          pp_size: 1,
          dp_size: 4,
          internal_states: [{}],
          version: '0.5.3',
        },
      },
      {
        observed: {
          engine: 'sglang',
          engine_version: '0.5.3',
          context_size: 32768,
          dtype: 'bfloat16',
          quantisation: 'fp8',
          tensor_parallel: 2,
          pipeline_parallel: 1,
          data_parallel: 4,
        },
      },
    ],
    [
      'Text Generation Inference, whose list names the model as its owner',
      'mistralai/Mistral-7B-v0.3',
      {
        '/v1/models': listOf({ id: 'mistralai/Mistral-7B-v0.3', owned_by: 'mistralai/Mistral-7B-v0.3' }),
        '/info': {
          model_id: 'mistralai/Mistral-7B-v0.3',
          model_dtype: 'torch.float16',
          max_total_tokens: 4096,
          version: '3.3.5',
          router: 'text-generation-router',
        },
      },
      {
        observed: { engine: 'tgi', engine_version: '3.3.5', context_size: 4096, dtype: 'float16' },
      },
    ],
    [
      'llama-server',
      '/models/tiny-q8.gguf',
      {
        '/v1/models': listOf({
          id: 'tiny-q8.gguf',
          owned_by: 'llamacpp',
          meta: { n_ctx_train: 131072, n_params: 1e9 },
        }),
        '/props': {
          build_info: 'b8681-abcdef',
          model_path: '/models/tiny-q8.gguf',
          default_generation_settings: { n_ctx: 4096 },
        },
      },
      {
        by: 'alike',
        observed: {
          engine: 'llamacpp',
          engine_version: 'b8681-abcdef',
          context_size: 4096,
          root: '/models/tiny-q8.gguf',
        },
      },
    ],
    [
      'llama-server under an alias, by the path that it tells',
      '/models/tiny-q8.gguf',
      {
        '/v1/models': listOf({ id: 'my-model', owned_by: 'llamacpp' }),
        '/props': { build_info: 'b8681', model_path: '/models/tiny-q8.gguf' },
      },
      { name: 'my-model', by: 'told_path', observed: { model: 'my-model', root: '/models/tiny-q8.gguf' } },
    ],
    [
      'Ollama',
      'llama3.2',
      {
        '/v1/models': listOf(
          { id: 'llama3.2:latest', owned_by: 'library' },
          { id: 'qwen3:4b', owned_by: 'library' },
        ),
        '/api/version': { version: '0.12.6' },
        '/api/show': {
          details: { format: 'gguf', quantization_level: 'Q4_K_M' },
          model_info: { 'general.architecture': 'llama', 'llama.context_length': 131072 },
        },
        '/api/ps': { models: [{ name: 'llama3.2:latest', context_length: 4096, size_vram: 1 }] },
      },
      {
        name: 'llama3.2:latest',
        observed: {
          engine: 'ollama',
          engine_version: '0.12.6',
          quantisation: 'Q4_K_M',
          context_size: 4096,
          owner: 'library',
        },
      },
    ],
    [
      'LM Studio',
      'lmstudio-community/Meta-Llama-3.1-8B-Instruct',
      {
        '/v1/models': listOf({ id: 'meta-llama-3.1-8b-instruct', owned_by: 'organization_owner' }),
        '/api/v0/models': {
          data: [
            {
              id: 'meta-llama-3.1-8b-instruct',
              state: 'loaded',
              quantization: 'Q4_K_M',
              max_context_length: 131072,
              loaded_context_length: 8192,
            },
          ],
        },
      },
      { observed: { engine: 'lmstudio', quantisation: 'Q4_K_M', context_size: 8192, engine_version: null } },
    ],
    [
      'TensorRT-LLM, which names a folder by its last part',
      '/engines/llama-3.1-8b',
      {
        '/v1/models': listOf({ id: 'llama-3.1-8b', owned_by: 'tensorrt_llm' }),
        '/version': { version: '1.2.0' },
      },
      { by: 'alike', observed: { engine: 'tensorrt_llm', engine_version: '1.2.0', context_size: null } },
    ],
    [
      'that nobody knows is null with the reason',
      'A',
      { '/v1/models': listOf('A') },
      {
        observed: {
          engine: null,
          engine_version: 'fake/1.0',
          owner: 'somebody',
          reasons: { engine: expect.stringContaining('nothing by which'), dtype: expect.any(String) },
        },
      },
    ],
    [
      'of a proxy that lists a pattern',
      'openai/gpt-4o',
      { '/v1/models': listOf({ id: 'openai/*', owned_by: 'openai' }) },
      { name: 'openai/gpt-4o', by: 'pattern', observed: { model: 'openai/*', owner: 'openai' } },
    ],
    [
      'without a list, that answers nothing else',
      'A',
      {},
      {
        name: 'A',
        by: 'unlisted',
        observed: { model: null, reasons: { model: 'the server lists no models' } },
      },
    ],
  ] as const)('%s', async ([, model, routes, expected]) => {
    const identity = await identityOf(model, { routes, headers: { server: 'fake/1.0' } })
    expect(identity).toMatchObject(expected)
    expect(JSON.stringify(identity)).not.toContain('sk-nobody')
    const { observed } = identity
    for (const [field, value] of Object.entries(observed))
      if (value === null) expect(observed.reasons[field], field).toEqual(expect.any(String))
  })
})

describe('a server that serves something else', () => {
  it.for([
    [
      'by its list',
      { '/v1/models': listOf('B') },
      'the server does not serve "A", but B; what would be measured is not what was asked for',
    ],
    [
      'by the path that it tells, too',
      {
        '/v1/models': listOf({ id: 'my-model', owned_by: 'llamacpp' }),
        '/props': { build_info: 'b1', model_path: '/models/b-q8.gguf' },
      },
      'the server does not serve "A", but my-model, which is /models/b-q8.gguf; what would be measured is not what was asked for',
    ],
    [
      'by what it tells without a list',
      { '/info': { model_id: 'owner/B', version: '2.0.0' } },
      'the server does not serve "A", but owner/B; what would be measured is not what was asked for',
    ],
  ] as const)('%s is refused', async ([, routes, message]) => {
    await expect(identityOf('A', { routes })).rejects.toMatchObject({ code: 'MODEL_NOT_SERVED', message })
  })

  it('is asked for nothing that computes', async () => {
    const server = await scriptedServer({ routes: { '/v1/models': listOf('A') } })
    await findBackend('server').check({
      model: 'A',
      options: { base_url: server.baseUrl },
      dataDir: '/nowhere',
      imports: 'never',
    })
    expect(server.asked.filter((line) => line.startsWith('POST'))).toEqual([])
  })

  it('is accepted where served_as says that it is meant', async () => {
    const routes = { '/v1/models': listOf('B') }
    expect(await identityOf('A', { routes }, { served_as: 'B' })).toMatchObject({
      name: 'B',
      by: 'served_as',
    })
  })
})

describe('a server that lets questions beside OpenAI’s API go unanswered', () => {
  it('is known by what it answers, within seconds', async () => {
    const listed = JSON.stringify(listOf('m'))
    const silent = createServer(({ url }, response) => {
      if (url === '/v1/models') response.writeHead(200, { 'content-type': 'application/json' }).end(listed)
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      silent.closeAllConnections()
      silent.close()
    })
    const { port } = silent.address() as AddressInfo
    const connection = new Connection(`http://127.0.0.1:${port}/v1`, null)
    const startMs = performance.now()
    const asked = { model: 'm', name: null, servedAs: null, isStartedWith: false }
    const { identity } = await askServedModel(connection, { title: 'the server', asked })
    await connection.close()
    expect(identity).toMatchObject({ name: 'm', observed: { engine: null } })
    // Five seconds for the first questions, which are asked together, and less for those after them: 30 s before.
    expect(performance.now() - startMs).toBeLessThan(9000)
  })
})
