import { z } from 'zod'
import { LlemError } from '../../core/errors.js'

/** Options of the pytorch backend as they reach the worker; the worker fills in what is absent. */
export const pytorchOptionsSchema = z.strictObject({
  revision: z.string().nullable().optional(),
  tokenizer: z.string().nullable().optional(),
  dtype: z.enum(['auto', 'float32', 'float16', 'bfloat16', 'fp32', 'fp16', 'bf16']).optional(),
  batch_size: z.number().int().min(1).optional(),
  attn_implementation: z.enum(['sdpa', 'eager', 'flash_attention_2']).nullable().optional(),
  compile: z.boolean().optional(),
  quantisation: z.enum(['bnb_8bit', 'bnb_4bit']).nullable().optional(),
  lora: z.string().nullable().optional(),
  device: z.enum(['auto', 'cuda', 'cpu']).optional(),
  device_map: z.enum(['auto', 'balanced', 'balanced_low_0', 'sequential']).nullable().optional(),
  chat_template: z.boolean().optional(),
  trust_remote_code: z.boolean().optional(),
  num_threads: z.number().int().min(1).nullable().optional(),
})

export type PytorchOptions = z.infer<typeof pytorchOptionsSchema>

/** Checks options from outside, before a process is started. Throws OPTIONS_INVALID with every problem. */
export function parsePytorchOptions(options: Record<string, unknown>): PytorchOptions {
  const parsed = pytorchOptionsSchema.safeParse(options)
  if (parsed.success) return parsed.data
  throw new LlemError(`pytorch options: ${z.prettifyError(parsed.error)}`, {
    code: 'OPTIONS_INVALID',
    hint: `Known options: ${Object.keys(pytorchOptionsSchema.shape).join(', ')}.`,
    kind: 'usage',
  })
}
