// An OpenAI-compatible server whose every REQUESTS-th answer is a straggler: node straggling-server.mjs REQUESTS MS SLOW_MS
// A token comes every MS milliseconds, a straggler's every SLOW_MS. It prints its port.
import { createServer } from 'node:http'

const [requests, ms, slowMs] = process.argv.slice(2).map(Number)
let asked = 0

function answer(response, { max_tokens }) {
  asked += 1
  const everyMs = asked % requests === 0 ? slowMs : ms
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`)
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    const finish_reason = sent === max_tokens ? 'length' : null
    event({
      id: 'c',
      object: 'text_completion',
      created: 1,
      model: 'steady',
      choices: [{ index: 0, text: 'word ', finish_reason }],
    })
    if (sent < max_tokens) return
    clearInterval(timer)
    const usage = { prompt_tokens: 7, completion_tokens: sent, total_tokens: 7 + sent }
    event({ id: 'c', object: 'text_completion', created: 1, model: 'steady', choices: [], usage })
    response.end('data: [DONE]\n\n')
  }, everyMs)
}

createServer((request, response) => {
  const json = (body, status = 200) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }
  if (request.url === '/health') return response.end()
  if (request.url === '/version') return json({ version: '0.11.0' })
  if (request.url === '/v1/models')
    return json({
      object: 'list',
      data: [{ id: 'steady', object: 'model', owned_by: 'vllm', max_model_len: 4096 }],
    })
  if (request.url !== '/v1/completions') return json({ detail: 'Not Found' }, 404)
  let text = ''
  request.on('data', (data) => {
    text += data
  })
  request.on('end', () => answer(response, JSON.parse(text)))
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
