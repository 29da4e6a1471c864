import { parseOptions } from '../../options.js'
import { programInstall } from '../on-path.js'
import { attached, serverBackend } from '../server-backend.js'
import { namedGroups } from './options.js'

/** LM Studio: the server that its app, or `lms server start`, has started. llem starts none, as it would not be llem's to end. */
export const lmstudio = serverBackend({
  name: 'lmstudio',
  takes: null,
  plan(_, options) {
    const talking = parseOptions('lmstudio', namedGroups.lmstudio, options)
    return { ...attached('LM Studio', talking), engine: 'lmstudio' }
  },
  installs: () => programInstall('lms'),
  absence: 'no lms on PATH; a server that runs is found at lmstudio.base_url',
  hint: 'Install it from https://lmstudio.ai, and start its server: lms server start',
})
