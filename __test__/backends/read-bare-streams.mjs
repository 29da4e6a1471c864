// Reads the exact-stream server's streams with sockets alone and prints what that added to the times between tokens:
// node read-bare-streams.mjs PORT STREAMS CONCURRENCY WARM_PORT [COMMAND...], as drive-streams.mjs.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { percentile, timesAdded } from './stream-times.mjs'

const [port, streams] = process.argv.slice(2, 4).map(Number)
const [wrap, ...wrapArgs] = process.argv.slice(6)
if (wrap !== undefined) {
  const { status } = spawnSync(wrap, [...wrapArgs, process.execPath, ...process.argv.slice(1, 6)], {
    stdio: 'inherit',
  })
  process.exit(status ?? 1)
}

const body = '{"model":"exact","prompt":"x","stream":true}'
const question = `POST /v1/completions HTTP/1.1\r\nhost: exact\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const written = []
const read = []
const ended = []
for (let i = 0; i < streams; i += 1) {
  const times = { written: [], read: [] }
  written.push(times.written)
  read.push(times.read)
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  ended.push(once(socket, 'close'))
  socket.write(question)
  socket.on('data', (data) => {
    const now = Number(process.hrtime.bigint())
    const text = data.toString('latin1')
    for (const [, at] of text.matchAll(/"text":"(\d+)"/g)) {
      times.written.push(Number(at))
      times.read.push(now)
    }
    if (text.includes('[DONE]')) socket.destroy()
  })
}
await Promise.all(ended)
const { added, midway, delays } = timesAdded(written, read)
console.log(
  JSON.stringify({
    chunks: added.length + streams,
    added_p50_ms: percentile(added, 0.5),
    added_p99_ms: percentile(added, 0.99),
    added_midway_p99_ms: percentile(midway, 0.99),
    delay_p99_ms: percentile(delays, 0.99),
  }),
)
