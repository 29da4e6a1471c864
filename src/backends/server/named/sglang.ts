import { LlemError } from '../../../core/errors.js'
import { parseOptions } from '../../options.js'
import { flags, listening, portIn } from '../command-lines.js'
import { findPackage, packageInstall } from '../on-path.js'
import { attached, programOf, serverBackend } from '../server-backend.js'
import { namedGroups } from './options.js'

const HINT =
  'Run `pip install sglang` in a Python environment of its own and name its interpreter with the key python, see https://docs.sglang.io/get_started/install.html; or set sglang.base_url, e.g. http://127.0.0.1:30000, to a server that runs.'

/** SGLang: `python -m sglang.launch_server`, or one that runs already. */
export const sglang = serverBackend({
  name: 'sglang',
  takes: 'folder',
  plan(model, options, where) {
    const own = parseOptions('sglang', namedGroups.sglang, options)
    if (own.base_url !== null) return { ...attached('sglang', own), engine: 'sglang' }
    const python = where.isElsewhere ? 'python3' : interpreterOf(where)
    return {
      title: 'sglang.launch_server',
      engine: 'sglang',
      command: [
        ...[python, '-m', 'sglang.launch_server', '--model-path', model, ...listening(own.args)],
        ...flags({
          '--tp-size': own.tp_size,
          '--context-length': own.context_length,
          '--mem-fraction-static': own.mem_fraction_static,
          '--dtype': own.dtype,
          '--quantization': own.quantization,
          '--max-running-requests': own.max_running_requests,
        }),
        ...own.args,
      ],
      port: portIn(own.args),
      talking: own,
      startsModel: true,
      contextSize: own.context_length,
    }
  },
  installs: () => packageInstall('python3', 'sglang'),
  absence: 'no sglang in the python3 on PATH; see: llem backend install sglang',
  hint: HINT,
})

/** The Python that has it; to start one that has not takes seconds to say so. */
function interpreterOf(where: {
  env: NodeJS.ProcessEnv
  isElsewhere: boolean
  python: string | null
}): string {
  const python = where.python ?? 'python3'
  const path = python.includes('/') ? python : programOf('sglang', python, where, HINT)
  if (findPackage(path, 'sglang') !== null) return path
  throw new LlemError(`sglang is not installed: ${path} has no package sglang`, {
    code: 'BACKEND_NOT_INSTALLED',
    hint: HINT,
    kind: 'usage',
  })
}
