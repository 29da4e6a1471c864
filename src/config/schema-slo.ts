import { z } from 'zod'

const limit = (what: string) =>
  z
    .number()
    .gt(0)
    .nullable()
    .default(null)
    .meta({ description: `Most ${what}; null asks nothing.`, unit: 'ms' })

/** `slo`: what a request has to keep to count as good. Changes nothing that is measured. */
export const slo = z
  .strictObject({
    ttft_ms: limit('time to the first token'),
    tpot_ms: limit('time per output token after the first'),
    e2e_ms: limit('time of a whole request'),
  })
  .prefault({})
  .meta({ description: 'What a request has to keep to be counted in the goodput.' })
export type ServiceLevels = z.infer<typeof slo>
