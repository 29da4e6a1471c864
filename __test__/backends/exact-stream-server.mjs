// An OpenAI-compatible server that computes nothing and streams tokens on time: node exact-stream-server.mjs TOKENS EVERY_MS
//
// It prints its port. The text of each chunk is the moment at which the chunk was written, on CLOCK_MONOTONIC in
// nanoseconds, so that whoever reads it knows what the reading itself has added. Chunks look like those of
// vLLM's /v1/completions. It speaks just enough HTTP for that, because node:http would take a core by itself.
import { createServer } from 'node:net'

const tokens = Number(process.argv[2])
const everyNs = Number(process.argv[3]) * 1e6

/** Streams by the tick of a millisecond in which their next chunk is due. */
const due = new Map()
const ticksPerGap = everyNs / 1e6
let tick = 0
let phase = 0

const framed = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const headers =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nserver: exact\r\n\r\n'
/** What it says to /health, /v1/models and whatever else is asked. */
const models = '{"object":"list","data":[{"id":"exact","object":"model","owned_by":"vllm"}]}'
const about = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${models.length}\r\n\r\n${models}`
const chunk = (text, finish) =>
  `data: {"id":"cmpl-5a7c","object":"text_completion","created":1795357975,"model":"exact","choices":[{"index":0,"text":"${text}","logprobs":null,"finish_reason":${finish},"stop_reason":null,"prompt_logprobs":null}],"usage":null}\n\n`
const end = framed(
  `data: {"id":"cmpl-5a7c","object":"text_completion","created":1795357975,"model":"exact","choices":[],"usage":{"prompt_tokens":5,"total_tokens":${tokens + 5},"completion_tokens":${tokens}}}\n\ndata: [DONE]\n\n`,
)

function plan(stream, at) {
  const others = due.get(at)
  if (others === undefined) due.set(at, [stream])
  else others.push(stream)
}

function onTick() {
  const nowTick = Math.floor(performance.now())
  for (; tick <= nowTick; tick += 1) {
    const streams = due.get(tick)
    if (streams === undefined) continue
    due.delete(tick)
    for (const stream of streams) {
      stream.left -= 1
      const text = framed(chunk(process.hrtime.bigint(), stream.left === 0 ? '"length"' : 'null'))
      stream.socket.write(text)
      if (stream.left === 0) stream.socket.write(`${end}0\r\n\r\n`)
      else plan(stream, tick + ticksPerGap)
    }
  }
}
setInterval(onTick, 1)

createServer({ noDelay: true }, (socket) => {
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (data) => {
    text += data.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (head < 0 || text.length < head + 4 + length) return
    const isQuestion = text.startsWith('GET ')
    text = ''
    if (isQuestion) return socket.write(about)
    socket.write(headers)
    // Spread over the gap between two tokens, as the requests of a server under load are.
    phase = (phase + 1) % ticksPerGap
    plan({ socket, left: tokens }, Math.floor(performance.now()) + ticksPerGap + phase)
  })
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
