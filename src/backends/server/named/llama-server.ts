import { parseOptions } from '../../options.js'
import { flags, listening, portIn } from '../command-lines.js'
import { programInstall } from '../on-path.js'
import { attached, programOf, serverBackend } from '../server-backend.js'
import { namedGroups } from './options.js'

const HINT =
  'Install llama.cpp (https://github.com/ggml-org/llama.cpp/blob/master/docs/install.md) and put llama-server on PATH; or set llama-server.base_url, e.g. http://127.0.0.1:8080, to one that runs.'

/** llama.cpp's own server: `llama-server`, or one that runs already. */
export const llamaServer = serverBackend({
  name: 'llama-server',
  takes: 'gguf',
  plan(model, options, where) {
    const own = parseOptions('llama-server', namedGroups['llama-server'], options)
    if (own.base_url !== null) return { ...attached('llama-server', own), engine: 'llamacpp' }
    return {
      title: 'llama-server',
      engine: 'llamacpp',
      command: [
        ...[programOf('llama-server', 'llama-server', where, HINT), '-m', model, ...listening(own.args)],
        ...flags({
          '--ctx-size': own.ctx_size,
          '--parallel': own.parallel,
          '--n-gpu-layers': own.n_gpu_layers,
          '--threads': own.threads,
        }),
        ...own.args,
      ],
      port: portIn(own.args),
      talking: own,
      startsModel: true,
      // It tells that of a slot.
      contextSize: null,
    }
  },
  installs: () => programInstall('llama-server'),
  absence: 'no llama-server on PATH; see: llem backend install llama-server',
  hint: HINT,
})
