import { z } from 'zod'

// What every worker speaks, whatever its verbs are: JSON lines, requests on stdin, replies and events on stdout.
//
//   host -> {"id":3,"verb":"run",...}
//        <- {"event":"request","id":3,...}               as often as the verb has something to tell
//        <- {"id":3,"ok":true,...}                       or {"id":3,"ok":false,"error":{"code":...,"message":...}}

const count = z.number().int().nonnegative()

/**
 * CLOCK_MONOTONIC in nanoseconds. A JSON number: after 104 days of uptime it is rounded to 2 ns, a millionth of
 * what is measured. (zod's `int()` would refuse it then, because it insists on safe integers.)
 */
export const monotonicNs = z.number().nonnegative().refine(Number.isInteger, 'a whole number of nanoseconds')

export const workerFaultSchema = z.object({
  code: z.string().regex(/^[A-Z][A-Z0-9_]*$/),
  message: z.string(),
  hint: z.string().nullable().optional(),
})
export type WorkerFault = z.infer<typeof workerFaultSchema>

/** The outside of a reply; what belongs to the verb is checked by the verb's own schema. */
export const replySchema = z.discriminatedUnion('ok', [
  z.looseObject({ id: count, ok: z.literal(true) }),
  z.object({ id: count, ok: z.literal(false), error: workerFaultSchema }),
])

/** The outside of an event. */
export const eventEnvelope = z.looseObject({ event: z.string(), id: count })
