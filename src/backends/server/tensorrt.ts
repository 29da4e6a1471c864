import { parseOptions } from '../options.js'
import { portIn, tensorrtCommand } from './command-lines.js'
import { pythonProgramInstall } from './on-path.js'
import { tensorrt as schema } from './options.js'
import { attached, programOf, serverBackend } from './server-backend.js'

const HINT =
  "Run `pip install tensorrt_llm` in a Python environment of its own, or use NVIDIA's container, and see https://nvidia.github.io/TensorRT-LLM/installation/; or set tensorrt.base_url to a server that runs."

/** TensorRT-LLM: `trtllm-serve`, or one that runs already. */
export const tensorrt = serverBackend({
  name: 'tensorrt',
  takes: 'folder',
  plan(model, options, where) {
    const talking = parseOptions('tensorrt', schema, options)
    const title = 'trtllm-serve'
    if (talking.base_url !== null) return attached(title, talking)
    const program = programOf('tensorrt', 'trtllm-serve', where, HINT)
    return {
      title,
      command: tensorrtCommand(program, model, talking),
      port: portIn(talking.args),
      talking,
      startsModel: true,
      contextSize: talking.max_seq_len,
    }
  },
  installs: () => pythonProgramInstall('trtllm-serve', 'tensorrt_llm'),
  absence: 'no trtllm-serve on PATH; see: llem backend install tensorrt',
  hint: HINT,
})
