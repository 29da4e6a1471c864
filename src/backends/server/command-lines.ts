import { type EngineArgument, passedOn } from './engine-arguments.js'
import { OWN_KEYS, type TensorrtOptions, type VllmOptions } from './options.js'

// Arguments as lists, never a shell line. {host} and {port} are filled in by the worker, which finds a free one.

/** `vllm serve`: https://docs.vllm.ai/en/latest/cli/serve.html */
export function vllmCommand(program: string, model: string, options: VllmOptions): string[] {
  const prefixCaching =
    options.enable_prefix_caching === null
      ? []
      : [options.enable_prefix_caching ? '--enable-prefix-caching' : '--no-enable-prefix-caching']
  return [
    program,
    'serve',
    model,
    ...listening(options.args),
    ...flags({
      '--tensor-parallel-size': options.tensor_parallel_size,
      '--max-model-len': options.max_model_len,
      '--gpu-memory-utilization': options.gpu_memory_utilization,
      '--dtype': options.dtype,
      '--quantization': options.quantization,
      '--max-num-seqs': options.max_num_seqs,
    }),
    ...prefixCaching,
    ...passedOn(options, OWN_KEYS.vllm).flatMap(([name, value]) => vllmArgument(name, value)),
    ...options.args,
  ]
}

/** `trtllm-serve`: https://nvidia.github.io/TensorRT-LLM/commands/trtllm-serve/trtllm-serve.html */
export function tensorrtCommand(program: string, model: string, options: TensorrtOptions): string[] {
  return [
    program,
    model,
    ...listening(options.args),
    ...flags({
      '--backend': options.backend,
      '--tp_size': options.tp_size,
      '--max_batch_size': options.max_batch_size,
      '--max_num_tokens': options.max_num_tokens,
      '--max_seq_len': options.max_seq_len,
    }),
    ...passedOn(options, OWN_KEYS.tensorrt).flatMap(([name, value]) => tensorrtArgument(name, value)),
    ...options.args,
  ]
}

/** As argparse has it: dashes, `--no-x` for false, several words for a list. */
function vllmArgument(name: string, value: EngineArgument): string[] {
  const dashed = name.replaceAll('_', '-')
  if (typeof value === 'boolean') return [`--${value ? '' : 'no-'}${dashed}`]
  return [`--${dashed}`, ...(Array.isArray(value) ? value.map(String) : [textOf(value)])]
}

/** As click has it: underscores, a switch that is there or not, an option repeated for a list. */
function tensorrtArgument(name: string, value: EngineArgument): string[] {
  if (typeof value === 'boolean') return value ? [`--${name}`] : []
  return [value].flat().flatMap((each) => [`--${name}`, textOf(each)])
}

function textOf(value: EngineArgument): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** The person's own command with {model} filled in. */
export function ownCommand(command: readonly string[], model: string): string[] {
  return command.map((part) => part.replaceAll('{model}', () => model))
}

/** The port that arguments name themselves, null where they name none. */
export function portIn(args: readonly string[]): number | null {
  const place = args.findIndex((arg) => arg === '--port' || arg.startsWith('--port='))
  if (place < 0) return null
  const text = args[place]?.split('=')[1] ?? args[place + 1]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null
}

/** For this machine alone, unless the person's own arguments say otherwise. */
export function listening(args: readonly string[]): string[] {
  const has = (name: string) => args.some((arg) => arg === name || arg.startsWith(`${name}=`))
  return [
    ...(has('--host') ? [] : ['--host', '{host}']),
    ...(portIn(args) === null ? ['--port', '{port}'] : []),
  ]
}

export function flags(values: Record<string, string | number | null>): string[] {
  return Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [name, String(value)]))
}
