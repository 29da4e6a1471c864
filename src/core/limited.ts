// Bytes and JSON of others, read no further than a limit.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { LIMITS } from './limits.js'

/** What was read is more than it may be. */
export class TooMuchError extends Error {}

/** All of a body as text. Throws TooMuchError at the first byte beyond the limit; leaving the loop ends the body. */
export async function limitedText(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
  what: string,
): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of body ?? []) {
    bytes += part.byteLength
    if (bytes > maxBytes) throw new TooMuchError(`${what} is longer than ${maxBytes} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts, bytes).toString('utf8')
}

/** A file as text. Throws TooMuchError, and what the system says. A pipe or a device is refused, as it may never end. */
export async function limitedFile(path: string, maxBytes: number): Promise<string> {
  // Opening a pipe would otherwise wait for whoever writes to it.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = await file.stat()
    if (stat.isDirectory()) throw new Error('it is a folder')
    if (!stat.isFile()) throw new Error('it is no file')
    return await limitedText(file.createReadStream({ autoClose: false }), maxBytes, 'it')
  } finally {
    await file.close()
  }
}

/**
 * JSON.parse for text of others. Throws a SyntaxError, and a TooMuchError where it has more values or is nested deeper
 * than LIMITS say: a text of a few MB can become a tree of a GB.
 */
export function limitedJson(text: string, maxValues: number = LIMITS.json_values): unknown {
  // What is as short as this cannot grow large.
  if (text.length > 4096) checkShape(text, maxValues)
  return JSON.parse(text)
}

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [...'"\\,[]{}'].map((char) =>
  char.charCodeAt(0),
)

function checkShape(text: string, maxValues: number): void {
  let depth = 0
  let values = 1
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === COMMA) values += 1
    else if (code === OPEN_LIST || code === OPEN_MAP) {
      depth += 1
      values += 1
    } else if (code === CLOSE_LIST || code === CLOSE_MAP) depth -= 1
    if (depth > LIMITS.json_depth)
      throw new TooMuchError(`it is nested deeper than ${LIMITS.json_depth} levels`)
    if (values > maxValues) throw new TooMuchError(`it has more than ${maxValues} values`)
  }
}

/** The place of the quote that ends a string; the end of the text where there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text.charCodeAt(end - 1 - slashes) === BACKSLASH) slashes += 1
    if (slashes % 2 === 0) return end
  }
  return text.length
}
