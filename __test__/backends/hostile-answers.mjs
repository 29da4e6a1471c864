// How the servers that do harm answer.

export const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
export const stream = (response, headers = {}) =>
  response.writeHead(200, { 'content-type': 'text/event-stream', ...headers })
export const chunk = (text, finish_reason = null) => ({ choices: [{ index: 0, text, finish_reason }] })
export const event = (data) => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`

/** Writes a piece again and again, as fast as it is taken. */
export function endless(response, piece) {
  const more = () => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', () => setImmediate(more))
  }
  more()
}
/** Writes a text byte by byte. */
export function dripping(response, text, everyMs) {
  let at = 0
  const timer = setInterval(() => {
    if (response.destroyed || at === text.length) clearInterval(timer)
    else response.write(text[at++])
  }, everyMs)
}
