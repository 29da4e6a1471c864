import { parseOptions } from '../../options.js'
import { flags, portIn } from '../command-lines.js'
import { programInstall } from '../on-path.js'
import { attached, programOf, serverBackend } from '../server-backend.js'
import { namedGroups } from './options.js'

const HINT =
  'Use its container, see https://huggingface.co/docs/text-generation-inference/installation, and set tgi.base_url, e.g. http://127.0.0.1:8080; or put text-generation-launcher on PATH.'

/** Text Generation Inference: `text-generation-launcher`, or one that runs already. */
export const tgi = serverBackend({
  name: 'tgi',
  takes: 'folder',
  plan(model, options, where) {
    const own = parseOptions('tgi', namedGroups.tgi, options)
    if (own.base_url !== null) return { ...attached('tgi', own), engine: 'tgi' }
    const port = portIn(own.args)
    return {
      title: 'text-generation-launcher',
      engine: 'tgi',
      command: [
        ...[programOf('tgi', 'text-generation-launcher', where, HINT), '--model-id', model],
        ...(own.args.some((arg) => /^--hostname(=|$)/.test(arg)) ? [] : ['--hostname', '{host}']),
        ...(port === null ? ['--port', '{port}'] : []),
        ...flags({
          '--num-shard': own.num_shard,
          '--max-total-tokens': own.max_total_tokens,
          '--dtype': own.dtype,
          '--quantize': own.quantize,
          '--max-concurrent-requests': own.max_concurrent_requests,
        }),
        ...own.args,
      ],
      port,
      talking: own,
      startsModel: true,
      contextSize: own.max_total_tokens,
    }
  },
  installs: () => programInstall('text-generation-launcher'),
  absence: 'no text-generation-launcher on PATH; see: llem backend install tgi',
  hint: HINT,
})
