import { z } from 'zod'
import { METHODS } from './board.js'

// Whose the joules of a window are: requests and phases that ran in it, and its steady state. Joules, seconds.

const count = z.number().int().nonnegative()
const joules = z.number().nonnegative()

const phase = {
  /** The shares of the requests that are counted, during this phase of theirs. */
  energy_j: joules,
  /** The sensor sees an edge between phases only to half an update period and half its window: a bound, every edge off to the same side. */
  uncertainty_j: joules.nullable(),
  /** Their shares of the time, so that `energy_j` over it is the mean power. */
  duration_s: z.number().nonnegative(),
  /** Requests whose whole phase lasted at least three update periods and ran beside none of the other phase. */
  requests: count,
  /** Requests that are not counted; where they are the most, the others are no example of them. */
  left_out: count,
}

/** The energy by what was computed. All joules together are the window's. */
export const phasesSchema = z.object({
  /** From the start of a request to its first token. Its tokens are null where a server does not tell them. */
  prefill: z
    .object({ ...phase, input_tokens: count.nullable(), j_per_input_token: joules.nullable() })
    .nullable(),
  /** From its first token to its last; the first one is the prefill's. */
  decode: z.object({ ...phase, output_tokens: count, j_per_output_token: joules.nullable() }).nullable(),
  /** While both ran, or a request whose first token was not observed. */
  mixed_j: joules,
  /** While no request was in flight. */
  idle_j: joules,
  /** Of phases that are too short, or in which readings are missing. */
  unattributable_j: joules,
  /** Why a phase is null; null where none is. */
  reason: z.string().nullable(),
})

const distribution = z.object({
  mean: joules,
  p50: joules,
  p95: joules,
  p99: joules,
  max: joules,
})

export const SHARING = 'equal share of the power among requests in flight'

/** The energy by request; each one's own is in requests.jsonl. All joules together are the window's. */
export const requestEnergySchema = z.object({
  method: z.literal(SHARING),
  /** Finished requests whose energy is known. */
  requests: count,
  /**
   * Of these, requests that lasted less than three update periods of the power sensor: a reading is of more than one of
   * them, so the sums and the mean are right and how they are spread is not. Null where the period was not seen.
   */
  unresolved: count.nullable().default(null),
  /** Their sum. */
  total_j: joules,
  /** Over the requests; null for none. */
  per_request_j: distribution.nullable(),
  /** Over the requests with output, each one's joules by its own tokens; null for none. */
  per_output_token_j: distribution.nullable(),
  /** While no request was in flight. */
  idle_j: joules,
  /** Of requests that came to nothing. */
  failed_j: joules,
  /** While readings are missing, and the rest of the requests that were in flight then. */
  unattributed_j: joules,
})

/** The part of a run in which the load was what was asked for. */
export const steadyStateSchema = z.object({
  start_ns: z.number(),
  end_ns: z.number(),
  duration_sec: z.number(),
  /** Of requests whose first token came within it; null where a server does not tell them. */
  input_tokens: count.nullable(),
  /** Generated within it, by whichever request. */
  output_tokens: z.number().nonnegative(),
  output_tokens_per_second: z.number().nullable(),
  /** By llem's own sampler, from the readings of the run. */
  energy_j: z.number().nullable(),
  /** How far it may be off (k = 2) on these boards, and with their gain. */
  uncertainty_j: z.number().nullable(),
  absolute_uncertainty_j: z.number().nullable().default(null),
  method: z.enum(METHODS).nullable(),
  energy_per_output_token_j: z.number().nullable(),
  energy_per_output_token_uncertainty_j: z.number().nullable().default(null),
  energy_per_output_token_absolute_uncertainty_j: z.number().nullable().default(null),
})

export type Phases = z.infer<typeof phasesSchema>
export type RequestEnergy = z.infer<typeof requestEnergySchema>
export type SteadyState = z.infer<typeof steadyStateSchema>
