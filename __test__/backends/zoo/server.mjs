// Plays the rows of the zoo: node server.mjs. It prints its port; the first part of a path is the number of the row.
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { ROWS } from './rows.mjs'

async function play({ script, status = 200, headers }, response) {
  response.writeHead(status, headers ?? { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  // Since the beginning, so that what a timer is late does not add up.
  const startMs = performance.now()
  let dueMs = 0
  for (const part of script) {
    if (typeof part === 'number') dueMs += part
    else if (part.hold !== undefined) return void setTimeout(() => response.end(), part.hold).unref()
    else if (part.breakOff) return void setTimeout(() => response.socket?.resetAndDestroy(), 5)
    else {
      const leftMs = startMs + dueMs - performance.now()
      if (leftMs > 0) await sleep(leftMs)
      response.write(part.token ?? part.end ?? part)
    }
  }
  response.end()
}

createServer((request, response) => {
  const [, number] = /^\/(\d+)\//.exec(request.url) ?? []
  request.socket.setNoDelay(true)
  request.resume().on('end', () => play(ROWS[number], response))
}).listen(0, '127.0.0.1', function () {
  process.stdout.write(`${this.address().port}\n`)
})
process.stdin.resume().on('end', () => process.exit(0))
