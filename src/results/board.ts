import { z } from 'zod'

// What is known of a board and its sensor beyond one measurement.

/** What joules rest on; "readings_and_mean": readings and the mean over one second together, where no counter integrates. */
export const METHODS = ['counter', 'integral', 'readings_and_mean'] as const
export type Method = (typeof METHODS)[number]

export const COUNTER_KINDS = ['integral', 'sum_of_readings', 'undecided', 'none'] as const

/** Readings over counter, at all levels of power alike; its uncertainty is k = 2. */
export const gainRatioSchema = z.object({ ratio: z.number(), uncertainty: z.number() })

/** What an external meter said over what llem said of a board, by one of its estimates; the uncertainty is k = 2. */
export const boardGainSchema = z.object({
  ratio: z.number(),
  uncertainty: z.number(),
  method: z.enum(METHODS),
  /** The meter's certificate, in its owner's words. */
  certificate: z.string().nullable(),
  measured_at: z.iso.datetime(),
})
export type BoardGain = z.infer<typeof boardGainSchema>
