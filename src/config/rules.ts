import { LlemError } from '../core/errors.js'
import { hostOf, mayCarryKey } from '../core/key-policy.js'
import { namedModel } from '../core/named-model.js'
import { type Layer, placeOf } from './layers.js'
import type { Finding } from './problems.js'
import { type ExperimentConfig, experimentConfigSchema, isServerBackend, SERVER_BACKENDS } from './schema.js'
import { TABLE_FILE } from './schema-workload.js'
import { dotted, isTree, type Path, readPath, type Tree } from './tree.js'

/** A rule that joins several keys. It runs only when each of them is right by itself. */
interface Rule {
  keys: readonly Path[]
  broken(config: ExperimentConfig, written: Tree): { path: Path; message: string }[]
}

/** The rules beyond the schema, so that a broken one is reported beside the schema's own problems. */
const RULES: readonly Rule[] = [
  notAbove(['warmup', 'window_size'], ['warmup', 'max_prompts']),
  notAbove(['warmup', 'min_prompts'], ['warmup', 'max_prompts']),
  eachDeviceOnce(),
  oneMeterOfEach(),
  nodesAreOfServers(),
  oneCarbonIntensity(),
  columnOfTable(),
  oneLengthOfAnswers(),
  loadNeedsServer(),
  oneServer(),
  serverIsNamed(),
  modelIsNamed(),
  ...SERVER_BACKENDS.map(startedOrAttached),
  ...SERVER_BACKENDS.map(keyStaysSecret),
]

/** What breaks a rule. `config` may hold refused values: rules that read them are skipped. */
export function ruleFindings(
  config: ExperimentConfig,
  { written, refused, layers }: { written: Tree; refused: readonly Path[]; layers: readonly Layer[] },
): Finding[] {
  const sound = RULES.filter(({ keys }) => !keys.some((key) => refused.some((path) => overlap(path, key))))
  return sound.flatMap(({ broken }) =>
    broken(config, written).map(({ path, message }) => {
      return { place: placeOf(layers, path), key: dotted(path), message, suggestion: null }
    }),
  )
}

function notAbove(low: Path, high: Path): Rule {
  return {
    keys: [low, high],
    broken: (config, written) => {
      if (Number(readPath(config, low)) <= Number(readPath(config, high))) return []
      const shown = (key: Path) => {
        const note = readPath(written, key) === undefined ? ', the default' : ''
        return `${dotted(key)} (${readPath(config, key)}${note})`
      }
      const path = readPath(written, low) === undefined ? high : low
      return [{ path, message: `${shown(low)} must not exceed ${shown(high)}` }]
    },
  }
}

/** A device that is listed twice would have its energy counted twice. */
function eachDeviceOnce(): Rule {
  const key: Path = ['energy', 'devices']
  return {
    keys: [key],
    broken: ({ energy }) => {
      const devices = energy.devices ?? []
      return devices.flatMap((device, i) =>
        devices.indexOf(device) === i
          ? []
          : [
              {
                path: [...key, i],
                message: `energy.devices lists ${device} twice, its energy would be counted twice`,
              },
            ],
      )
    },
  }
}

/** Of two meters of the same machine nobody could tell whether they are to be added. */
function oneMeterOfEach(): Rule {
  const key: Path = ['energy', 'external']
  return {
    keys: [key],
    broken: ({ energy: { external } }) => {
      const meters = [external ?? []].flat()
      return meters.flatMap(({ scope }, i) =>
        meters.findIndex((each) => each.scope === scope) === i
          ? []
          : [
              {
                path: [...key, i],
                message: `energy.external has two meters with scope ${scope}; where they add up (two outlets), let one program add them`,
              },
            ],
      )
    },
  }
}

