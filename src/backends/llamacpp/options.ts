import { z } from 'zod'
import { LlemError } from '../../core/errors.js'

/** Options of the llamacpp backend as they reach the worker; null leaves the choice to the library. */
export const llamacppOptionsSchema = z.strictObject({
  /** CPU threads; null takes one per core that is useful for arithmetic. */
  threads: z.number().int().min(1).nullable().default(null),
  /** Tokens that prompt and answer share; null takes as many as memory and model allow. */
  context_size: z.number().int().min(8).nullable().default(null),
  /** Layers on the GPU; null takes as many as fit. */
  gpu_layers: z
    .union([z.literal('max'), z.number().int().nonnegative()])
    .nullable()
    .default(null),
  gpu: z.enum(['auto', 'cuda', 'vulkan', 'none']).default('auto'),
  /** Sequences that are generated at the same time, in one batch; each has a context of its own. */
  parallel: z.number().int().min(1).max(256).default(1),
  /** Most tokens that are evaluated at once; null is the library's own choice. */
  batch_size: z.number().int().min(1).nullable().default(null),
  flash_attention: z.boolean().nullable().default(null),
})

export type LlamacppOptions = z.infer<typeof llamacppOptionsSchema>

/** Checks options from outside and fills in what is absent. Throws OPTIONS_INVALID with every problem. */
export function parseLlamacppOptions(options: Record<string, unknown>): LlamacppOptions {
  const parsed = llamacppOptionsSchema.safeParse(options)
  if (parsed.success) return parsed.data
  throw new LlemError(`llamacpp options: ${z.prettifyError(parsed.error)}`, {
    code: 'OPTIONS_INVALID',
    hint: `Known options: ${Object.keys(llamacppOptionsSchema.shape).join(', ')}.`,
    kind: 'usage',
  })
}
