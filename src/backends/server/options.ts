import { z } from 'zod'
import { anyArgument, tensorrtArguments, vllmArguments } from './engine-arguments.js'

const text = z.string().regex(/^[^\p{Cc}]+$/u)

/** What every backend that speaks HTTP shares: how to talk to its server. */
const talking = {
  base_url: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/)
    .nullable()
    .default(null)
    .meta({
      description: 'A server that runs already, e.g. http://127.0.0.1:8000; null starts one.',
      expects: 'an address such as http://127.0.0.1:8000, without user, query and fragment, or null',
    }),
  endpoint: z.enum(['completions', 'chat']).default('completions').meta({
    description:
      'Where prompts are sent: /v1/completions as they are, or /v1/chat/completions as one message.',
  }),
  model: text.nullable().default(null).meta({
    description:
      'The name that requests give the model; null is the one of /v1/models that is `model` by its name.',
    expects: 'text or null',
  }),
  served_as: text.nullable().default(null).meta({
    description:
      'Another name by which the server may list `model` and answer as it, where that is meant; null refuses a server that answers as another model.',
    expects: 'text or null',
  }),
  api_key_env: z
    .string()
    .regex(/^[A-Z_][A-Z0-9_]*$/)
    .nullable()
    .default(null)
    .meta({
      description:
        'The environment variable that holds the API key; null is none, and OPENAI_API_KEY for api.openai.com alone. The key itself is never written anywhere.',
      expects: 'the name of an environment variable in capitals, never the key itself, or null',
    }),
  api_key_hosts: z
    .array(z.string().regex(/^[A-Za-z0-9._:[\]-]+$/))
    .default([])
    .meta({
      description:
        'Hosts that get the key unencrypted, by name or address; otherwise it goes only over https or to this machine.',
      expects: 'a list of hosts without scheme and port such as [gpu-box.local], or []',
    }),
  env: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string())
    .default({})
    .meta({
      description: 'Environment variables for the server that is started.',
      expects: 'a mapping from names of environment variables to texts',
    }),
  extra_body: z.record(z.string(), z.unknown()).default({}).meta({
    description: 'Merged into the JSON body of every request, over what llem sends.',
    expects: 'a mapping',
  }),
}

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

/** The part of every backend's options that says how to talk to its server. */
export type TalkingOptions = Pick<VllmOptions, keyof typeof talking>
