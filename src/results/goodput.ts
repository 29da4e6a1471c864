import { z } from 'zod'

const limit = z.number().nullable()
const amount = z.number().nullable()

/** What was asked of each request, and what came of those that kept it; the energy is of the whole run. */
export const goodputSchema = z.object({
  slo: z.object({ ttft_ms: limit, tpot_ms: limit, e2e_ms: limit }),
  /** Requests that kept all of it, of so many, those that failed among them. */
  good_requests: z.number().int().nonnegative(),
  requests: z.number().int().nonnegative(),
  /** Of the good ones. */
  output_tokens: z.number().nonnegative(),
  requests_per_second: amount,
  output_tokens_per_second: amount,
  /** Of the whole run, over what the good requests made. */
  energy_per_output_token_j: amount,
  output_tokens_per_j: amount,
  requests_per_j: amount,
})
export type Goodput = z.infer<typeof goodputSchema>
