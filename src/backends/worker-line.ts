import { eventSchema, type RequestRecord, replySchema, type WorkerFault } from './protocol.js'

/** A line of a worker's stdout, told apart; what a good reply holds is checked by the verb that asked. */
export type WorkerLine =
  | { kind: 'request'; id: number; record: RequestRecord }
  | { kind: 'reply'; id: number; body: unknown }
  | { kind: 'fault'; id: number; fault: WorkerFault }
  | { kind: 'nonsense'; why: string; cause: unknown }

/** Reads one line of the protocol. Never throws: nonsense is a value. */
export function parseWorkerLine(line: string): WorkerLine {
  let message: unknown
  try {
    message = JSON.parse(line)
  } catch (cause) {
    return { kind: 'nonsense', why: 'wrote something that is no JSON to stdout', cause }
  }
  const event = eventSchema.safeParse(message)
  if (event.success) {
    const { id, event: _, ...record } = event.data
    return { kind: 'request', id, record }
  }
  const reply = replySchema.safeParse(message)
  if (!reply.success) {
    return { kind: 'nonsense', why: 'wrote neither a reply nor an event', cause: reply.error }
  }
  const { id } = reply.data
  return reply.data.ok
    ? { kind: 'reply', id, body: reply.data }
    : { kind: 'fault', id, fault: reply.data.error }
}
