// An OpenAI-compatible server with manners of its own: node manners-server.mjs MODE [PORT]. It prints its port, and on stderr a
// JSON line for each request: its method, path, key and body. PORT is another server's, to which some send requests on.
import { createServer } from 'node:http'

const [mode, otherPort] = process.argv.slice(2)
const startMs = performance.now()
let awaySinceMs = null
const used = new WeakSet()
let lastAnswerMs = Number.NEGATIVE_INFINITY

const PREFIXES = {
  v3: '/v3',
  'openai-v1': '/openai/v1',
  'api-v1': '/api/v1',
  moved: '/there/v1',
  proxied: '/proxy/v1',
}
const prefix = PREFIXES[mode] ?? '/v1'

function json(response, status, body, headers = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(JSON.stringify(body))
}

function answer(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`)
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    event({ choices: [{ index: 0, text: 'word ', finish_reason: sent === 4 ? 'length' : null }] })
    if (sent < 4) return
    clearInterval(timer)
    event({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 4, total_tokens: 11 } })
    response.end('data: [DONE]\n\n')
  }, 2)
}

function complete(request, response, body) {
  const nowMs = performance.now()
  if (mode === 'no-stream-options' && body.stream_options !== undefined)
    return json(response, 400, { error: { message: 'unexpected field: stream_options' } })
  // Away for a moment, as one that restarts.
  if (mode === 'away' && request.url !== '/tokenize') {
    awaySinceMs ??= nowMs
    if (nowMs - awaySinceMs < 1200) return request.socket.destroy()
  }
  if (mode === 'one-a-second' && nowMs - lastAnswerMs < 1000)
    return json(response, 429, { error: { message: 'slow down' } }, { 'retry-after': '1' })
  if (mode === 'busy-till-a-date' && nowMs - startMs < 1500) {
    const until = new Date(Date.now() + 1000).toUTCString()
    return json(response, 503, { error: { message: 'overloaded' } }, { 'retry-after': until })
  }
  if (mode === 'comes-back-tomorrow')
    return json(response, 429, { error: { message: 'quota is used up' } }, { 'retry-after': '86400' })
  if (mode === 'stale' && used.has(request.socket)) return request.socket.resetAndDestroy()
  if (mode === 'always-stale') return request.socket.resetAndDestroy()
  used.add(request.socket)
  lastAnswerMs = nowMs
  answer(response)
}

function list(response) {
  if (mode === 'loads' && performance.now() - startMs < 11_000)
    return json(response, 503, { error: { message: 'Loading model', type: 'unavailable_error', code: 503 } })
  if (mode === 'limits-questions' && performance.now() - lastAnswerMs > 1000) {
    lastAnswerMs = performance.now()
    return json(response, 429, {}, { 'retry-after': '0.2' })
  }
  return json(response, 200, { data: [{ id: 'm', owned_by: 'openai' }] })
}

function route(request, response, body) {
  const { url } = request
  if (url === '/health' && mode === 'health-infers') return setTimeout(() => response.end('{}'), 7000)
  const redirects = {
    moved: url.startsWith('/v1/') ? `/there${url}` : null,
    'to-other-port': url === '/v1/completions' ? `http://127.0.0.1:${otherPort}${url}` : null,
    'to-other-host': url === '/v1/completions' ? `http://localhost:${otherPort}${url}` : null,
    'in-circles': url === '/v1/completions' ? url : null,
  }
  const location = redirects[mode]
  if (location) return json(response, 307, {}, { location })
  if (url === `${prefix}/models`) return list(response)
  if (url === `${prefix}/completions`) return complete(request, response, body)
  json(response, 404, { detail: 'Not Found' })
}

createServer((request, response) => {
  let body = ''
  request.on('data', (data) => {
    body += data
  })
  request.on('end', () => {
    const { method, url, headers } = request
    const told = {
      method,
      url,
      key: headers.authorization ?? null,
      body: body === '' ? null : JSON.parse(body),
    }
    process.stderr.write(`${JSON.stringify(told)}\n`)
    route(request, response, told.body)
  })
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
