// What the load process and a node's meter say to one another: a line of JSON each, over one connection, which the meter opens.

import type { Socket } from 'node:net'
import { z } from 'zod'
import { NODE_NAME } from '../core/node-name.js'
import { LineSplitter } from '../workers/line-splitter.js'

const text = z.string().max(4000)

/** What a meter says. */
export const saidSchema = z.union([
  z.strictObject({
    hello: z.strictObject({ session: z.string(), node: z.string().regex(NODE_NAME), boot_id: text }),
  }),
  z.strictObject({ ready: z.strictObject({ gpus: z.int().nonnegative() }) }),
  /** The answer to a question about the clock: when it came and when this was sent, by the node. */
  z.strictObject({ answer: z.int(), received_ns: z.number(), sent_ns: z.number() }),
  z.strictObject({ ended: z.literal(true) }),
  z.strictObject({ failed: text }),
])
export type Said = z.infer<typeof saidSchema>

/** What the load process says. */
export const askedSchema = z.union([
  z.strictObject({ welcome: z.literal(true) }),
  z.strictObject({ refused: text }),
  z.strictObject({ ask: z.int() }),
  z.strictObject({ end: z.literal(true) }),
])
export type Asked = z.infer<typeof askedSchema>

const MOST_BYTES = 64 * 1024
const ALIVE_EVERY_MS = 30_000

/** Lines of JSON over a connection. What is none ends it. */
export class Wire<In, Out> {
  /** Resolves once it is closed, by whomever. */
  readonly closed: Promise<void>
  readonly #socket: Socket

  constructor(socket: Socket, schema: z.ZodType<In>, onMessage: (message: In, receivedNs: number) => void) {
    this.#socket = socket
    // An answer that waits for more to send would tell a wrong time.
    socket.setNoDelay(true)
    // Nobody between the two forgets the connection while nothing is said.
    socket.setKeepAlive(true, ALIVE_EVERY_MS)
    const lines = new LineSplitter(MOST_BYTES)
    socket.on('data', (chunk: Buffer) => {
      const receivedNs = nowNs()
      try {
        for (const line of lines.push(chunk)) onMessage(schema.parse(JSON.parse(line)), receivedNs)
      } catch {
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()))
  }

  say(message: Out): void {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(message)}\n`)
  }

  /** Says what is left to say, and closes. */
  end(): void {
    this.#socket.end()
    this.#socket.destroySoon()
  }
}

/** CLOCK_MONOTONIC, as every sample is stamped with. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}