/** The meters of nodes read the GPUs of each, by llem's own sampler; what is of one machine would silently change nothing. */
function nodesAreOfServers(): Rule {
  const key: Path = ['energy', 'nodes']
  return {
    keys: [['backend'], key, ['energy', 'backend'], ['energy', 'devices'], ['energy', 'external']],
    broken: ({ backend, energy: { nodes, backend: by, devices, external } }) => {
      if (nodes === null) return []
      const problem = (path: Path, message: string) => ({ path, message })
      return [
        ...(isServerBackend(backend)
          ? []
          : [
              problem(
                key,
                `energy.nodes is for a server that spans machines, and backend ${backend} runs on this one; set backend to ${SERVER_BACKENDS.join(', ')}`,
              ),
            ]),
        ...(by === 'auto' || by === 'nvml' || by === null
          ? []
          : [
              problem(
                ['energy', 'backend'],
                `energy.nodes is measured by nvml, not by ${by}; set energy.backend to auto`,
              ),
            ]),
        ...(devices === null
          ? []
          : [
              problem(
                ['energy', 'devices'],
                'energy.devices names GPUs of this machine, and energy.nodes measures those of several; leave it out',
              ),
            ]),
        ...(external === null
          ? []
          : [
              problem(
                ['energy', 'external'],
                'energy.external is a meter of this machine, and energy.nodes measures several; leave one of the two out',
              ),
            ]),
      ]
    },
  }
}

/** A country has an intensity of its own. */
function oneCarbonIntensity(): Rule {
  const key: Path = ['carbon', 'country']
  return {
    keys: [key, ['carbon', 'intensity_gco2_kwh']],
    broken: ({ carbon: { country, intensity_gco2_kwh } }) => {
      if (country === null || intensity_gco2_kwh === null) return []
      const message = `carbon.country (${country}) and carbon.intensity_gco2_kwh (${intensity_gco2_kwh}) must not be given both`
      return [{ path: key, message }]
    },
  }
}

/** Only files with fields and data sets have columns, and a data set may name its own. */
function columnOfTable(): Rule {
  const key: Path = ['dataset', 'column']
  return {
    keys: [key, ['prompts']],
    broken: ({ prompts, dataset: { column } }) => {
      if (column === null) return []
      const source = typeof prompts === 'string' ? prompts : 'synthetic'
      const own = source.startsWith('hf:') ? source.split(':')[4] : undefined
      if (own !== undefined && own !== '' && own !== column)
        return [
          { path: key, message: `dataset.column (${column}) is another one than prompts (${source}) names` },
        ]
      if (source.startsWith('hf:') || TABLE_FILE.test(source)) return []
      return [
        { path: key, message: `dataset.column (${column}) is given, but prompts: ${source} has no columns` },
      ]
    },
  }
}

/** Synthetic prompts say themselves how long each answer is, so that another length would silently change nothing. */
function oneLengthOfAnswers(): Rule {
  const key: Path = ['generation', 'max_tokens']
  return {
    keys: [key, ['prompts']],
    broken: ({ prompts, generation: { max_tokens } }, written) => {
      if (typeof prompts === 'string' || readPath(written, key) === undefined) return []
      const { output_len } = prompts.synthetic
      if (output_len === max_tokens) return []
      const note =
        readPath(written, ['prompts', 'synthetic', 'output_len']) === undefined ? ', the default' : ''
      const message = `generation.max_tokens (${max_tokens}) would change nothing: each synthetic prompt has prompts.synthetic.output_len (${output_len}${note}); set that one alone`
      return [{ path: key, message }]
    },
  }
}

/** A backend inside of a worker takes one prompt after the other: a load would silently change nothing. */
function loadNeedsServer(): Rule {
  const key: Path = ['load']
  return {
    keys: [['backend'], key],
    broken: ({ backend }, written) => {
      const load = readPath(written, key)
      if (isServerBackend(backend) || !isTree(load)) return []
      return changedKeys('load', load).map((name) => ({
        path: [...key, name],
        message: `load.${name} has no meaning for backend ${backend}, which takes one prompt after the other; leave it out, or set backend to ${SERVER_BACKENDS.join(', ')}`,
      }))
    },
  }
}

