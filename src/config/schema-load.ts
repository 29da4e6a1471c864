import { z } from 'zod'

const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1)

/** `load`: how requests reach a server. */
export const load = z
  .strictObject({
    concurrency: z.int().min(1).max(100_000).nullable().default(null).meta({
      description:
        'Requests in flight: without a rate so many are kept there, null is 1; with a rate it is the most, null is no limit.',
      unit: 'requests',
    }),
    request_rate: z.number().gt(0).max(1_000_000).nullable().default(null).meta({
      description:
        'Requests that arrive whether or not earlier ones have ended; null keeps `concurrency` in flight.',
      unit: 'requests/s',
    }),
    arrival: z
      .enum(['poisson', 'constant'])
      .default('poisson')
      .meta({ description: 'With a rate: whether requests arrive at random or evenly.' }),
    seed: seed.default(42).meta({ description: 'Seed of the random arrivals.' }),
    retries: z.int().min(0).max(10).default(0).meta({
      description:
        'How often a request that failed is sent again, after 0.1 s, then twice as long each time, at most 5 s; each is counted.',
    }),
    max_failed_share: z.number().min(0).max(1).default(0.1).meta({
      description: 'The run is given up once more than this share of its requests has failed.',
    }),
  })
  .prefault({})
  .meta({ description: 'How requests reach a server: of vllm, tensorrt and server only.' })
