// Options of servers that are known by name. A key is here where it changes what is measured and has one meaning; anything
// else of a server that llem starts goes into `args`, by the server's own name.

import { z } from 'zod'
import { talking, text } from '../talking.js'

const OLLAMA = 'http://127.0.0.1:11434'
const LM_STUDIO = 'http://127.0.0.1:1234'

const gpus = z.int().min(1).nullable().default(null)
const tokens = z.int().min(1).nullable().default(null)
const nullableText = text.nullable().default(null)

/** An address that need not be said, as people have such a server running. */
const running = talking.base_url.unwrap()
const expects = (address: string) => `an address such as ${address}`

const args = (program: string) =>
  z
    .array(text)
    .default([])
    .meta({ description: `More arguments of \`${program}\`, word by word.` })

/** `ollama`: the server of Ollama. */
const ollama = z
  .strictObject({
    ...talking,
    base_url: running.default(OLLAMA).meta({
      description: 'Where it runs already; null starts `ollama serve`.',
      expects: `${expects(OLLAMA)}, or null`,
    }),
  })
  .prefault({})
  .meta({
    description: 'Options of the server of Ollama, which is one that runs already unless base_url is null.',
  })

/** `lmstudio`: the server of LM Studio, which its app or `lms` starts. */
const lmstudio = z
  .strictObject({
    ...talking,
    base_url: running
      .unwrap()
      .default(LM_STUDIO)
      .meta({ description: 'Where it runs already.', expects: expects(LM_STUDIO) }),
  })
  .prefault({})
  .meta({
    description: 'Options of the server of LM Studio, which its app or `lms server start` has started.',
  })

/** `sglang`: options of SGLang's server. */
const sglang = z
  .strictObject({
    tp_size: gpus.meta({ description: 'GPUs that share each layer.', unit: 'GPUs' }),
    context_length: tokens.meta({ description: 'Tokens that prompt and answer share.', unit: 'tokens' }),
    mem_fraction_static: z.number().gt(0).max(1).nullable().default(null).meta({
      description: 'Share of the memory of each GPU that SGLang takes for weights and cache.',
    }),
    dtype: z
      .enum(['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'])
      .nullable()
      .default(null)
      .meta({ description: 'Type of weights and activations.' }),
    quantization: nullableText.meta({
      description: 'How the weights are quantised, e.g. awq, gptq, fp8.',
      expects: 'text or null',
    }),
    max_running_requests: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Most requests that are computed at once.', unit: 'requests' }),
    args: args('sglang.launch_server'),
    ...talking,
  })
  .prefault({})
  .meta({ description: "Options of SGLang's server; null leaves each to SGLang." })

/** `tgi`: options of Text Generation Inference. */
const tgi = z
  .strictObject({
    num_shard: gpus.meta({ description: 'GPUs that share each layer.', unit: 'GPUs' }),
    max_total_tokens: tokens.meta({ description: 'Tokens that prompt and answer share.', unit: 'tokens' }),
    dtype: z
      .enum(['float16', 'bfloat16'])
      .nullable()
      .default(null)
      .meta({ description: 'Type of weights and activations.' }),
    quantize: nullableText.meta({
      description: 'How the weights are quantised, e.g. awq, gptq, fp8, bitsandbytes-nf4.',
      expects: 'text or null',
    }),
    max_concurrent_requests: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Most requests that are taken at once.', unit: 'requests' }),
    args: args('text-generation-launcher'),
    ...talking,
  })
  .prefault({})
  .meta({ description: 'Options of Text Generation Inference (TGI); null leaves each to it.' })

/** `llama-server`: options of llama.cpp's server. */
const llamaServer = z
  .strictObject({
    ctx_size: z.int().min(1).nullable().default(null).meta({
      description: 'Tokens of the context, which the slots share.',
      unit: 'tokens',
    }),
    parallel: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Slots: requests that are computed at once.', unit: 'requests' }),
    n_gpu_layers: z
      .union([z.int().min(0), z.literal('all')])
      .nullable()
      .default(null)
      .meta({ description: 'Layers on the GPU.', unit: 'layers' }),
    threads: z.int().min(1).nullable().default(null).meta({ description: 'CPU threads.', unit: 'threads' }),
    args: args('llama-server'),
    ...talking,
  })
  .prefault({})
  .meta({ description: "Options of llama-server, llama.cpp's own; null leaves each to it." })

/** By the names of their backends. */
export const namedGroups = { ollama, lmstudio, sglang, tgi, 'llama-server': llamaServer } as const
export type NamedServer = keyof typeof namedGroups

/** The keys of each that `identity.asked` tells; null where it has none for that. */
export const ASKED_KEYS: Readonly<
  Record<
    NamedServer,
    { context: string | null; dtype: string | null; quantisation: string | null; gpus: string | null }
  >
> = {
  ollama: { context: null, dtype: null, quantisation: null, gpus: null },
  lmstudio: { context: null, dtype: null, quantisation: null, gpus: null },
  sglang: { context: 'context_length', dtype: 'dtype', quantisation: 'quantization', gpus: 'tp_size' },
  tgi: { context: 'max_total_tokens', dtype: 'dtype', quantisation: 'quantize', gpus: 'num_shard' },
  // Of llama-server's context each slot has a share.
  'llama-server': { context: null, dtype: null, quantisation: null, gpus: null },
}