/** A server spreads itself over GPUs. */
function oneServer(): Rule {
  const key: Path = ['processes']
  return {
    keys: [['backend'], key],
    broken: ({ backend, processes }) => {
      if (!isServerBackend(backend) || processes === 1) return []
      const own = backend === 'vllm' ? 'vllm.tensor_parallel_size' : 'the options of the server'
      const message = `processes (${processes}) has no meaning for backend ${backend}, which is one server; spread it over GPUs with ${own}`
      return [{ path: key, message }]
    },
  }
}

/** `backend: server` cannot guess which one. */
function serverIsNamed(): Rule {
  const key: Path = ['server', 'command']
  return {
    keys: [['backend'], key, ['server', 'base_url']],
    broken: ({ backend, server: { command, base_url } }) => {
      if (command !== null && !command.some((part) => part.includes('{port}'))) {
        const message = 'server.command must say {port} where the server gets its port, e.g. --port, "{port}"'
        return [{ path: key, message }]
      }
      if (backend !== 'server' || command !== null || base_url !== null) return []
      const message =
        'backend server needs server.command, e.g. [llama-server, -m, "{model}", --port, "{port}"], or server.base_url, e.g. http://127.0.0.1:8000'
      return [{ path: ['backend'], message }]
    },
  }
}

/** A name that is misspelt is told with its place, before anybody is asked for it. */
function modelIsNamed(): Rule {
  const key: Path = ['model']
  return {
    keys: [key],
    broken: ({ model }) => {
      try {
        namedModel(model)
        return []
      } catch (error) {
        if (!(error instanceof LlemError)) throw error
        return [{ path: key, message: `${error.message}. ${error.hint}` }]
      }
    },
  }
}

/** What a server is started with has no meaning for one that runs already. */
function startedOrAttached(name: (typeof SERVER_BACKENDS)[number]): Rule {
  const base: Path = [name, 'base_url']
  return {
    keys: [[name]],
    broken: (config, written) => {
      if (config[name].base_url === null) return []
      const group = readPath(written, [name])
      const starting = changedKeys(name, isTree(group) ? group : {})
      return starting
        .filter((key) => !ATTACHED_KEYS.includes(key))
        .map((key) => ({
          path: [name, key],
          message: `${name}.${key} is for a server that llem starts, and ${dotted(base)} names one that runs already; leave out one of the two`,
        }))
    },
  }
}

/** A key in the clear is read by whoever is on the way. */
function keyStaysSecret(name: (typeof SERVER_BACKENDS)[number]): Rule {
  return {
    keys: ['base_url', 'api_key_env', 'api_key_hosts'].map((key) => [name, key]),
    broken: (config) => {
      const { base_url, api_key_env, api_key_hosts } = config[name]
      if (base_url === null || api_key_env === null || mayCarryKey(base_url, api_key_hosts)) return []
      const message = `the key of ${name}.api_key_env (${api_key_env}) would go unencrypted to ${base_url}; use https://, or allow it with \`${name}.api_key_hosts: [${hostOf(base_url)}]\``
      return [{ path: [name, 'api_key_env'], message }]
    },
  }
}

let defaultsOfAll: ExperimentConfig | null = null

/** The keys that are written with another value than their default, as a resolved configuration writes all of them. */
function changedKeys(group: 'load' | (typeof SERVER_BACKENDS)[number], written: Tree): string[] {
  // Once: a grid asks for each of its points.
  defaultsOfAll ??= experimentConfigSchema.parse({ model: 'any' })
  const defaults: unknown = defaultsOfAll[group]
  return Object.keys(written).filter(
    (key) => JSON.stringify(written[key]) !== JSON.stringify(readPath(defaults, [key])),
  )
}

/** Keys of a server's group that say how to talk to it, not how to start it. */
const ATTACHED_KEYS = [
  'base_url',
  'endpoint',
  'model',
  'served_as',
  'api_key_env',
  'api_key_hosts',
  'extra_body',
]

function overlap(a: Path, b: Path): boolean {
  const length = Math.min(a.length, b.length)
  return a.slice(0, length).every((step, i) => step === b[i])
}
