import { parseOptions } from '../options.js'
import { portIn, vllmCommand } from './command-lines.js'
import { pythonProgramInstall } from './on-path.js'
import { vllm as schema } from './options.js'
import { attached, programOf, serverBackend } from './server-backend.js'

const HINT =
  'Run `pip install vllm` in a Python environment of its own, put its bin folder on PATH, and see https://docs.vllm.ai/en/latest/getting_started/installation/; or set vllm.base_url to a server that runs.'

/** vLLM: `vllm serve`, or one that runs already. */
export const vllm = serverBackend({
  name: 'vllm',
  takes: 'either',
  plan(model, options, where) {
    const talking = parseOptions('vllm', schema, options)
    const title = 'vllm serve'
    if (talking.base_url !== null) return attached(title, talking)
    const program = programOf('vllm', 'vllm', where, HINT)
    return {
      title,
      command: vllmCommand(program, model, talking),
      port: portIn(talking.args),
      talking,
      startsModel: true,
      contextSize: talking.max_model_len,
    }
  },
  installs: () => pythonProgramInstall('vllm', 'vllm'),
  absence: 'no vllm on PATH; see: llem backend install vllm',
  hint: HINT,
})
