import { basename } from 'node:path'
import { LlemError } from '../../core/errors.js'
import { parseOptions } from '../options.js'
import { ownCommand } from './command-lines.js'
import { server as schema } from './options.js'
import { attached, serverBackend } from './server-backend.js'

const HINT =
  'Set server.command to your own server, e.g. [llama-server, -m, "{model}", --port, "{port}"], or server.base_url to one that runs.'

/** Any server that speaks OpenAI's API: the person's own command, or one that runs already. */
export const server = serverBackend({
  name: 'server',
  takes: 'either',
  plan(model, options) {
    const talking = parseOptions('server', schema, options)
    const { command, base_url } = talking
    if ((command === null) === (base_url === null)) {
      const what = command === null ? 'neither' : 'both'
      throw new LlemError(`backend server has ${what} of server.command and server.base_url`, {
        code: 'OPTIONS_INVALID',
        hint: HINT,
        kind: 'usage',
      })
    }
    if (command === null) return attached('the server', talking)
    return {
      title: basename(command[0] ?? 'the server'),
      command: ownCommand(command, model),
      port: null,
      talking,
      startsModel: command.some((part) => part.includes('{model}') || part === model),
      contextSize: null,
    }
  },
  installs: () => [],
  absence: 'your own: set server.command or server.base_url',
  hint: HINT,
})
