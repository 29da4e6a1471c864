// A server that tells all that it was told: node telltale-server.mjs MODE --port N [secrets]. It prints its arguments
// and its environment, in plain, percent-encoded and base64, also in two pieces, and repeats the headers of requests.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

const [mode = 'good'] = process.argv.slice(2)
const port = Number(process.argv[process.argv.indexOf('--port') + 1])

function* retold(text) {
  yield text
  yield encodeURIComponent(text)
  for (const before of ['', 'x', 'xx']) yield Buffer.from(before + text).toString('base64')
  yield JSON.stringify(text)
}

async function tellEverything() {
  const told = [...process.argv.slice(2), ...Object.entries(process.env).map((entry) => entry.join('='))]
  for (const text of told) {
    for (const form of retold(text)) process.stderr.write(`${form}\n`)
    const half = Math.floor(text.length * 0.7)
    process.stdout.write(text.slice(0, half))
    await sleep(1)
    process.stdout.write(`${text.slice(half)}\n`)
  }
}

const words = (request) =>
  [...retold(request.headers.authorization ?? 'nothing'), JSON.stringify(request.headers)].join(' ')
const json = (request, response, status, body) => {
  response.writeHead(status, {
    'content-type': 'application/json',
    server: `telltale ${request.headers.authorization}`,
  })
  response.end(JSON.stringify(body))
}

function complete(request, response, body) {
  const said = `${words(request)} ${JSON.stringify(body)}`
  if (mode === 'error-body') return json(request, response, 500, { error: { message: said } })
  if (mode === 'plain-body') {
    response.writeHead(502)
    return response.end(said)
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const event = (data) => response.write(`data: ${JSON.stringify(data)}\n\n`)
  if (mode === 'error-event') {
    event({ error: { detail: { headers: request.headers, said } } })
    return response.end()
  }
  if (mode === 'nonsense-event') return response.end(`data: {"x": ${said}\n\n`)
  if (mode === 'dies') {
    process.stderr.write(`fatal: ${said}`)
    setTimeout(() => process.exit(3), 50)
    return
  }
  if (mode === 'hangs') return response.flushHeaders()
  for (let token = 1; token <= body.max_tokens; token += 1)
    event({
      choices: [{ text: `${words(request)} `, finish_reason: token === body.max_tokens ? 'length' : null }],
    })
  event({ choices: [], usage: { prompt_tokens: 5, completion_tokens: body.max_tokens } })
  response.end('data: [DONE]\n\n')
}

await tellEverything()
createServer((request, response) => {
  process.stderr.write(`${request.method} ${request.url} ${words(request)}\n`)
  if (request.url === '/health') return response.end()
  if (request.url === '/v1/models')
    return json(request, response, 200, { data: [{ id: `fake ${request.headers.authorization}` }] })
  if (request.url === '/version') return json(request, response, 200, { version: words(request) })
  let text = ''
  request.on('data', (data) => {
    text += data
  })
  request.on('end', () => {
    if (request.url === '/v1/completions') complete(request, response, JSON.parse(text))
    else json(request, response, 404, { detail: words(request) })
  })
}).listen(port, '127.0.0.1', function () {
  if (port === 0) process.stdout.write(`${this.address().port}\n`)
})
