// A server that does harm in many ways: node hostile-server.mjs serve. It prints its port; the first part of a path is
// the number of the behaviour. What a behaviour leaves out is answered as a server that works answers.
import { createServer } from 'node:http'
import { gzipSync } from 'node:zlib'
import { chunk, dripping, endless, event, json, stream } from './hostile-answers.mjs'
import { WIRE_COMPLETIONS, WIRE_HEALTH, WIRE_MODELS } from './hostile-wire.mjs'

const answers = (response, usage = { prompt_tokens: 7, completion_tokens: 2 }) => {
  stream(response)
  response.end(
    event(chunk('a')) + event(chunk('b', 'length')) + event({ choices: [], usage }) + event('[DONE]'),
  )
}
const raw = (response, text) => response.socket.write(text)
const BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 })
const ESCAPES = '\u001b[2J\u001b]0;owned\u0007\u202e'
const nested = '['.repeat(900_000)

const HEALTH = {
  ...WIRE_HEALTH,
  'health: a body without end': (_, response) => endless(response, 'x'.repeat(65_536)),
  'health: bytes of a header, one by one': (_, response) =>
    dripping(response.socket, 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'.repeat(99), 200),
  'health: headers without end': (_, response) => {
    raw(response, 'HTTP/1.1 200 OK\r\n')
    endless(response.socket, 'X-More: and more\r\n'.repeat(1000))
  },
  'health: one header without end': (_, response) => {
    raw(response, 'HTTP/1.1 200 OK\r\nX-More: ')
    endless(response.socket, 'y'.repeat(65_536))
  },
  'health: no answer': () => undefined,
  'health: redirects to itself': (request, response) =>
    response.writeHead(302, { location: request.url }).end(),
  'health: hangs up': (_, response) => response.socket.destroy(),
  'health: resets': (_, response) => response.socket.resetAndDestroy(),
  'health: half closed': (_, response) => response.socket.end(),
  'health: 100 Continue without end': (_, response) =>
    endless(response.socket, 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(99)),
}
const MODELS = {
  ...WIRE_MODELS,
  'models: no answer': () => undefined,
  'models: a body without end': (_, response) => endless(response, `{"data":[${'{"id":"m"},'.repeat(5000)}`),
  'models: 200,000 ids of escape codes': (_, response) => {
    const data = Array.from({ length: 200_000 }, (_, index) => ({ id: `\u001b[2J${index}` }))
    json(response, 200, { data })
  },
  'models: nested without end': (_, response) => json(response, 200, `{"data":${nested}`),
  'models: a gzip bomb': (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(BOMB)
  },
  'models: a page of HTML': (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html>not here</html>'),
  'models: NaN and Infinity': (_, response) =>
    json(response, 200, '{"data":[{"id":"m","max_model_len":NaN}]}'),
}
const COMPLETIONS = {
  ...WIRE_COMPLETIONS,
  'one line without end': (_, response) => {
    stream(response).write('data: {"choices":[{"text":"')
    endless(response, 'x'.repeat(65_536))
  },
  'one event of lines without end': (_, response) => endless(stream(response), 'data: x\n'.repeat(8192)),
  'comments without end': (_, response) => endless(stream(response), ': still here\n'.repeat(4096)),
  'events of one letter without end': (_, response) =>
    endless(stream(response), event(chunk('a')).repeat(500)),
  'long events without end': (_, response) => endless(stream(response), event(chunk('a'.repeat(900_000)))),
  '2 GB announced, in chunks': (_, response) => {
    raw(
      response,
      'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n',
    )
    endless(response.socket, 'z'.repeat(65_536))
  },
  '2 GB announced, nothing sent': (_, response) => {
    stream(response, { 'content-length': String(2 ** 31) }).flushHeaders()
    setTimeout(() => response.socket.end(), 500)
  },
  'a gzip bomb': (_, response) => stream(response, { 'content-encoding': 'gzip' }).end(BOMB),
  'an event nested without end': (_, response) => stream(response).end(event(nested)),
  'usage of 9e15 tokens': (_, response) =>
    answers(response, { prompt_tokens: 9e15, completion_tokens: 9e15 }),
  'usage of 1e999 tokens': (_, response) => {
    stream(response)
    response.end(
      `${event(chunk('b', 'length'))}data: {"choices":[],"usage":{"prompt_tokens":1e999,"completion_tokens":-1}}\n\n`,
    )
  },
  'NaN in an event': (_, response) => stream(response).end('data: {"choices":[{"text":NaN}]}\n\n'),
  'nulls everywhere': (_, response) =>
    stream(response).end(
      event('null') + event({ choices: [null] }) + event({ choices: [{ delta: null, text: null }] }),
    ),
  'numbers for texts': (_, response) =>
    stream(response).end(event({ choices: [{ text: 5, finish_reason: 7 }], usage: 'many' })),
  'a page of HTML': (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>'),
  'redirects to itself': (request, response) => response.writeHead(307, { location: request.url }).end(),
  'half closed': (_, response) => response.socket.end(),
  'resets somewhere': (_, response) => {
    stream(response).write(event(chunk('a')))
    setTimeout(() => response.socket?.resetAndDestroy(), Math.random() * 50)
  },
  'no answer': () => undefined,
  'an event byte by byte': (_, response) => dripping(stream(response), event(chunk('a')).repeat(1000), 20),
  'an error without end': (_, response) => {
    response.writeHead(500)
    endless(response, 'x'.repeat(65_536))
  },
  'an error of escape codes': (_, response) =>
    json(response, 500, { error: { message: ESCAPES.repeat(10_000) } }),
}
const OTHERS = {
  'health: garbage instead of HTTP': (_, response) => endless(response.socket, Buffer.alloc(65_536, 0xaa)),
  'tokenize: a body without end': null,
}
export const BEHAVIOURS = [HEALTH, MODELS, COMPLETIONS, OTHERS].flatMap((kind) => Object.keys(kind))

function answer(request, response) {
  const [, number, place] = /^\/(\d+)(\/.*)$/.exec(request.url) ?? []
  const behaviour = BEHAVIOURS[number]
  response.on('error', () => undefined)
  request.socket.on('error', () => undefined)
  if (place === '/health')
    return (HEALTH[behaviour] ?? OTHERS[behaviour] ?? (() => response.end()))(request, response)
  if (place === '/v1/models') {
    const list = { data: [{ id: 'm', owned_by: 'vllm', max_model_len: 4096 }] }
    return (MODELS[behaviour] ?? (() => json(response, 200, list)))(request, response)
  }
  if (place === '/tokenize')
    return behaviour.startsWith('tokenize')
      ? endless(response, '1,'.repeat(9999))
      : json(response, 200, { tokens: [1] })
  if (place === '/version') return json(response, 200, { version: ESCAPES })
  request.resume().on('end', () => (COMPLETIONS[behaviour] ?? (() => answers(response)))(request, response))
}

if (process.argv[2] === 'serve') {
  createServer(answer).listen(0, '127.0.0.1', function () {
    process.stdout.write(`${this.address().port}\n`)
  })
  process.stdin.resume().on('end', () => process.exit(0))
}
