import type { ExperimentConfig } from '../../config/schema.js'

const ARGUMENTS = {
  vllm: ['--tensor-parallel-size', '--tensor_parallel_size', '-tp'],
  tensorrt: ['--tp_size', '--tp-size'],
} as const

/** GPUs that share each layer, and what says so: the last word have the arguments that are passed through. */
export function tensorParallelOf(
  config: ExperimentConfig,
  backend: 'vllm' | 'tensorrt',
): { key: string; gpus: number | null } {
  const typed =
    backend === 'vllm'
      ? { key: 'vllm.tensor_parallel_size', gpus: config.vllm.tensor_parallel_size }
      : { key: 'tensorrt.tp_size', gpus: config.tensorrt.tp_size }
  const { args } = config[backend]
  const told = args.flatMap((arg, at) => {
    const [name = '', value = args[at + 1]] = arg.split('=', 2)
    return ARGUMENTS[backend].some((known) => known === name) ? [{ name, value: Number(value) }] : []
  })
  const last = told.at(-1)
  return last === undefined || !Number.isInteger(last.value) || last.value < 1
    ? typed
    : { key: `${last.name} of ${backend}.args`, gpus: last.value }
}
