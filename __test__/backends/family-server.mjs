// A server with a child of its own, as engines have, that takes a second to end: node family-server.mjs PORT FILE. The child's
// process id goes into the file.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file] = process.argv.slice(2)
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' })
writeFileSync(file, String(child.pid))
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 1000))
createServer((request, response) => {
  if (request.url.endsWith('/models')) return response.end(JSON.stringify({ data: [{ id: 'm' }] }))
  if (!request.url.endsWith('/completions')) return response.writeHead(404).end()
  let sent = 0
  const timer = setInterval(() => {
    sent += 1
    response.write(
      `data: ${JSON.stringify({ choices: [{ index: 0, text: 'a ', finish_reason: sent === 20 ? 'length' : null }] })}\n\n`,
    )
    // What it says goes to whoever started it, also when that is gone.
    console.error('a token')
    if (sent === 20) {
      clearInterval(timer)
      response.end('data: [DONE]\n\n')
    }
  }, 10)
}).listen(Number(port), '127.0.0.1')
