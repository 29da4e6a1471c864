import { z } from 'zod'
import { LlemError } from '../../core/errors.js'

// The groups of the configuration as they reach the backends. What each key means stands in src/config.

const optional = <T extends z.ZodType>(schema: T) => schema.nullable().default(null)

const talking = {
  base_url: optional(z.url({ protocol: /^https?$/ })),
  endpoint: z.enum(['completions', 'chat']).default('completions'),
  model: optional(z.string()),
  served_as: optional(z.string()),
  api_key_env: optional(z.string()),
  api_key_hosts: z.array(z.string()).default([]),
  env: z.record(z.string(), z.string()).default({}),
  extra_body: z.record(z.string(), z.unknown()).default({}),
}

export const serverOptionsSchema = z.strictObject({
  command: optional(z.array(z.string()).min(1)),
  ...talking,
})

export const vllmOptionsSchema = z.strictObject({
  tensor_parallel_size: optional(z.number().int()),
  max_model_len: optional(z.number().int()),
  gpu_memory_utilization: optional(z.number()),
  dtype: optional(z.string()),
  quantization: optional(z.string()),
  enable_prefix_caching: optional(z.boolean()),
  max_num_seqs: optional(z.number().int()),
  args: z.array(z.string()).default([]),
  ...talking,
})
export type VllmOptions = z.infer<typeof vllmOptionsSchema>

export const tensorrtOptionsSchema = z.strictObject({
  backend: optional(z.string()),
  tp_size: optional(z.number().int()),
  max_batch_size: optional(z.number().int()),
  max_num_tokens: optional(z.number().int()),
  max_seq_len: optional(z.number().int()),
  args: z.array(z.string()).default([]),
  ...talking,
})
export type TensorrtOptions = z.infer<typeof tensorrtOptionsSchema>

/** The part of every backend's options that says how to talk to its server. */
export type TalkingOptions = Pick<VllmOptions, keyof typeof talking>

/** Checks options from outside and fills in what is absent. Throws OPTIONS_INVALID with every problem. */
export function parseOptions<T extends z.ZodObject>(
  backend: string,
  schema: T,
  options: Record<string, unknown>,
): z.infer<T> {
  const parsed = schema.safeParse(options)
  if (parsed.success) return parsed.data
  throw new LlemError(`${backend} options: ${z.prettifyError(parsed.error)}`, {
    code: 'OPTIONS_INVALID',
    hint: `Known options: ${Object.keys(schema.shape).join(', ')}.`,
    kind: 'usage',
  })
}
