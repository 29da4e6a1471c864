import { parseOptions } from '../../options.js'
import { programInstall } from '../on-path.js'
import { attached, programOf, serverBackend } from '../server-backend.js'
import { namedGroups } from './options.js'

const HINT = 'Install it from https://ollama.com/download, or set ollama.base_url to one that runs.'

/** Ollama: its service, which runs already, or `ollama serve`. It fetches and loads models by its own names. */
export const ollama = serverBackend({
  name: 'ollama',
  takes: null,
  plan(_, options, where) {
    const talking = parseOptions('ollama', namedGroups.ollama, options)
    if (talking.base_url !== null) return { ...attached('ollama', talking), engine: 'ollama' }
    return {
      ...attached('ollama serve', talking),
      engine: 'ollama',
      command: [programOf('ollama', 'ollama', where, HINT), 'serve'],
      // It has no option for it.
      talking: { ...talking, env: { OLLAMA_HOST: '{host}:{port}', ...talking.env } },
    }
  },
  installs: () => programInstall('ollama'),
  absence: 'no ollama on PATH; one that runs is found at ollama.base_url',
  hint: HINT,
})
