import { z } from 'zod'

const name = z.string().regex(/^[^\p{Cc}]+$/u)
const nameOrNull = 'text (not empty, no control characters) or null'

/** The short names of data types; the resolved config has the long ones, so that both are the same experiment. */
const LONG_DTYPES = { fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const

/** `pytorch`: options of the PyTorch backend. */
export const pytorch = z
  .strictObject({
    dtype: z
      .enum(['auto', 'float32', 'float16', 'bfloat16', 'fp32', 'fp16', 'bf16'])
      .default('auto')
      .transform((dtype) =>
        dtype === 'fp32' || dtype === 'fp16' || dtype === 'bf16' ? LONG_DTYPES[dtype] : dtype,
      )
      .meta({ description: 'Type of the weights; auto is what the model was saved in.' }),
    batch_size: z
      .int()
      .min(1)
      .max(4096)
      .default(1)
      .meta({ description: 'Prompts that are computed at once.', unit: 'prompts' }),
    quantisation: z.enum(['bnb_8bit', 'bnb_4bit']).nullable().default(null).meta({
      description: 'Quantise the weights while loading; needs the package bitsandbytes.',
      expects: 'bnb_8bit, bnb_4bit or null',
    }),
    attn_implementation: z.enum(['sdpa', 'eager', 'flash_attention_2']).nullable().default(null).meta({
      description: 'How attention is computed; null is the choice of transformers.',
      expects: 'sdpa, eager, flash_attention_2 or null',
    }),
    compile: z.boolean().default(false).meta({ description: 'Compile the model with torch.compile.' }),
    device: z
      .enum(['auto', 'cuda', 'cpu'])
      .default('auto')
      .meta({ description: 'What PyTorch computes on; auto is CUDA where there is one.' }),
    device_map: z.enum(['auto', 'balanced', 'balanced_low_0', 'sequential']).nullable().default(null).meta({
      description: 'How the model is spread over several devices; null is one device.',
      expects: 'auto, balanced, balanced_low_0, sequential or null',
    }),
    num_threads: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'CPU threads; null is the choice of PyTorch.', unit: 'threads' }),
    chat_template: z
      .boolean()
      .default(false)
      .meta({ description: "Put each prompt into the tokenizer's chat template, as a message of the user." }),
    revision: name.nullable().default(null).meta({
      description: 'Branch, tag or commit of the model; null is its main branch.',
      expects: nameOrNull,
    }),
    tokenizer: name.nullable().default(null).meta({
      description: 'Id or folder of another tokenizer; null is that of the model.',
      expects: nameOrNull,
    }),
    lora: name.nullable().default(null).meta({
      description: 'Id or folder of a LoRA adapter; needs the package peft.',
      expects: nameOrNull,
    }),
    trust_remote_code: z
      .boolean()
      .default(false)
      .meta({ description: 'Run code that comes with the model.' }),
  })
  .prefault({})
  .meta({ description: 'Options of the PyTorch backend.' })

export type PytorchOptions = z.infer<typeof pytorch>
