import { z } from 'zod'
import { anyArgument, tensorrtArguments, vllmArguments } from './engine-arguments.js'
import { namedGroups } from './named/options.js'
import { type TalkingOptions, talking, text } from './talking.js'

export type { TalkingOptions }

const share = z.number().gt(0).max(1)
const tokens = z.int().min(1).nullable().default(null)

/** `server`: any server that speaks OpenAI's API. */
export const server = z
  .strictObject({
    command: z.array(text).min(1).nullable().default(null).meta({
      description:
        'The program that serves and its arguments, never a shell line; {model}, {host} and {port} are filled in.',
      expects: 'a list of texts such as [llama-server, -m, "{model}", --port, "{port}"], or null',
    }),
    ...talking,
  })
  .prefault({})
  .meta({ description: "Options of any server that speaks OpenAI's API." })

/** `vllm`: options of `vllm serve`, and any other of its arguments by its own name; null leaves each to vLLM. */
export const vllm = z
  .strictObject({
    tensor_parallel_size: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'GPUs that share each layer.', unit: 'GPUs' }),
    max_model_len: tokens.meta({ description: 'Tokens that prompt and answer share.', unit: 'tokens' }),
    gpu_memory_utilization: share.nullable().default(null).meta({
      description: 'Share of the memory of each GPU that vLLM takes.',
    }),
    dtype: z
      .enum(['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'])
      .nullable()
      .default(null)
      .meta({ description: 'Type of weights and activations.' }),
    quantization: text
      .nullable()
      .default(null)
      .meta({ description: 'How the weights are quantised, e.g. awq, gptq, fp8.', expects: 'text or null' }),
    enable_prefix_caching: z
      .boolean()
      .nullable()
      .default(null)
      .meta({ description: 'Reuse what was computed for the same beginning of a prompt.' }),
    max_num_seqs: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Most requests that are computed at once.', unit: 'requests' }),
    args: z
      .array(text)
      .default([])
      .meta({ description: 'More arguments of `vllm serve`, word by word, e.g. [--enforce-eager].' }),
    ...talking,
    ...vllmArguments,
  })
  // Optional, as the typed ones are: TypeScript holds those against it.
  .catchall(anyArgument.optional())
  .prefault({})
  .meta({
    description:
      'Options of `vllm serve`, and any other of its arguments by its own name; null leaves each to vLLM.',
  })

/** `tensorrt`: options of `trtllm-serve`, and any other of its arguments by its own name; null leaves each to TensorRT-LLM. */
export const tensorrt = z
  .strictObject({
    backend: z
      .enum(['pytorch', 'tensorrt', '_autodeploy'])
      .nullable()
      .default(null)
      .meta({ description: 'What TensorRT-LLM runs the model with.' }),
    tp_size: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'GPUs that share each layer.', unit: 'GPUs' }),
    max_batch_size: z
      .int()
      .min(1)
      .nullable()
      .default(null)
      .meta({ description: 'Most requests that are computed at once.', unit: 'requests' }),
    max_num_tokens: tokens.meta({ description: 'Most input tokens in one batch.', unit: 'tokens' }),
    max_seq_len: tokens.meta({ description: 'Tokens that prompt and answer share.', unit: 'tokens' }),
    args: z
      .array(text)
      .default([])
      .meta({ description: 'More arguments of `trtllm-serve`, word by word, e.g. [--trust_remote_code].' }),
    ...talking,
    ...tensorrtArguments,
  })
  // Optional, as the typed ones are: TypeScript holds those against it.
  .catchall(anyArgument.optional())
  .prefault({})
  .meta({
    description:
      'Options of `trtllm-serve`, and any other of its arguments by its own name; null leaves each to TensorRT-LLM.',
  })

/** The keys of a group that are llem's own, and are always there; all others are arguments that are passed on. */
export const OWN_KEYS = {
  vllm: ownKeysOf(vllm.unwrap().shape, vllmArguments),
  tensorrt: ownKeysOf(tensorrt.unwrap().shape, tensorrtArguments),
} as const

function ownKeysOf(shape: object, passed: object): readonly string[] {
  return Object.keys(shape).filter((key) => !Object.hasOwn(passed, key))
}

export type VllmOptions = z.infer<typeof vllm>
export type TensorrtOptions = z.infer<typeof tensorrt>

/** The groups of all backends that are servers, by the names of these. */
export const serverGroups = { vllm, tensorrt, ...namedGroups, server } as const
