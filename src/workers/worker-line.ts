import { eventEnvelope, replySchema, type WorkerFault } from './wire.js'

/** A line of a worker's stdout, told apart; what a good reply or event holds is checked by the verb that asked. */
export type WorkerLine =
  | { kind: 'event'; id: number; body: unknown }
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
  const event = eventEnvelope.safeParse(message)
  if (event.success) return { kind: 'event', id: event.data.id, body: event.data }
  const reply = replySchema.safeParse(message)
  if (!reply.success) {
    return { kind: 'nonsense', why: 'wrote neither a reply nor an event', cause: reply.error }
  }
  const { id } = reply.data
  return reply.data.ok
    ? { kind: 'reply', id, body: reply.data }
    : { kind: 'fault', id, fault: reply.data.error }
}
