#!/usr/bin/env node
// Stands for the programs of servers that are not on the machines that run the tests: ollama, python -m sglang.launch_server,
// text-generation-launcher and llama-server, by the name under which it is started. What it answers has the shapes of their
// documentation: docs.ollama.com/api, docs.sglang.io (server_info), huggingface.co/docs/text-generation-inference (/info),
// tools/server/README.md of llama.cpp (/props). It writes down how it was started.

import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { basename, join } from 'node:path'

const [, script = '', ...args] = process.argv
const name = basename(script)
const valueIn = (option) => args[args.indexOf(option) + 1]
writeFileSync(
  join(process.env.LLEM_TEST_SEEN ?? '.', `${name}.json`),
  JSON.stringify({ args, host: process.env.OLLAMA_HOST ?? null }),
)
const [host, port] =
  name === 'ollama'
    ? process.env.OLLAMA_HOST.split(':')
    : [valueIn(name === 'text-generation-launcher' ? '--hostname' : '--host'), valueIn('--port')]

const list = (...models) => ({ object: 'list', data: models.map((model) => ({ object: 'model', ...model })) })
const KINDS = {
  ollama: () => ({
    '/v1/models': list({ id: 'tiny:latest', owned_by: 'library' }),
    '/api/version': { version: '0.12.6' },
    '/api/show': {
      details: { format: 'gguf', quantization_level: 'Q4_K_M' },
      model_info: { 'llama.context_length': 131072 },
    },
    '/api/ps': {
      models: [{ name: 'tiny:latest', model: 'tiny:latest', size: 1, size_vram: 1, context_length: 4096 }],
    },
  }),
  python3: () => ({
    '/v1/models': list({
      id: valueIn('--model-path'),
      owned_by: 'sglang',
      root: valueIn('--model-path'),
      max_model_len: 2048,
    }),
    '/server_info': {
      model_path: valueIn('--model-path'),
      version: '0.5.5',
      dtype: 'bfloat16',
      quantization: null,
      tp_size: 1,
      context_length: 2048,
    },
  }),
  'text-generation-launcher': () => ({
    '/v1/models': list({ id: valueIn('--model-id'), owned_by: valueIn('--model-id') }),
    '/info': {
      model_id: valueIn('--model-id'),
      model_dtype: 'torch.float16',
      max_total_tokens: 4096,
      version: '3.3.6',
    },
  }),
  'llama-server': () => ({
    '/v1/models': list({ id: valueIn('-m'), owned_by: 'llamacpp', meta: { n_ctx_train: 4096 } }),
    '/props': {
      build_info: 'b7000',
      model_path: valueIn('-m'),
      default_generation_settings: { n_ctx: 2048 },
    },
    '/health': { status: 'ok' },
  }),
}
const routes = KINDS[name]()

createServer(async (request, response) => {
  let text = ''
  for await (const part of request) text += part
  const answer = routes[request.url]
  if (request.url.endsWith('/completions')) return complete(JSON.parse(text), response)
  response.writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer ?? { error: 'not found' }))
}).listen(Number(port), host)

function complete({ model, max_tokens = 4 }, response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (event) =>
    response.write(`data: ${JSON.stringify({ object: 'text_completion', model, ...event })}\n\n`)
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    const isLast = sent === max_tokens
    send({ choices: [{ index: 0, text: ` word${sent}`, finish_reason: isLast ? 'length' : null }] })
    if (!isLast) return
    clearInterval(timer)
    send({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: max_tokens, total_tokens: 7 + max_tokens },
    })
    response.end('data: [DONE]\n\n')
  }, 3)
}
