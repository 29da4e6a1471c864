// A server on loopback that answers what a test scripts, in this process: what it lists, what it says of itself, and a
// stream of words. It writes down what it was asked.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { onTestFinished } from 'vitest'

export interface Script {
  /** GET or POST path -> JSON. What is not there is a 404. */
  routes: Record<string, unknown>
  headers?: Record<string, string>
  /** `model` of its answers; absent: what it was asked for, as most do. */
  answersAs?: string | ((model: string) => string)
  /** Before each token. 0 unless told: an answer is there at once, however short a window that makes. */
  tokenMs?: number
  /** While it is true, everything is answered as llama-server does while it loads. */
  isLoading?: () => boolean
}

export interface ScriptedServer {
  baseUrl: string
  port: number
  /** "GET /v1/models", ... in order. */
  asked: string[]
}

const LOADING = JSON.stringify({
  error: { message: 'Loading model', type: 'unavailable_error', code: 503 },
})

/** Models as /v1/models lists them. */
export function listOf(...models: (string | { id: string; [key: string]: unknown })[]) {
  const data = models.map((model) => ({
    object: 'model',
    owned_by: 'somebody',
    ...(typeof model === 'string' ? { id: model } : model),
  }))
  return { object: 'list', data }
}

/** Serves until the test has ended. */
export async function scriptedServer(script: Script): Promise<ScriptedServer> {
  const { routes, headers = {} } = script
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    asked.push(`${request.method} ${request.url}`)
    const path = request.url ?? ''
    if (script.isLoading?.()) {
      response.writeHead(503, { 'content-type': 'application/json' })
      return response.end(LOADING)
    }
    if (path.endsWith('/completions')) return answer(response, JSON.parse(body), script)
    const found = routes[path]
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json', ...headers })
    response.end(found === undefined ? '{"detail":"Not Found"}' : JSON.stringify(found))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { baseUrl: `http://127.0.0.1:${port}`, port, asked }
}

async function answer(
  response: ServerResponse,
  { model, max_tokens = 4 }: { model: string; max_tokens?: number },
  { answersAs, tokenMs = 0 }: Script,
): Promise<void> {
  const name = typeof answersAs === 'function' ? answersAs(model) : (answersAs ?? model)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (data: object) => response.write(`data: ${JSON.stringify({ model: name, ...data })}\n\n`)
  for (let token = 1; token <= max_tokens; token++) {
    if (tokenMs > 0) await setTimeout(tokenMs)
    send({ choices: [{ index: 0, text: 'word ', finish_reason: token === max_tokens ? 'length' : null }] })
  }
  const usage = { prompt_tokens: 7, completion_tokens: max_tokens, total_tokens: 7 + max_tokens }
  send({ choices: [], usage })
  response.end('data: [DONE]\n\n')
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of request) text += String(part)
  return text
}
