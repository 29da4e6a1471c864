import { z } from 'zod'

/** The devices that llama.cpp may compute on; `auto` lets it choose. */
export const LLAMACPP_GPUS = ['auto', 'cuda', 'vulkan', 'none'] as const

/** `llamacpp`: options of the llama.cpp backend. */
export const llamacpp = z
  .strictObject({
    threads: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: "CPU threads; null is the backend's own choice.", unit: 'threads' }),
    context_size: z.int().min(32).nullable().default(null).meta({
      description: 'Size of the context of each sequence; null lets the backend fit it.',
      unit: 'tokens',
    }),
    parallel: z
      .int()
      .min(1)
      .max(256)
      .default(1)
      .meta({ description: 'Prompts that are answered at the same time, in one batch.', unit: 'prompts' }),
    batch_size: z.int().min(1).nullable().default(null).meta({
      description: "Most tokens that are evaluated at once; null is the backend's own choice.",
      unit: 'tokens',
    }),
    gpu_layers: z
      .union([z.int().min(0), z.literal('max')])
      .nullable()
      .default(null)
      .meta({
        description: 'Layers on the GPU; max is all, null lets the backend fit them.',
        unit: 'layers',
      }),
    gpu: z
      .enum(LLAMACPP_GPUS)
      .default('auto')
      .meta({ description: 'What llama.cpp computes on; none is the CPU alone.' }),
    flash_attention: z.boolean().default(false).meta({ description: 'Use flash attention.' }),
  })
  .prefault({})
  .meta({ description: 'Options of the llama.cpp backend.' })

export type LlamacppOptions = z.infer<typeof llamacpp>
