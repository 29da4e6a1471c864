import { closest, didYouMean } from './did-you-mean.js'
import { schemaKeys } from './json-schema.js'
import { addValue, type Overrides } from './overrides.js'
import { SERVER_BACKENDS } from './schema.js'
import { bareWord, meantBy } from './vocabulary.js'

const PREFIX = 'LLEM_'

/** Variables with the prefix that are no config keys; a trailing `*` stands for any ending. */
export const RESERVED_VARIABLES: readonly string[] = [
  'LLEM_NVML_SIM',
  'LLEM_NVML_LIBRARY',
  'LLEM_PROC_ROOT',
  'LLEM_SYSFS_ROOT',
  'LLEM_DATA_DIR',
  'LLEM_CLAIMS_DIR',
  'LLEM_CLAIMED',
  'LLEM_SHARE_GPUS',
  'LLEM_DRIVER_PATIENCE_S',
  'LLEM_DATASETS_SERVER',
  'LLEM_TEST_*',
]

/**
 * `LLEM_ENERGY__INTERVAL_MS=5`: the key in capitals, `__` between levels. An empty variable counts as unset;
 * one that is neither a key nor reserved is a problem, since a mistyped one would silently change nothing.
 */
export function environmentLayers(env: Readonly<Record<string, string | undefined>>): Overrides {
  const overrides: Overrides = { layers: [], findings: [] }
  const names = Object.keys(env)
    .filter((name) => name.startsWith(PREFIX) && !isReserved(name))
    .sort()
  for (const [index, name] of names.entries()) {
    const value = env[name]
    if (value === undefined || value.trim() === '') continue
    const key = withDashes(name.slice(PREFIX.length).toLowerCase().replaceAll('__', '.'))
    addValue(overrides, { source: 'environment', key, where: name, index, value }, () =>
      suggestVariable(name),
    )
  }
  return overrides
}

/** A shell has no dash in the name of a variable: LLAMA_SERVER stands for the group llama-server. */
function withDashes(key: string): string {
  const [group = '', ...rest] = key.split('.')
  const dashed = group.replaceAll('_', '-')
  return rest.length > 0 && (SERVER_BACKENDS as readonly string[]).includes(dashed)
    ? [dashed, ...rest].join('.')
    : key
}

/** The variable that stands for a config key. */
export function variableOf(path: readonly string[]): string {
  return PREFIX + path.join('__').toUpperCase().replaceAll('-', '_')
}

function suggestVariable(name: string): string | null {
  const typed = name.slice(PREFIX.length)
  const known = [...schemaKeys()].map(({ path }) => variableOf(path).slice(PREFIX.length))
  const nearest = closest(typed, known)
  const isSame = nearest !== null && bareWord(nearest) === bareWord(typed)
  const [group, ...rest] = typed.toLowerCase().split('__')
  const meant = isSame ? [] : meantBy(rest.at(-1) ?? group ?? '', rest.length === 0 ? null : group)
  const variables = meant.map((key) => variableOf(key.split('.')))
  const possible = variables.filter((variable) => known.includes(variable.slice(PREFIX.length)))
  if (possible.length > 0) return didYouMean(...possible)
  return nearest === null ? null : didYouMean(PREFIX + nearest)
}

function isReserved(name: string): boolean {
  return RESERVED_VARIABLES.some((reserved) =>
    reserved.endsWith('*') ? name.startsWith(reserved.slice(0, -1)) : name === reserved,
  )
}
