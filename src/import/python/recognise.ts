// Whether a mapping is a configuration of the Python tool. A file of llem with a slip in it must not be taken for one: it
// gets its did-you-mean.

import { nodeAt } from '../../config/json-schema.js'
import { isTree, type Tree } from '../../config/tree.js'

/** Groups and names that no file of llem has, not even by a slip. */
const SURE: readonly string[] = [
  ...[
    'config_name',
    'study_name',
    'decoder',
    'batching',
    'traffic_simulation',
    'study_execution',
    'measurement',
    'task',
  ],
  ...[
    'sampling_preset',
    'fp_precision',
    'num_input_prompts',
    'sharding',
    'parallelism',
    'transformers',
    'runners',
    'harness',
  ],
]

/** Words of it that alone may be a slip. */
const LIKELY: readonly string[] = [
  ...[
    'model_name',
    'precision',
    'n',
    'max_input_tokens',
    'max_output_tokens',
    'max_new_tokens',
    'min_output_tokens',
    'gpus',
    'random_seed',
  ],
  ...[
    'schema_version',
    'engine',
    'num_cycles',
    'n_cycles',
    'streaming',
    'num_samples',
    'dataset_order',
    'energy_backend',
    'energy_sampler',
  ],
  ...[
    'batching_strategy',
    'num_processes',
    'query_rate',
    'save_outputs',
    'decode_token_to_text',
    'lora',
    'adapter',
    'schedule',
    'group_by',
    'name',
  ],
]

/** Keys of `dataset` in its files. */
const OF_DATASET: readonly string[] = ['name', 'source', 'sample_size', 'n_prompts', 'split']

export function isOfPythonTool(tree: Tree): boolean {
  if (SURE.some((key) => key in tree)) return true
  const { dataset, prompts, vllm, pytorch, sweep, grid } = tree
  if (typeof dataset === 'string' || (isTree(dataset) && OF_DATASET.some((key) => key in dataset)))
    return true
  if (isTree(prompts) && 'type' in prompts) return true
  if (isTree(vllm) && (isTree(vllm.engine) || isTree(vllm.sampling) || isTree(vllm.beam_search))) return true
  if (isTree(pytorch) && Object.keys(pytorch).some((key) => OF_PYTORCH.includes(key))) return true
  if (isTree(sweep) && isForeignSweep(sweep)) return true
  if (isTree(grid) && ('axes' in grid || (isTree(grid.shared) && isForeignSweep(grid.shared)))) return true
  return LIKELY.filter((key) => key in tree).length >= 2
}

const OF_PYTORCH: readonly string[] = [
  'torch_compile',
  'load_in_4bit',
  'load_in_8bit',
  'use_cache',
  'batching_strategy',
  'num_processes',
  'low_cpu_mem_usage',
]

/** An older sweep of llem has llem's own keys. */
function isForeignSweep(sweep: Tree): boolean {
  return Object.entries(sweep).some(([key, values]) => {
    const isOurs = key === 'model' || key === 'backend' || nodeAt(key.split('.')) !== undefined
    return (
      !isOurs ||
      /^(vllm|tensorrt)\.(engine|sampling)/.test(key) ||
      (Array.isArray(values) &&
        values.some((value) => isTree(value) && Object.keys(value).some((inner) => inner.includes('.'))))
    )
  })
}
