// An OpenAI-compatible server with faults, for what the real llama-server does not do: node fake-openai.mjs MODE
// It prints its port. Shaped on OpenAI's API reference and on what vLLM's documentation and answers look like
// (/v1/models with owned_by and max_model_len, `usage` in a last chunk without choices, flat and nested errors).
import { createServer } from 'node:http'

const mode = process.argv[2] ?? 'good'
const KEY = 'sk-fake-0123456789'
let asked = 0

const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json', server: 'fake/1.0' })
  response.end(JSON.stringify(body))
}
const event = (response, data) => response.write(`data: ${JSON.stringify(data)}\n\n`)
const chunk = (text, finish_reason = null) => ({
  id: 'cmpl-1',
  object: 'text_completion',
  created: 1,
  model: 'fake',
  choices: [{ index: 0, text, logprobs: null, finish_reason }],
})
const models = ['fake', ...(mode === 'two-models' ? ['other'] : [])].map((id) => ({
  id,
  object: 'model',
  owned_by: mode === 'unknown' ? 'somebody' : 'vllm',
  max_model_len: 4096,
}))

function complete(request, response, body) {
  asked += 1
  const turn = asked
  if (mode === 'http-500')
    return json(response, 500, { error: { message: `the engine is dead (key ${KEY})`, code: 500 } })
  if (mode === 'http-400')
    return json(response, 400, { object: 'error', message: 'prompt too long', code: 400 })
  if (mode === 'http-422')
    return json(response, 422, { detail: [{ loc: ['body', 'seed'], msg: 'bad seed' }] })
  if (mode === 'third-fails' && turn % 3 === 0) return json(response, 503, { error: { message: 'busy' } })
  if (mode === 'first-fails' && turn === 1) return json(response, 503, { error: { message: 'busy' } })
  if (mode === 'hangs-up') return request.socket.destroy()
  response.writeHead(200, { 'content-type': 'text/event-stream', server: 'fake/1.0' })
  if (mode === 'stalls') return response.flushHeaders()
  if (mode === 'says-bodies') process.stderr.write(`${JSON.stringify(body)}\n`)
  const count = body.max_tokens
  const perChunk = mode === 'three-per-chunk' || mode === 'no-usage-tokenizer' ? 3 : 1
  let sent = 0
  const next = () => {
    sent += perChunk
    const last = sent >= count
    if (mode === 'breaks' && sent > count / 2) return response.destroy()
    if (mode === 'stops-short' && sent > count / 2) return response.end()
    if (mode === 'error-in-stream' && sent > 2) {
      event(response, { error: { message: 'CUDA out of memory', type: 'InternalServerError', code: 500 } })
      return response.end('data: [DONE]\n\n')
    }
    if (mode === 'nonsense') return response.end('data: {"choices": [\n\n')
    // The characters of one word in packets that cut them.
    const text = mode === 'umlauts' ? 'ä€😀' : 'word '.repeat(perChunk)
    if (mode === 'umlauts') {
      const bytes = Buffer.from(`data: ${JSON.stringify(chunk(text, last ? 'length' : null))}\n\n`)
      const cut = bytes.indexOf(0xf0) + 2
      response.write(bytes.subarray(0, cut))
      setTimeout(() => response.write(bytes.subarray(cut)), 5)
      return setTimeout(last ? end : next, 10)
    }
    const reason = { eos: 'stop', aborts: 'abort' }[mode] ?? 'length'
    event(response, chunk(text, last ? reason : null))
    if (last) end()
    else setTimeout(next, mode === 'slow' ? 300 : 20)
  }
  const end = () => {
    const completion_tokens = mode.startsWith('miscounts') ? count * 2 : count + (mode === 'eos' ? 1 : 0)
    const usage = { prompt_tokens: 7, completion_tokens, total_tokens: 7 + completion_tokens }
    if (mode === 'cached') usage.prompt_tokens_details = { cached_tokens: 5 }
    if (mode !== 'no-usage' && mode !== 'unknown' && mode !== 'no-usage-tokenizer')
      event(response, { ...chunk(''), choices: [], usage })
    response.end('data: [DONE]\n\n')
  }
  next()
}

createServer((request, response) => {
  const { url } = request
  const refused = mode === 'wants-key' && request.headers.authorization !== `Bearer ${KEY}`
  if (refused && url !== '/health')
    return json(response, 401, { error: { message: `Incorrect API key: ${request.headers.authorization}` } })
  if (url === '/health') return mode === 'no-health' ? json(response, 404, {}) : response.end()
  if (url === '/v1/models') return json(response, 200, { object: 'list', data: models })
  if (url === '/version')
    return mode === 'unknown' ? json(response, 404, {}) : json(response, 200, { version: '0.11.0' })
  const isTokenizer = url === '/tokenize' && mode.endsWith('-tokenizer')
  if (url !== '/v1/completions' && !isTokenizer) return json(response, 404, { detail: 'Not Found' })
  let text = ''
  request.on('data', (data) => {
    text += data
  })
  request.on('end', () => {
    const body = JSON.parse(text)
    // A token for each word.
    if (isTokenizer)
      json(response, 200, {
        tokens: body.prompt
          .trim()
          .split(' ')
          .map((_, at) => at),
      })
    else complete(request, response, body)
  })
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
