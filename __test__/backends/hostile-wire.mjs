// Servers that break HTTP itself, or pack what they send: raw bytes where hostile-server.mjs answers in good HTTP.
import { brotliCompressSync, constants, deflateSync, gzipSync } from 'node:zlib'
import { chunk, endless, event, stream } from './hostile-answers.mjs'

const MIB = 1024 * 1024
const EVENT = event(chunk('a'))
const LAST = event(chunk('b', 'length')) + event('[DONE]')
const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n'
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`

const raw = (response, bytes) => response.socket.write(bytes)
/** Writes bytes as they are and hangs up. */
const rawEnd = (bytes) => (_, response) => response.socket.end(bytes)
const inChunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`
/** A bomb is made when it is asked for: it takes a while. */
const packed = (encoding, bomb) => (_, response) =>
  stream(response, { 'content-encoding': encoding }).end(bomb())

/** 64 MiB of zeros in 2 KiB: a frame of blocks that each repeat one byte (RFC 8878). Node 20 cannot write it itself. */
function zstdBomb() {
  const [repeated, blockBytes, blocks] = [1, 128 * 1024, 512]
  const body = Array.from({ length: blocks }, (_, index) => {
    const block = Buffer.alloc(4)
    block.writeUIntLE((blockBytes << 3) | (repeated << 1) | (index === blocks - 1 ? 1 : 0), 0, 3)
    return block
  })
  // The magic number, no sums and sizes, a window of 128 KiB.
  return Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]), ...body])
}
const zeros = () => Buffer.alloc(64 * MIB)
const QUICK = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }

export const WIRE_HEALTH = {
  'health: an answer of HTTP 0.9': rawEnd('well\n'),
  'health: the alert of TLS': rawEnd(Buffer.from([0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28])),
  'health: settings of HTTP/2': rawEnd(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])),
  'health: 101 Switching Protocols': rawEnd(
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
  ),
  'health: 103 Early Hints without end': (_, response) =>
    endless(response.socket, 'HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n'.repeat(99)),
  'health: status 999': rawEnd('HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n'),
  'health: a header of NULs': rawEnd('HTTP/1.1 200 OK\r\nX-Nul: \0\0\0\r\nContent-Length: 0\r\n\r\n'),
  'health: redirects to ever longer paths': (request, response) =>
    response.writeHead(302, { location: `${request.url}/${'longer'.repeat(500)}` }).end(),
}
export const WIRE_MODELS = {
  'models: a million ids': (_, response) => {
    const ids = Array.from({ length: 1_000_000 }, (_, index) => `{"id":"m${index}"}`)
    response.writeHead(200, { 'content-type': 'application/json' }).end(`{"data":[${ids.join(',')}]}`)
  },
  'models: a key for each of 100,000 values': (_, response) => {
    const keys = Array.from({ length: 100_000 }, (_, index) => `"k${index}":0`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(`{"data":[{"id":"m","__proto__":{"id":"x"},${keys.join(',')}}]}`)
  },
}
export const WIRE_COMPLETIONS = {
  'the extension of a chunk without end': (_, response) => {
    raw(response, `${CHUNKED}1;`)
    endless(response.socket, 'x'.repeat(65_536))
  },
  'chunks of one byte without end': (_, response) => {
    raw(response, CHUNKED)
    endless(response.socket, '1\r\n:\r\n'.repeat(9999))
  },
  'trailers without end': (_, response) => {
    raw(response, `${CHUNKED}${inChunk(EVENT + LAST)}0\r\n`)
    endless(response.socket, 'X-More: and more\r\n'.repeat(1000))
  },
  'a chunk of no size': rawEnd(`${CHUNKED}\r\n${EVENT}`),
  'a chunk of negative size': rawEnd(`${CHUNKED}-5\r\n${EVENT}`),
  'a chunk of 10^40 bytes': rawEnd(`${CHUNKED}${'f'.repeat(40)}\r\n${EVENT}`),
  'two lengths': rawEnd(`${HEAD}Content-Length: 5\r\nContent-Length: 500\r\n\r\n${EVENT}${LAST}`),
  'a length and chunks': rawEnd(
    `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${inChunk(EVENT + LAST)}0\r\n\r\n`,
  ),
  'a length that is too short': rawEnd(`${HEAD}Content-Length: 9\r\n\r\n${EVENT}${LAST}`),
  'a length that is too long': rawEnd(`${HEAD}Content-Length: 99999\r\n\r\n${EVENT}${LAST}`),
  'a negative length': rawEnd(`${HEAD}Content-Length: -1\r\n\r\n${EVENT}${LAST}`),
  'an answer and one that nobody asked for': rawEnd(
    `${CHUNKED}${inChunk(EVENT + LAST)}0\r\n\r\n${CHUNKED}${inChunk(EVENT)}`,
  ),
  'the name of an event without end': (_, response) => {
    stream(response).write('event: ')
    endless(response, 'x'.repeat(65_536))
  },
  'empty lines without end': (_, response) => endless(stream(response), '\n'.repeat(65_536)),
  'carriage returns without end': (_, response) => endless(stream(response), '\r'.repeat(65_536)),
  'NULs without end': (_, response) => endless(stream(response), Buffer.alloc(65_536)),
  'no UTF-8': (_, response) =>
    stream(response).end(Buffer.concat([Buffer.from([0xc3, 0x28, 0xff, 0xfe]), Buffer.from(`\n${LAST}`)])),
  'halves of surrogates': (_, response) =>
    stream(response).end(`data: {"choices":[{"index":0,"text":"\\ud800"}]}\n\n${LAST}`),
  'a number of a million digits': (_, response) =>
    stream(response).end(`data: {"choices":[{"index":${'9'.repeat(1_000_000)},"text":"a"}]}\n\n${LAST}`),
  '60,000 keys, and __proto__': (_, response) => {
    const keys = Array.from({ length: 60_000 }, (_, index) => `"k${index}":0`).join(',')
    stream(response).end(`data: {"__proto__":{"choices":[]},"choices":[{"text":"a"}],${keys}}\n\n${LAST}`)
  },
  'a deflate bomb': packed('deflate', () => deflateSync(zeros())),
  'a brotli bomb': packed('br', () => brotliCompressSync(zeros(), QUICK)),
  'a zstd bomb': packed('zstd', zstdBomb),
  'a gzip bomb in a gzip bomb': packed('gzip, gzip', () => gzipSync(gzipSync(zeros()))),
  'resets after each answer': (_, response) => {
    stream(response).end(EVENT + LAST)
    response.once('finish', () => setTimeout(() => response.socket?.resetAndDestroy(), 5))
  },
  '503, to be asked again in a year': (_, response) =>
    response.writeHead(503, { 'retry-after': '31536000' }).end('later'),
  '429 without end': (_, response) => response.writeHead(429, { 'retry-after': '0' }).end('more slowly'),
}
